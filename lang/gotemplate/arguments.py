"""What fits a function's parameter: constants take its type, values must have it.

Owns the kinds of `lang.sprig.registry` as Go types. Source: Go `text/template/exec.go`.
"""

from __future__ import annotations

from typing import Any

from lang import gotypes
from lang.gotemplate import nodes
from lang.gotemplate.nodes import Node

# Besides these `a` is anything and `r` anything, with a missing value as what it is.
TYPES = {
    "s": "string",
    "i": "int",
    "f": "float64",
    "b": "bool",
    "m": "map[string]interface {}",
    "t": "time.Time",
}


class NoValue:
    """A missing key, and a pipeline's nil: printed as `<no value>`, nil for functions."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<no value>"


NO_VALUE = NoValue()


class Misfit(Exception):
    """Why a value is no argument; the executor adds the place."""


def constant(node: Node, kind: str) -> Any:
    """A literal as a parameter of this kind. Raises Misfit."""
    if isinstance(node, nodes.Number):
        return _number(node, kind)
    assert isinstance(node, nodes.Constant)
    value = node.value
    if kind == "a":
        return value
    if kind == "r":
        return NO_VALUE if value is None else value
    if value is None:
        if kind == "m":
            return gotypes.NoMap()
        raise Misfit(f"cannot assign nil to {TYPES[kind]}")
    if (kind == "s" and isinstance(value, str)) or (kind == "b" and isinstance(value, bool)):
        return value
    raise _unexpected(node, kind)


def _number(node: nodes.Number, kind: str) -> Any:
    if kind in "ar":
        return ideal(node)
    if kind == "i" and node.integer is not None:
        return node.integer
    if kind == "f" and node.real is not None:
        return node.real
    raise _unexpected(node, kind)


def ideal(node: nodes.Number) -> Any:
    """A number on its own. Raises Misfit where it is too large."""
    if node.value is None:
        raise Misfit(f"{node.text} overflows int")
    return node.value


def _unexpected(node: Node, kind: str) -> Misfit:
    if kind in "mt":
        return Misfit(f"can't handle {node.text} for arg of type {TYPES[kind]}")
    wanted = {"i": "integer", "f": "float"}.get(kind, TYPES[kind])
    return Misfit(f"expected {wanted}; found {node.text}")


def fitted(value: Any, kind: str) -> Any:
    """A value as a parameter of this kind. Raises Misfit."""
    if kind == "r":
        return value
    if kind == "a":
        return None if value is NO_VALUE else value
    if value is NO_VALUE:
        if kind == "m":
            return gotypes.NoMap()
        raise Misfit(f"invalid value; expected {TYPES[kind]}")
    given = "interface {}" if value is None else gotypes.name(value)
    if given != TYPES[kind]:
        raise Misfit(f"wrong type for value; expected {TYPES[kind]}; got {given}")
    return value
