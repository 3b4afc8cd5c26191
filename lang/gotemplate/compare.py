"""eq, ne, lt and their kin. Source: Go `text/template/funcs.go`: ints and floats do not mix."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lang import gofmt, gotypes
from lang.gotypes import Duration
from lang.sprig.registry import fail


def _kind(value: Any) -> str:
    """The basic kind, "" for what has none."""
    match value:
        case bool():
            return "bool"
        case int() | Duration():
            return "int"
        case float():
            return "float"
        case complex():
            return "complex"
        case str():
            return "string"
        case _:
            return ""


def _shape(value: Any) -> str:
    """What kind of composite a value without a basic kind is."""
    match value:
        case None:
            return "nil"
        case list() | bytes():
            return "slice"
        case dict():
            return "map"
        case datetime():
            return "struct"
        case _:
            return "ptr"


def _number(value: Any) -> Any:
    return value.nanoseconds if isinstance(value, Duration) else value


def _mixed(left: Any, right: Any) -> Exception:
    names = f"{gofmt.type_name(left)} and {gofmt.type_name(right)}"
    return fail(f"incompatible types for comparison: {names}")


def equal(first: Any, *others: Any) -> bool:
    """Whether the first equals any other."""
    if not others:
        raise fail("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(left: Any, right: Any) -> bool:
    a, b = _kind(left), _kind(right)
    if a != b:
        if left is None or right is None:
            return False
        raise _mixed(left, right)
    if a:
        return bool(_number(left) == _number(right))
    shapes = _shape(left), _shape(right)
    if shapes[0] != shapes[1] and "nil" not in shapes:
        layout = "non-comparable types %s: %T, %T: %v"
        raise fail(gofmt.sprintf(layout, left, left, right, right))
    nils = _is_nil(left), _is_nil(right)
    if any(nils):
        return all(nils)
    if shapes[1] in {"slice", "map"}:
        raise fail(gofmt.sprintf("non-comparable type %s: %T", right, right))
    return left is right or (shapes[1] == "struct" and bool(left == right))


def _is_nil(value: Any) -> bool:
    return value is None or gotypes.is_nil(value)


def less(left: Any, right: Any) -> bool:
    """`lt`."""
    a, b = _kind(left), _kind(right)
    if not a or not b:
        raise fail("invalid type for comparison")
    if a != b:
        raise _mixed(left, right)
    if a in {"bool", "complex"}:
        raise fail("invalid type for comparison")
    return bool(_number(left) < _number(right))


def at_most(left: Any, right: Any) -> bool:
    """`le`."""
    return less(left, right) or _equal(left, right)
