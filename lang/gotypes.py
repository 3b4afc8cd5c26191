"""Go types that messages and printing tell apart from Python's own.

Owns thin subclasses: each is the Python value, with the name that `%T` gives it.
"""

from __future__ import annotations

from dataclasses import dataclass

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
