"""strftime as `{{workflow.creationTimestamp.<c>}}` uses it.

Owns the conversion characters B b m A a d H I M S Y y p Z z L; others stay as written.
Semantics: Argo's strftime over Go layouts (`%L` is `.789`). Callers: the engine's global names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _offset(moment: datetime) -> str:
    delta = moment.utcoffset()
    minutes = int(delta.total_seconds() // 60) if delta else 0
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"


CONVERSIONS: Mapping[str, Callable[[datetime], str]] = {
    "B": lambda t: _MONTHS[t.month - 1],
    "b": lambda t: _MONTHS[t.month - 1][:3],
    "m": lambda t: f"{t.month:02d}",
    "A": lambda t: _DAYS[t.weekday()],
    "a": lambda t: _DAYS[t.weekday()][:3],
    "d": lambda t: f"{t.day:02d}",
    "H": lambda t: f"{t.hour:02d}",
    "I": lambda t: f"{t.hour % 12 or 12:02d}",
    "M": lambda t: f"{t.minute:02d}",
    "S": lambda t: f"{t.second:02d}",
    "Y": lambda t: f"{t.year:04d}",
    "y": lambda t: f"{t.year % 100:02d}",
    "p": lambda t: "PM" if t.hour >= 12 else "AM",
    "Z": lambda t: t.tzname() or "UTC",
    "z": _offset,
    "L": lambda t: f".{t.microsecond // 1000:03d}",
}


def render(pattern: str, moment: datetime) -> str:
    """`pattern` with its conversions; `moment` is aware, in the zone to show."""
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        found = pattern.find("%", at)
        if found < 0:
            pieces.append(pattern[at:])
            break
        pieces.append(pattern[at:found])
        char = pattern[found + 1 : found + 2]
        convert = CONVERSIONS.get(char)
        if convert is not None:
            pieces.append(convert(moment))
        else:
            pieces.append("%" if char == "%" else f"%{char}")
        at = found + 2
    return "".join(pieces)
