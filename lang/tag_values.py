"""What one tag stands for in a scope: a text, "leave it", or an error in the reference's words.

Owns the rules of resolving: what may stay unresolved, absent optional outputs, late-bound names
in expressions, the sub-field extension. Does no scanning. Callers: `tags` and `tag_text`.

A scope is flat: `{"inputs.parameters.x": "v"}`. A None value is an output that its producer did
not make (skipped or omitted, without a default). Values of expressions may be any JSON value.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lang import gojson, strconv
from lang.errors import ErrorKind, LangError
from lang.tag_scan import Tag

_ABSENT = "output is an absent optional (skipped/omitted node with no default)"
_LATE_ARTIFACT = ".outputs.artifacts."


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to a tag that the scope does not know.

    `allow_unresolved`: it stays as it is. Otherwise it is an error; with `strict_prefixes` only
    if its name begins with one of them, the others stay. `portable`: a value that the reference
    could not carry through JSON text (control characters) is an error.
    """

    allow_unresolved: bool = False
    strict_prefixes: tuple[str, ...] | None = None
    subfields: bool = True
    portable: bool = False

    def must_resolve(self, name: str) -> bool:
        if self.strict_prefixes is None:
            return not self.allow_unresolved
        return any(name == p or name.startswith(f"{p}.") for p in self.strict_prefixes)


class Unresolved(LangError):
    """A name that the scope does not have (yet): the caller may try again later."""

    def __init__(self, message: str, position: int | None) -> None:
        super().__init__(ErrorKind.NAME, message, position)


@dataclass(slots=True)
class Scope:
    """Flat variables, and what is derived from them once: the nested view of expressions."""

    variables: Mapping[str, Any]
    _nested: dict[str, Any] | None = field(default=None)

    def nested(self) -> dict[str, Any]:
        if self._nested is None:
            self._nested = nest(self.variables)
        return self._nested


def nest(variables: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`; where both `a` and `a.b` exist the scalar is dropped."""
    tree: dict[str, Any] = {}
    for name in sorted(variables):
        parts = name.split(".")
        node = tree
        for part in parts[:-1]:
            child = node.get(part)
            if not isinstance(child, Level):
                child = node[part] = Level(child if isinstance(child, dict) else {})
            node = child
        if not isinstance(node.get(parts[-1]), Level):
            node[parts[-1]] = variables[name]
    return tree


class Level(dict[str, Any]):
    """A map made of dotted names, told apart from a value that is a map.

    `inherited`: the members that a value gave it which stood at the same name.
    """

    __slots__ = ("inherited",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        super().__init__(value)
        self.inherited = frozenset(value)


def simple(tag: Tag, scope: Scope, policy: Policy, shown: str) -> str | None:
    """The value of a plain tag, or None where it stays. `shown` is its text for messages."""
    name = tag.name
    variables = scope.variables
    if name in variables:
        value = variables[name]
        if type(value) is str:
            return value
        return _text_of(value, name, shown, tag)
    if policy.subfields:
        member = subfield(name, variables)
        if member is not None:
            return member
    if policy.must_resolve(name) and not (
        policy.strict_prefixes is not None and _LATE_ARTIFACT in name
    ):
        raise Unresolved(f"failed to resolve {{{{{shown}}}}}", tag.position)
    return None


def _text_of(value: Any, name: str, shown: str, tag: Tag) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None:
        message = f"unable to substitute {{{{{name}}}}}: {_ABSENT}"
        raise LangError(ErrorKind.VALUE, message, tag.position)
    raise Unresolved(f"failed to resolve {{{{{shown}}}}} to string", tag.position)


def subfield(name: str, variables: Mapping[str, Any]) -> str | None:
    """A member of a variable that holds a JSON object, or None.

    `inputs.parameters.batch.start` with `inputs.parameters.batch` = `{"start": 10}` is `10`.
    An extension: the reference leaves such a tag unresolved.
    """
    at = name.rfind(".")
    while at > 0:
        value = variables.get(name[:at])
        if isinstance(value, str):
            return _member(value, name[at + 1 :]) if value.lstrip().startswith("{") else None
        at = name.rfind(".", 0, at)
    return None


def _member(document: str, path: str) -> str | None:
    try:
        node = _parsed(document)
    except LangError:
        return None
    while True:
        if not isinstance(node, dict):
            return None
        if path in node:
            value = node[path]
            return value if isinstance(value, str) else gojson.dumps(value)
        key, dot, path = path.partition(".")
        if not dot or key not in node:
            return None
        node = node[key]


@functools.lru_cache(maxsize=32)
def _parsed(document: str) -> Any:
    return gojson.parse(document)


def go_quoted(value: str) -> str:
    """Go quoting without the outer quotes; what JSON does not know in it is refused."""
    text = strconv.quote(value)
    try:
        json.loads(text)
    except ValueError:
        message = "cannot finish template replacement because the result was invalid JSON"
        raise LangError(ErrorKind.VALUE, message) from None
    return text[1:-1]
