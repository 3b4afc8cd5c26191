"""eq, ne, lt and their kin. Source: Go `text/template/funcs.go`: ints and floats do not mix."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lang import gofmt
from lang.gotypes import Duration
from lang.sprig.registry import fail


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "bool"
        case int() | Duration():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
        case list() | dict():
            return "none"
        case _:
            return "other"


def _number(value: Any) -> Any:
    return value.nanoseconds if isinstance(value, Duration) else value


def _mixed(left: Any, right: Any) -> Exception:
    names = f"{gofmt.type_name(left)} and {gofmt.type_name(right)}"
    return fail(f"incompatible types for comparison: {names}")


def equal(first: Any, *others: Any) -> bool:
    """Whether the first equals any other."""
    if _kind(first) == "none":
        raise fail(f"non-comparable type {gofmt.v(first)}: {gofmt.type_name(first)}")
    if not others:
        raise fail("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(left: Any, right: Any) -> bool:
    a, b = _kind(left), _kind(right)
    if "nil" in {a, b}:
        return a == b
    if b == "none":
        raise fail(f"non-comparable type {gofmt.v(right)}: {gofmt.type_name(right)}")
    if a != b:
        raise _mixed(left, right)
    return bool(_number(left) == _number(right))


def less(left: Any, right: Any) -> bool:
    """`lt`."""
    a, b = _kind(left), _kind(right)
    if not {a, b} <= {"int", "float", "string"}:
        if isinstance(left, datetime) and isinstance(right, datetime):
            return left < right
        raise fail("invalid type for comparison")
    if a != b:
        raise _mixed(left, right)
    return bool(_number(left) < _number(right))


def at_most(left: Any, right: Any) -> bool:
    """`le`."""
    return less(left, right) or _equal(left, right)
