"""Reading a time by a Go layout. Source: Go `time/format.go`, `ParseInLocation`.

The messages are Go's: what could not be read as what, or which part is out of range.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from lang import strconv
from lang.errors import ErrorKind, LangError
from lang.gotime_layout import CYCLE, DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT, Early, pieces

_FRACTION = re.compile(r"[.,][0-9]+")
_ONE_OR_TWO = re.compile(r"[0-9]{1,2}")
_TWO = re.compile(r"[0-9]{2}")
_ONE_TO_THREE = re.compile(r"[0-9]{1,3}")
_THREE = re.compile(r"[0-9]{3}")
_FOUR = re.compile(r"[0-9]{4}")
_SIGNED = re.compile(r"[+-](?:[01]?[0-9]|2[0-3])(?![0-9])")
_CAPITALS = re.compile(r"[A-Z]{0,6}")
_PARTS = {3: 1, 5: 2, 6: 2, 7: 3, 9: 3}  # of an offset, by the length of its element


class _Mismatch(Exception):
    """A text does not fit its element; `rest` is where it stops to fit."""

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        self.rest = rest


class _OutOfRange(Exception):
    pass


def parse(text: str, layout: str, zone: tzinfo = UTC) -> datetime:
    """The time that a text shows; without an offset in it, in `zone`. Raises LangError(VALUE)."""
    found = _Parsed()
    rest = text
    cut = pieces(layout)
    try:
        for index, (piece, element) in enumerate(cut):
            following = next((text for text, is_element in cut[index + 1 :] if is_element), "")
            try:
                rest = found.take(piece, rest, following) if element else _skip(rest, piece)
            except _Mismatch as mismatch:
                raise _bad(text, layout, mismatch.rest, piece) from None
        if rest:
            message = f"parsing time {strconv.quote(text)}: extra text: {strconv.quote(rest)}"
            raise LangError(ErrorKind.VALUE, message)
        return found.moment(zone)
    except _OutOfRange as wrong:
        raise LangError(ErrorKind.VALUE, f"parsing time {strconv.quote(text)}: {wrong}") from None
    except (ValueError, OverflowError):
        message = f"parsing time {strconv.quote(text)}: time zone offset hour out of range"
        raise LangError(ErrorKind.VALUE, message) from None


def _bad(text: str, layout: str, rest: str, piece: str) -> LangError:
    message = (
        f"parsing time {strconv.quote(text)} as {strconv.quote(layout)}: "
        f"cannot parse {strconv.quote(rest)} as {strconv.quote(piece)}"
    )
    return LangError(ErrorKind.VALUE, message)


def _skip(text: str, piece: str) -> str:
    """What is behind a literal of the layout; a blank in it stands for any number of blanks."""
    at = index = 0
    while index < len(piece):
        if piece[index] == " ":
            if at < len(text) and text[at] != " ":
                raise _Mismatch(text[at:])
            while index < len(piece) and piece[index] == " ":
                index += 1
            while at < len(text) and text[at] == " ":
                at += 1
            continue
        if text[at : at + 1] != piece[index]:
            raise _Mismatch(text[at:])
        at, index = at + 1, index + 1
    return text[at:]


def _digits(pattern: re.Pattern[str], text: str) -> tuple[int, int]:
    match = pattern.match(text)
    if match is None:
        raise _Mismatch(text)
    return int(match.group()), match.end()


def _named(names: Sequence[str], text: str) -> tuple[int, int]:
    for number, name in enumerate(names):
        if name and text[: len(name)].lower() == name.lower():
            return number, len(name)
    raise _Mismatch(text)


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise _OutOfRange(f"{name} out of range")


@dataclass(slots=True)
class _Parsed:
    year: int = 0
    month: int | None = None
    day: int | None = None
    yday: int | None = None
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0
    morning: bool = False
    afternoon: bool = False
    offset: timedelta | None = None
    utc: bool = False
    zone: str = ""

    def take(self, element: str, text: str, following: str) -> str:
        """What is left of the text behind an element. Raises _Mismatch, _OutOfRange."""
        if element[0] in "Z-" and element[1:3] == "07":
            return self._take_offset(element, text)
        if element[0] in ".,":
            return self._take_fraction(element, text)
        end = _READERS[element](self, text)
        if element in {"05", "5"} and following[:2] not in _FRACTIONS:
            match = _FRACTION.match(text, end)  # a fraction that the layout does not speak of
            if match is not None:
                self._fraction(match.group())
                end = match.end()
        return text[end:]

    # -- numbers ----------------------------------------------------------------------------

    def _year(self, text: str) -> int:
        self.year, end = _digits(_FOUR, text)
        return end

    def _short_year(self, text: str) -> int:
        value, end = _digits(_TWO, text)
        self.year = value + (1900 if value >= 69 else 2000)
        return end

    def _month(self, pattern: re.Pattern[str], text: str) -> int:
        self.month, end = _digits(pattern, text)
        _check("month", self.month, 1, 12)
        return end

    def _day(self, pattern: re.Pattern[str], text: str) -> int:
        self.day, end = _digits(pattern, text)
        return end

    def _padded_day(self, text: str) -> int:
        lead = text.startswith(" ")
        return lead + self._day(_ONE_OR_TWO, text[lead:])

    def _yday(self, pattern: re.Pattern[str], text: str) -> int:
        self.yday, end = _digits(pattern, text)
        return end

    def _padded_yday(self, text: str) -> int:
        lead = min(2, len(text) - len(text.lstrip(" ")))
        return lead + self._yday(_ONE_TO_THREE, text[lead:])

    def _hour(self, text: str) -> int:
        self.hour, end = _digits(_ONE_OR_TWO, text)
        _check("hour", self.hour, 0, 23)
        return end

    def _short_hour(self, pattern: re.Pattern[str], text: str) -> int:
        self.hour, end = _digits(pattern, text)
        _check("hour", self.hour, 0, 12)
        return end

    def _minute(self, pattern: re.Pattern[str], text: str) -> int:
        self.minute, end = _digits(pattern, text)
        _check("minute", self.minute, 0, 59)
        return end

    def _second(self, pattern: re.Pattern[str], text: str) -> int:
        self.second, end = _digits(pattern, text)
        _check("second", self.second, 0, 59)
        return end

    def _take_fraction(self, element: str, text: str) -> str:
        match = _FRACTION.match(text)
        if element[1] == "9":
            size = 0 if match is None else match.end()
        else:
            size = len(element)
            if match is None or match.end() < size:
                raise _Mismatch(text)
        self._fraction(text[:size])
        return text[size:]

    def _fraction(self, text: str) -> None:
        if text:
            self.microsecond = int(text[1:7].ljust(6, "0"))

    # -- words ------------------------------------------------------------------------------

    def _named_month(self, names: Sequence[str], text: str) -> int:
        self.month, end = _named(names, text)
        return end

    def _half(self, morning: str, afternoon: str, text: str) -> int:
        if text[:2] not in {morning, afternoon}:
            raise _Mismatch(text)
        self.afternoon = self.afternoon or text[:2] == afternoon
        self.morning = self.morning or text[:2] == morning
        return 2

    def _zone(self, text: str) -> int:
        if text.startswith("UTC"):
            self.utc = True
            return 3
        size = _zone_size(text)
        if not size:
            raise _Mismatch(text)
        self.zone = text[:size]
        return size

    def _take_offset(self, element: str, text: str) -> str:
        if element[0] == "Z" and text.startswith("Z"):
            self.utc = True
            return text[1:]
        glue = ":" if ":" in element else ""
        match = re.match(r"([+-])" + glue.join([r"([0-9]{2})"] * _PARTS[len(element)]), text)
        if match is None:
            raise _Mismatch(text)
        hours, minutes, seconds = [*(int(part) for part in match.groups()[1:]), 0, 0][:3]
        _check("time zone offset hour", hours, 0, 24)
        _check("time zone offset minute", minutes, 0, 60)
        _check("time zone offset second", seconds, 0, 60)
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        self.offset = -offset if match.group(1) == "-" else offset
        return text[match.end() :]

    # -- the time ---------------------------------------------------------------------------

    def moment(self, zone: tzinfo) -> datetime:
        """All together. Raises _OutOfRange."""
        hour = self.hour
        if self.afternoon and hour < 12:
            hour += 12
        elif self.morning and hour == 12:
            hour = 0
        month, day = self._date()
        kind, year = (datetime, self.year) if self.year else (Early, CYCLE)
        found = kind(year, month, day, hour, self.minute, self.second, self.microsecond, zone)
        if self.utc:
            return found.replace(tzinfo=UTC)
        if self.offset is not None:
            if zone.utcoffset(found) == self.offset and self.zone in {"", zone.tzname(found)}:
                return found
            named = (self.zone,) if self.zone else ()
            return found.replace(tzinfo=timezone(self.offset, *named))
        if self.zone:  # what is written counts as UTC, even where `GMT+3` tells an offset
            return found.replace(tzinfo=UTC).astimezone(_abbreviated(self.zone))
        return found

    def _date(self) -> tuple[int, int]:
        month, day = self.month, self.day
        if self.yday is not None:
            month, day = self._of_year(self.yday)
        month, day = 1 if month is None else month, 1 if day is None else day
        _check("day", day, 1, calendar.monthrange(self.year or CYCLE, month)[1])
        return month, day

    def _of_year(self, yday: int) -> tuple[int, int]:
        year = self.year or CYCLE
        _check("day-of-year", yday, 1, 365 + calendar.isleap(year))
        date = datetime(year, 1, 1) + timedelta(days=yday - 1)
        if self.month not in {None, date.month}:
            raise _OutOfRange("day-of-year does not match month")
        if self.day not in {None, date.day}:
            raise _OutOfRange("day-of-year does not match day")
        return date.month, date.day


def _zone_size(text: str) -> int:
    """How many characters of a text are a zone's abbreviation."""
    if text[:4] in {"ChST", "MeST"}:
        return 4
    if text.startswith("GMT"):
        match = _SIGNED.match(text, 3)
        return 3 if match is None else match.end()
    if text[:1] in {"+", "-"}:
        match = _SIGNED.match(text) if len(text) >= 3 else None
        return 0 if match is None else match.end()
    match = _CAPITALS.match(text)
    size = 0 if match is None else match.end()
    if size == 3 or (size == 5 and text[4] == "T"):
        return size
    return 4 if size == 4 and (text[3] == "T" or text[:4] == "WITA") else 0


def _abbreviated(name: str) -> tzinfo:
    """A zone of which only the abbreviation is known: no offset, but for `GMT+3`."""
    hours = int(name[3:]) if re.fullmatch(r"GMT[+-][0-9]{1,2}", name) else 0
    return timezone(timedelta(hours=hours), name)


_FRACTIONS = frozenset([".0", ".9", ",0", ",9"])
_Reader = Callable[[_Parsed, str], int]
_READERS: dict[str, _Reader] = {
    "2006": _Parsed._year,
    "06": _Parsed._short_year,
    "01": lambda parsed, text: parsed._month(_TWO, text),
    "1": lambda parsed, text: parsed._month(_ONE_OR_TWO, text),
    "Jan": lambda parsed, text: parsed._named_month(MONTHS_SHORT, text),
    "January": lambda parsed, text: parsed._named_month(MONTHS, text),
    "Mon": lambda _parsed, text: _named(DAYS_SHORT, text)[1],
    "Monday": lambda _parsed, text: _named(DAYS, text)[1],
    "02": lambda parsed, text: parsed._day(_TWO, text),
    "2": lambda parsed, text: parsed._day(_ONE_OR_TWO, text),
    "_2": _Parsed._padded_day,
    "002": lambda parsed, text: parsed._yday(_THREE, text),
    "__2": _Parsed._padded_yday,
    "15": _Parsed._hour,
    "03": lambda parsed, text: parsed._short_hour(_TWO, text),
    "3": lambda parsed, text: parsed._short_hour(_ONE_OR_TWO, text),
    "04": lambda parsed, text: parsed._minute(_TWO, text),
    "4": lambda parsed, text: parsed._minute(_ONE_OR_TWO, text),
    "05": lambda parsed, text: parsed._second(_TWO, text),
    "5": lambda parsed, text: parsed._second(_ONE_OR_TWO, text),
    "PM": lambda parsed, text: parsed._half("AM", "PM", text),
    "pm": lambda parsed, text: parsed._half("am", "pm", text),
    "MST": _Parsed._zone,
}
