"""The names a tree reads from its environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from lang.expr import nodes
from lang.expr.nodes import Node


def read(tree: Node) -> tuple[str, ...]:
    """All free names, sorted; names bound by `let` may be among them."""
    return tuple(sorted({node.name for node in _walk(tree) if isinstance(node, nodes.Name)}))


def _walk(node: object) -> Iterator[Node]:
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, Node):
            yield current
            stack.extend(getattr(current, each.name) for each in fields(current))
        elif isinstance(current, tuple):
            stack.extend(current)
