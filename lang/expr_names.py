"""The names an expr-lang expression reads, and which of them a scope does not have.

Owns the look at a source by its tokens: chains like `steps.a.outputs["x"]`, what `??` and `?.`
forgive. It does not judge grammar. Semantics: Argo's check before `{{=…}}` is evaluated (names
bound by `let` are not told apart there either). Caller: `tag_expr`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<number>\.?[0-9](?:[0-9A-Za-z_.]|(?<=[eE])[+-])*)
    |(?P<name>[A-Za-z_$\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*)
    |(?P<symbol>\?\.|\?\?|\.\.|[-+*/%^=!<>&|]{2}|.)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = frozenset(
    {"true", "false", "nil", "in", "not", "and", "or", "let", "if", "else"}
    | {"matches", "contains", "startsWith", "endsWith"}
)


@dataclass(frozen=True, slots=True)
class Chain:
    """A root name and its constant members. `optional[i]`: member i is read with `?.`.

    `called`: the chain is called as a function; `forgiven`: `??` stands behind it.
    """

    parts: tuple[str, ...]
    optional: tuple[bool, ...]
    called: bool = False
    forgiven: bool = False


@functools.lru_cache(maxsize=1024)
def chains(source: str) -> tuple[Chain, ...]:
    """The chains of a source, in its order."""
    tokens = _tokens(source)
    found: list[Chain] = []
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        if kind != "name" or text in _WORDS or not _is_root(tokens, at):
            at += 1
            continue
        chain, at = _chain(tokens, at)
        found.append(chain)
    return tuple(found)


def missing(source: str, scope: Mapping[str, Any], functions: Container[str]) -> str | None:
    """The first name, up to the member that is not there, that `scope` (nested) does not have.

    Only maps made of dotted names are looked into: a value has no members here.
    """
    for chain in chains(source):
        root = chain.parts[0]
        if root not in scope:
            if chain.called and len(chain.parts) == 1 and root in functions:
                continue
            return root
        name = None if chain.forgiven else _missing_member(chain, scope)
        if name is not None:
            return name
    return None


def _missing_member(chain: Chain, scope: Mapping[str, Any]) -> str | None:
    node: Any = scope[chain.parts[0]]
    for index, part in enumerate(chain.parts[1:], 1):
        if isinstance(node, dict) and part in node and part not in getattr(node, "inherited", ()):
            node = node[part]
            continue
        return None if chain.optional[index] else ".".join(chain.parts[: index + 1])
    return None


def _tokens(source: str) -> list[tuple[str, str]]:
    return [
        (match.lastgroup or "", match.group())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "skip"
    ]


def _is_root(tokens: list[tuple[str, str]], at: int) -> bool:
    """Whether a name is read from the scope: no member, no key of a map, no piped function."""
    before = tokens[at - 1][1] if at else ""
    after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
    if before in (".", "?.", "|", "#") or (after == ":" and before in ("{", ",")):
        return False
    # `.field` inside a closure is a member of the element; `let x` names something new.
    return before != "let"


def _chain(tokens: list[tuple[str, str]], at: int) -> tuple[Chain, int]:
    parts, optional = [tokens[at][1]], [False]
    at += 1
    while at < len(tokens):
        symbol = tokens[at][1]
        if symbol in (".", "?.") and at + 1 < len(tokens):
            kind, text = tokens[at + 1]
            if kind == "name":
                parts.append(text)
                optional.append(symbol == "?.")
                at += 2
                continue
            at, bracket = (at + 1, text == "[") if symbol == "?." else (at, False)
        else:
            bracket = symbol == "["
        if not bracket or at + 2 >= len(tokens) or tokens[at + 2][1] != "]":
            break
        kind, text = tokens[at + 1]
        if kind != "text":
            break
        parts.append(text[1:-1])
        optional.append(tokens[at - 1][1] == "?.")
        at += 3
    after = tokens[at][1] if at < len(tokens) else ""
    return Chain(tuple(parts), tuple(optional), after == "(", after == "??"), at
