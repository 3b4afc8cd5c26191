"""A tree as source again: what `parser.parse` reads back as the same tree.

Everything that has operands is put in parentheses, so that precedence plays no part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import strconv
from lang.expr import nodes
from lang.expr.nodes import Node


def source(node: Node) -> str:
    """The text of a tree."""
    return _PRINTERS[type(node)](node)


def _constant(value: Any) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return strconv.quote(value)
        case bytes():
            return "b" + strconv.quote(value.decode("latin-1"))
        case _:
            return repr(value)


def _member(node: nodes.Member) -> str:
    base = source(node.base)
    if node.dotted and isinstance(node.key, nodes.Constant):
        return f"{base}{'?.' if node.optional else '.'}{node.key.value}"
    return f"{base}{'?.' if node.optional else ''}[{source(node.key)}]"


def _slice(node: nodes.Slice) -> str:
    start = source(node.start) if node.start else ""
    end = source(node.end) if node.end else ""
    return f"{source(node.base)}[{start}:{end}]"


def _listed(items: tuple[Node, ...]) -> str:
    return ", ".join(map(source, items))


def _map(node: nodes.Map) -> str:
    pairs = (f"({source(key)}): {source(value)}" for key, value in node.pairs)
    return "{" + ", ".join(pairs) + "}"


def _unary(node: nodes.Unary) -> str:
    return f"({node.operator} {source(node.operand)})"


_PRINTERS: dict[type[Node], Callable[..., str]] = {
    nodes.Constant: lambda node: _constant(node.value),
    nodes.Name: lambda node: node.name,
    nodes.Pointer: lambda node: f"#{node.name}",
    nodes.Unary: _unary,
    nodes.Binary: lambda n: f"({source(n.left)} {n.operator} {source(n.right)})",
    nodes.Conditional: lambda n: f"({source(n.condition)} ? {source(n.yes)} : {source(n.no)})",
    nodes.Member: _member,
    nodes.Chain: lambda node: source(node.inner),
    nodes.Slice: _slice,
    nodes.Call: lambda node: f"{source(node.callee)}({_listed(node.arguments)})",
    nodes.Builtin: lambda node: f"{node.name}({_listed(node.arguments)})",
    nodes.Predicate: lambda node: "{" + source(node.body) + "}",
    nodes.Array: lambda node: f"[{_listed(node.items)}]",
    nodes.Map: _map,
    nodes.Let: lambda n: f"(let {n.name} = {source(n.value)}; {source(n.body)})",
    nodes.Sequence: lambda node: "(" + "; ".join(map(source, node.items)) + ")",
}
