"""Values of syntax trees: aliases and merges expanded, keys made texts, duplicates found.

Owns go-yaml's rules for mappings and the cap on what aliases multiply. Every error has a position.
Caller: `yaml`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import strconv, yaml_scalars
from lang.errors import ErrorKind, LangError, Limits
from lang.yaml_nodes import ALIAS, MAPPING, PLAIN, QUOTED, SEQUENCE, Node

_FREE_NODES, _ALIAS_FACTOR = 10_000, 20
_MERGE = f"{yaml_scalars.PREFIX}merge"


class Reader:
    """Builds the value of one document."""

    def __init__(self, strict: bool, limits: Limits) -> None:
        self._strict = strict
        self._limits = limits
        self._duplicates: list[str] = []
        self._first_duplicate: int | None = None
        self._active: list[Node] = []
        self._aliased = 0
        self._built = 0
        self._depth = 0

    def read(self, root: Node) -> Any:
        """The JSON tree below `root`. Raises LangError."""
        try:
            value = self._value(root)
        except RecursionError:
            raise LangError(ErrorKind.LIMIT, "yaml: nested too deeply", root.offset) from None
        if self._duplicates:
            message = "yaml: unmarshal errors:\n  " + "\n  ".join(self._duplicates)
            raise LangError(ErrorKind.VALUE, message, self._first_duplicate)
        return value

    def _value(self, node: Node) -> Any:
        self._built += 1
        if self._active:
            self._count_aliased(node)
        kind = node.kind
        if kind == PLAIN and node.tag is None:
            return yaml_scalars.plain(node.text).value
        if kind <= QUOTED:
            return scalar(node)
        if kind == ALIAS:
            return self._alias(node, self._value)
        if self._depth >= self._limits.nesting:
            raise LangError(ErrorKind.LIMIT, "yaml: nested too deeply", node.offset)
        self._depth += 1
        value = self._mapping(node) if kind == MAPPING else list(map(self._value, node.children))
        self._depth -= 1
        return value

    def _count_aliased(self, node: Node) -> None:
        self._aliased += 1
        if self._aliased > _FREE_NODES and self._aliased > _ALIAS_FACTOR * (
            self._built - self._aliased
        ):
            message = "yaml: document contains excessive aliasing"
            raise LangError(ErrorKind.LIMIT, message, node.offset)

    def _alias(self, node: Node, build: Callable[[Node], Any]) -> Any:
        target = node.target
        assert target is not None
        if any(target is other for other in self._active):
            message = f"yaml: anchor '{node.text}' value contains itself"
            raise LangError(ErrorKind.VALUE, message, node.offset)
        self._active.append(target)
        try:
            return build(target)
        finally:
            self._active.pop()

    def _mapping(self, node: Node) -> dict[str, Any]:
        # True and 1 are one key to Python and two to YAML, so a key's type is part of it.
        result: dict[tuple[type, Any], Any] = {}
        self._fill(node, result)
        named = {}
        for (_, key), value in result.items():
            if key is None:
                shown = shown_in_go(value)
                message = f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}"
                raise LangError(ErrorKind.TYPE, message, _null_key(node).offset)
            named[key if type(key) is str else key_text(key)] = value
        return named

    def _fill(self, node: Node, result: dict[tuple[type, Any], Any]) -> None:
        pairs = iter(node.children)
        for key_node, value_node in zip(pairs, pairs, strict=True):
            if is_merge(key_node):
                self._merge(value_node, result)
                continue
            key = self._value(key_node)
            if isinstance(key, dict | list):
                message = f"yaml: invalid map key: {shown_in_go(key)}"
                raise LangError(ErrorKind.TYPE, message, key_node.offset)
            slot = (type(key), key)
            if self._strict and slot in result:
                self._duplicate(key, key_node, value_node)
                continue
            result[slot] = self._value(value_node)

    def _duplicate(self, key: Any, key_node: Node, value_node: Node) -> None:
        if self._first_duplicate is None:
            self._first_duplicate = key_node.offset
        shown = shown_in_go(key)
        self._duplicates.append(f"line {value_node.line}: key {shown} already set in map")

    def _merge(self, node: Node, result: dict[tuple[type, Any], Any]) -> None:
        """`<<`: fields of another map, or of several of which the earlier ones win."""
        for source in merged(node):
            self._built += 1
            if self._active:
                self._count_aliased(source)
            if source.target is not None:
                self._alias(source, lambda target: self._fill(target, result))
            else:
                self._fill(source, result)


def merged(node: Node) -> list[Node]:
    """The mappings that a merge puts together, or aliases of such, the last to win last."""
    mapping = node.target if node.target is not None else node
    if mapping.kind == MAPPING:
        return [node]
    if node.kind == SEQUENCE and all(child.kind != SEQUENCE for child in node.children):
        return [source for child in reversed(node.children) for source in merged(child)]
    message = "yaml: map merge requires map or sequence of maps as the value"
    raise LangError(ErrorKind.TYPE, message, node.offset)


def is_merge(node: Node) -> bool:
    """Whether a key is `<<` and means it."""
    if node.kind > QUOTED or node.text != "<<":
        return False
    return node.tag == _MERGE or (node.tag is None and node.kind == PLAIN)


def scalar(node: Node) -> Any:
    """The value of a scalar node."""
    if node.tag is not None and node.tag != "!":
        try:
            return yaml_scalars.tagged(node.tag, node.text)
        except LangError as error:
            raise LangError(error.kind, error.message, node.offset) from None
    if node.kind == QUOTED or node.tag == "!":
        return node.text
    return yaml_scalars.plain(node.text).value


def key_text(key: Any) -> str:
    """A scalar key as the text that JSON needs."""
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case float():
            return strconv.format_float_g(key).replace("+Inf", ".inf").replace("-Inf", "-.inf")
        case None:
            return ""
        case _:
            return str(key)


def _null_key(node: Node) -> Node:
    """The key that is null, or the mapping where a merge brought it in."""
    for key in node.children[::2]:
        if key.kind <= QUOTED and scalar(key) is None:
            return key
    return node


def shown_in_go(value: Any) -> str:
    """A value as Go's `%#v` prints it."""
    match value:
        case None:
            return "interface {}(nil)"
        case bool():
            return "true" if value else "false"
        case str():
            return strconv.quote(value)
        case list():
            return "[]interface {}{" + ", ".join(map(shown_in_go, value)) + "}"
        case dict():
            pairs = ", ".join(f"{shown_in_go(k)}:{shown_in_go(v)}" for k, v in value.items())
            return "map[interface {}]interface {}{" + pairs + "}"
        case float():
            return strconv.format_float_g(value)
        case _:
            return str(value)
