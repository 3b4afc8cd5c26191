"""Types, defaults and conditions. Source: sprig `reflect.go`, `defaults.go`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lang import gofmt
from lang.gotypes import Duration
from lang.sprig import casting
from lang.sprig.registry import Table, fail, takes


def kind_of(value: Any) -> str:
    """reflect.Kind's name."""
    match value:
        case None:
            return "invalid"
        case Duration():
            return "int64"
        case list() | bytes():
            return "slice"
        case dict():
            return "map"
        case datetime():
            return "struct"
        case bool() | int() | float() | str():
            return gofmt.type_name(value)
        case _:
            return "ptr"


def _default(fallback: Any, *given: Any) -> Any:
    return fallback if not given or casting.is_empty(given[0]) else given[0]


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if not casting.is_empty(value)), None)


def _ternary(yes: Any, no: Any, condition: bool) -> Any:
    return yes if condition else no


def _fail(message: str) -> Any:
    raise fail(message)


def _type_like(target: str, value: Any) -> bool:
    return gofmt.type_name(value) in {target, "*" + target}


def _deep_equal(left: Any, right: Any) -> bool:
    return gofmt.type_name(left) == gofmt.type_name(right) and gofmt.sharp_v(left) == gofmt.sharp_v(
        right
    )


TABLE: Table = {
    "default": takes("aa*", _default),
    "empty": takes("a", casting.is_empty),
    "coalesce": takes("a*", _coalesce),
    "all": takes("a*", lambda *values: not any(map(casting.is_empty, values))),
    "any": takes("a*", lambda *values: not all(map(casting.is_empty, values))),
    "ternary": takes("aab", _ternary),
    "fail": takes("s", _fail),
    "typeOf": takes("a", gofmt.type_name),
    "typeIs": takes("sa", lambda target, value: gofmt.type_name(value) == target),
    "typeIsLike": takes("sa", _type_like),
    "kindOf": takes("a", kind_of),
    "kindIs": takes("sa", lambda target, value: kind_of(value) == target),
    "deepEqual": takes("aa", _deep_equal),
}
