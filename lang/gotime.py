"""Go's time layouts: `Mon Jan 2 15:04:05 MST 2006`, formatting and parsing.

Owns printing; `gotime_parse` reads, `gotime_layout` knows the elements. No clocks. Source: Go
`time/format.go`. Callers: sprig's date functions, expr's `date()` and `.Format()`. Times are aware
datetimes (microseconds: what Python holds of Go's nanoseconds).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from lang import strconv
from lang.gotime_layout import DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT, pieces
from lang.gotime_layout import in_zone as in_zone
from lang.gotime_parse import parse as parse

RFC3339 = "2006-01-02T15:04:05Z07:00"


def format(moment: datetime, layout: str) -> str:
    """The time in a layout."""
    return "".join(_shown(moment, text) if element else text for text, element in pieces(layout))


def _shown(t: datetime, element: str) -> str:
    if element[0] in "Z-" and element[1:3] == "07":
        return _offset(t, element)
    if element[0] in ".,":
        return _fraction(t, element)
    return _FORMS[element](t)


_FORMS: dict[str, Callable[[datetime], str]] = {
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "January": lambda t: MONTHS[t.month],
    "Jan": lambda t: MONTHS_SHORT[t.month],
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: DAYS[t.weekday()],
    "Mon": lambda t: DAYS_SHORT[t.weekday()],
    "02": lambda t: f"{t.day:02d}",
    "2": lambda t: str(t.day),
    "_2": lambda t: f"{t.day:2d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "15": lambda t: f"{t.hour:02d}",
    "03": lambda t: f"{(t.hour + 11) % 12 + 1:02d}",
    "3": lambda t: str((t.hour + 11) % 12 + 1),
    "04": lambda t: f"{t.minute:02d}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02d}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": lambda t: zone_name(t),
}


def zone_name(t: datetime) -> str:
    """The abbreviation of the time's zone, `+05` where it has none."""
    name = t.tzname() or "UTC"
    if name.startswith("UTC") and name != "UTC":  # a bare offset, which Python names so
        return _offset(t, "-0700")
    return name


def _offset(t: datetime, element: str) -> str:
    seconds = round((t.utcoffset() or timedelta()).total_seconds())
    if element[0] == "Z" and seconds == 0:
        return "Z"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = {3: 1, 5: 2, 6: 2, 7: 3, 9: 3}[len(element)]
    glue = ":" if ":" in element else ""
    return sign + glue.join(f"{n:02d}" for n in (hours, minutes, rest)[:parts])


def _fraction(t: datetime, element: str) -> str:
    digits = f"{t.microsecond:06d}000"[: len(element) - 1].ljust(len(element) - 1, "0")
    if element[1] == "0":
        return element[0] + digits
    digits = digits.rstrip("0")
    return element[0] + digits if digits else ""


def string(t: datetime) -> str:
    """As `time.Time` prints itself: `2024-02-03 04:05:06 +0000 UTC`."""
    return format(t, "2006-01-02 15:04:05.999999999 -0700 MST")


def go_string(t: datetime) -> str:
    """As `%#v` prints a time: the call that makes it."""
    name = t.tzname() or "UTC"
    if name.startswith("UTC"):
        zone = "time.UTC" if name == "UTC" else 'time.Location("")'
    else:
        zone = f"time.Location({strconv.quote(str(getattr(t.tzinfo, 'key', name)))})"
    parts = (t.year, f"time.{MONTHS[t.month]}", t.day, t.hour, t.minute, t.second)
    return f"time.Date({', '.join(map(str, parts))}, {t.microsecond * 1000}, {zone})"
