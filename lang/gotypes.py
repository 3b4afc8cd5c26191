"""Go types that messages and printing tell apart from Python's own.

Owns thin subclasses: each is the Python value, with the name that `%T` gives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lang import duration as durations


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A time.Duration in nanoseconds."""

    nanoseconds: int
    go_type = "time.Duration"

    def __str__(self) -> str:
        return durations.format_ns(self.nanoseconds)


class Int64(int):
    """An int64."""

    __slots__ = ()
    go_type = "int64"


class Strings(list[str]):
    """A []string."""

    __slots__ = ()
    go_type = "[]string"


class StringMap(dict[str, str]):
    """A map[string]string."""

    __slots__ = ()
    go_type = "map[string]string"


class NoStrings(Strings):
    """A []string that is nil: empty, but `null` in JSON."""

    __slots__ = ()


class NoList(list[object]):
    """A []interface {} that is nil."""

    __slots__ = ()


class NoMap(dict[str, object]):
    """A map that is nil: may be read, not written."""

    __slots__ = ()


class Ints(list[int]):
    """A []int."""

    __slots__ = ()
    go_type = "[]int"


class Lists(list[list[object]]):
    """A [][]interface {}."""

    __slots__ = ()
    go_type = "[][]interface {}"


class Byte(int):
    """A uint8."""

    __slots__ = ()
    go_type = "uint8"


def is_nil(value: object) -> bool:
    """Whether a slice or map is Go's nil one."""
    return isinstance(value, (NoStrings, NoList, NoMap))


def name(value: object) -> str:
    """The type's name as `%T` says it."""
    known = _NAMES.get(type(value))
    if known is not None:
        return known
    own = getattr(value, "go_type", None)
    if own is not None:
        return str(own)
    for python, text in _NAMES.items():
        if isinstance(value, python):
            return text
    return type(value).__name__


_NAMES: dict[type, str] = {
    type(None): "<nil>",
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    bytes: "[]uint8",
    datetime: "time.Time",
}
