"""Go's time layouts: `Mon Jan 2 15:04:05 MST 2006`, formatting and parsing.

Owns the table of layout elements and nothing about clocks. Source: Go `time/format.go`. Callers:
sprig's date functions, expr's `date()` and `.Format()`. Times are aware datetimes (microseconds:
what Python holds of Go's nanoseconds).
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from lang import strconv
from lang.errors import ErrorKind, LangError

RFC3339 = "2006-01-02T15:04:05Z07:00"
_MONTHS, _MONTHS_SHORT = list(calendar.month_name), list(calendar.month_abbr)
_DAYS, _DAYS_SHORT = list(calendar.day_name), list(calendar.day_abbr)
_ELEMENT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|"
    r"Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|"
    r"[.,]0+(?![0-9])|[.,]9+(?![0-9])|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5"
)
_DIGITS = {
    "2006": r"(\d{4})", "06": r"(\d{2})", "01": r"(\d{2})", "1": r"(\d{1,2})",
    "02": r"(\d{2})", "2": r"(\d{1,2})", "_2": r"( ?\d{1,2})", "002": r"(\d{3})",
    "__2": r"( {0,2}\d{1,3})", "15": r"(\d{1,2})", "03": r"(\d{2})", "3": r"(\d{1,2})",
    "04": r"(\d{2})", "4": r"(\d{1,2})", "05": r"(\d{2})", "5": r"(\d{1,2})",
}  # fmt: skip


@functools.lru_cache(maxsize=256)
def _pieces(layout: str) -> tuple[tuple[str, bool], ...]:
    """The layout cut into texts and elements (True)."""
    found: list[tuple[str, bool]] = []
    at = 0
    for match in _ELEMENT.finditer(layout):
        if match.start() > at:
            found.append((layout[at : match.start()], False))
        found.append((match.group(), True))
        at = match.end()
    if at < len(layout):
        found.append((layout[at:], False))
    return tuple(found)


# -- formatting -----------------------------------------------------------------------------


def format(moment: datetime, layout: str) -> str:
    """The time in a layout."""
    return "".join(_shown(moment, text) if element else text for text, element in _pieces(layout))


def _shown(t: datetime, element: str) -> str:
    if element[0] in "Z-" and element[1:3] == "07":
        return _offset(t, element)
    if element[0] in ".,":
        return _fraction(t, element)
    return _FORMS[element](t)


_FORMS: dict[str, Callable[[datetime], str]] = {
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "January": lambda t: _MONTHS[t.month],
    "Jan": lambda t: _MONTHS_SHORT[t.month],
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: _DAYS[t.weekday()],
    "Mon": lambda t: _DAYS_SHORT[t.weekday()],
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


# -- parsing --------------------------------------------------------------------------------


def parse(text: str, layout: str, zone: tzinfo = UTC) -> datetime:
    """The time that a text shows; without an offset in it, in `zone`. Raises LangError(VALUE)."""
    found = _Parsed()
    rest = text
    for piece, element in _pieces(layout):
        if not element:
            if not rest.startswith(piece):
                raise _bad(text, layout, rest, piece)
            rest = rest[len(piece) :]
            continue
        taken = found.take(piece, rest)
        if taken is None:
            raise _bad(text, layout, rest, piece)
        rest = rest[taken:]
        if piece in {"05", "5"} and re.match(r"[.,]\d", rest):
            taken = found.fraction(rest)
            rest = rest[taken:]
    if rest:
        message = f"parsing time {strconv.quote(text)}: extra text: {strconv.quote(rest)}"
        raise LangError(ErrorKind.VALUE, message)
    try:
        return found.moment(zone)
    except (ValueError, OverflowError):
        message = f"parsing time {strconv.quote(text)}: day out of range"
        raise LangError(ErrorKind.VALUE, message) from None


def _bad(text: str, layout: str, rest: str, piece: str) -> LangError:
    message = (
        f"parsing time {strconv.quote(text)} as {strconv.quote(layout)}: "
        f"cannot parse {strconv.quote(rest)} as {strconv.quote(piece)}"
    )
    return LangError(ErrorKind.VALUE, message)


@dataclass(slots=True)
class _Parsed:
    year: int = 0
    month: int = 1
    day: int = 1
    yday: int = 0
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0
    afternoon: bool | None = None
    offset: timedelta | None = None
    zone: str = ""

    def take(self, element: str, text: str) -> int | None:
        """How many characters an element took, None where the text does not fit."""
        if element in _DIGITS:
            match = re.match(_DIGITS[element], text)
            if match is None:
                return None
            self._number(element, int(match.group(1)))
            return match.end()
        if element[0] in "Z-" and element[1:3] == "07":
            return self._offset(element, text)
        if element[0] in ".,":
            return self.fraction(text)
        return self._word(element, text)

    def _number(self, element: str, value: int) -> None:
        match element:
            case "2006":
                self.year = value
            case "06":
                self.year = value + (1900 if value >= 69 else 2000)
            case "01" | "1":
                self.month = value
            case "002" | "__2":
                self.yday = value
            case "02" | "2" | "_2":
                self.day = value
            case "15" | "03" | "3":
                self.hour = value
            case "04" | "4":
                self.minute = value
            case _:
                self.second = value

    def fraction(self, text: str) -> int:
        match = re.match(r"[.,](\d+)", text)
        if match is None:
            return 0
        self.microsecond = int(match.group(1)[:6].ljust(6, "0"))
        return match.end()

    def _offset(self, element: str, text: str) -> int | None:
        if element[0] == "Z" and text.startswith("Z"):
            self.offset = timedelta()
            return 1
        glue = ":" if ":" in element else ""
        parts = {3: 1, 5: 2, 6: 2, 7: 3, 9: 3}[len(element)]
        match = re.match(r"([+-])" + glue.join([r"(\d{2})"] * parts), text)
        if match is None:
            return None
        numbers = [int(n) for n in match.groups()[1:]] + [0, 0]
        offset = timedelta(hours=numbers[0], minutes=numbers[1], seconds=numbers[2])
        self.offset = -offset if match.group(1) == "-" else offset
        return match.end()

    def _word(self, element: str, text: str) -> int | None:
        if element == "MST":
            match = re.match(r"[A-Z]{3,5}|[+-]\d{2,4}", text)
            if match is None:
                return None
            self.zone = match.group()
            return match.end()
        if element in {"PM", "pm"}:
            word = text[:2]
            if word not in ({"AM", "PM"} if element == "PM" else {"am", "pm"}):
                return None
            self.afternoon = word.lower() == "pm"
            return 2
        tables: dict[str, Sequence[str]] = {
            "January": _MONTHS,
            "Jan": _MONTHS_SHORT,
            "Monday": _DAYS,
            "Mon": _DAYS_SHORT,
        }
        for number, name in enumerate(tables[element]):
            if name and text[: len(name)].lower() == name.lower():
                if element in {"January", "Jan"}:
                    self.month = number
                return len(name)
        return None

    def moment(self, zone: tzinfo) -> datetime:
        hour = self.hour
        if self.afternoon is not None:
            hour = hour % 12 + (12 if self.afternoon else 0)
        where: tzinfo = zone
        if self.offset is not None:
            where = timezone(self.offset) if self.offset else UTC
        elif self.zone == "UTC":
            where = UTC
        elif self.zone:
            where = _abbreviated(self.zone)
        year = self.year or 1  # Go's year 0; Python's calendar begins at 1
        found = datetime(
            year, self.month, self.day, hour, self.minute, self.second, self.microsecond, where
        )
        return found.replace(month=1, day=1) + timedelta(days=self.yday - 1) if self.yday else found


def _abbreviated(name: str) -> tzinfo:
    """A zone of which only the abbreviation is known: no offset, but for `GMT+3`."""
    offset = re.fullmatch(r"GMT([+-]\d{1,2})", name)
    if offset is not None and abs(int(offset.group(1))) < 24:
        return timezone(timedelta(hours=int(offset.group(1))), name)
    return timezone(timedelta(), name)


def string(t: datetime) -> str:
    """As `time.Time` prints itself: `2024-02-03 04:05:06 +0000 UTC`."""
    return format(t, "2006-01-02 15:04:05.999999999 -0700 MST")


def go_string(t: datetime) -> str:
    """As `%#v` prints a time: the call that makes it."""
    zone = "time.UTC" if t.tzinfo in {UTC, None} or t.tzname() == "UTC" else "time.Local"
    parts = (t.year, f"time.{_MONTHS[t.month]}", t.day, t.hour, t.minute, t.second)
    return f"time.Date({', '.join(map(str, parts))}, {t.microsecond * 1000}, {zone})"
