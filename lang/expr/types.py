"""Static types: what the checker knows of a value before anything runs.

`UNKNOWN` (Go's interface{}) fits everywhere; only what is certain to fail is an error. Printed as
Go prints types, because messages show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lang.expr import values


@dataclass(frozen=True, slots=True)
class Type:
    """`text` is Go's name; `element` of arrays and maps; `fields` of structs."""

    kind: str
    text: str
    element: Type | None = None
    returns: Type | None = None
    fields: Mapping[str, Type] | None = None

    def __str__(self) -> str:
        return self.text


UNKNOWN = Type("unknown", "unknown")
NIL = Type("nil", "unknown")
UNTYPED_NIL = Type("nil", "<nil>")  # as the older generation prints it
BOOL = Type("bool", "bool")
INT = Type("int", "int")
INT64 = Type("int", "int64")
FLOAT = Type("float", "float64")
STRING = Type("string", "string")
BYTES = Type("array", "[]uint8", INT)
TIME = Type("time", "time.Time")
DURATION = Type("duration", "time.Duration")
LOCATION = Type("location", "*time.Location")
MAP = Type("map", "map[string]interface {}", UNKNOWN)
ARRAY = Type("array", "[]interface {}", UNKNOWN)
STRINGS = Type("array", "[]string", STRING)
HEADER = Type("map", "http.Header", STRINGS)
FUNCTION = Type("func", "func", returns=UNKNOWN)

NUMBERS = frozenset(["int", "float", "duration"])
INTEGERS = frozenset(["int", "duration"])
_OF: dict[type, Type] = {
    type(None): NIL,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: STRING,
    bytes: BYTES,
    list: ARRAY,
    dict: MAP,
    datetime: TIME,
    values.Duration: DURATION,
    values.Location: LOCATION,
    values.Int64: INT64,
    values.Strings: STRINGS,
    values.Header: HEADER,
}


def array(element: Type) -> Type:
    """An array whose elements are all of one type; Go prints it as any other."""
    return Type("array", ARRAY.text, element)


def of(value: Any) -> Type:
    """The type of a value in the environment."""
    found = _OF.get(type(value))
    if found is not None:
        return found
    if isinstance(value, values.Struct):
        fields = {name: of(each) for name, each in value.items()}
        return Type("struct", value.text, fields=fields)
    if isinstance(value, values.Function):
        return value.type or FUNCTION
    for kind, known in _OF.items():
        if isinstance(value, kind):
            return known
    return MAP if isinstance(value, Mapping) else UNKNOWN


def comparable(left: Type, right: Type) -> bool:
    """Whether `==` may be asked of these two."""
    if {left.kind, right.kind} & {"unknown", "nil"}:
        return True
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return True
    return left.kind == right.kind


def assignable(value: Type, target: Type) -> bool:
    """Whether an argument of this type may be passed where `target` is wanted."""
    if target is UNKNOWN or value is UNKNOWN:
        return True
    if value.kind == "nil":
        return target.kind in {"map", "array", "func", "location"}
    if target.kind == "float" and value.kind == "int":
        return True
    return value.kind == target.kind
