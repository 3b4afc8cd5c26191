"""Strings that govaluate takes for times: `"2024-01-02"` is a number of Unix seconds.

Owns the accepted layouts. Zone of times without one: UTC. Caller: the lexer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".lower().split()
_DAY_NAME = r"(?:mon|tue|wed|thu|fri|sat|sun)"
_MONTH = r"(?P<month_name>" + "|".join(_MONTHS) + ")"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?"
_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_COLON_ZONE = r"(?P<zone>Z|[+-]\d\d:\d\d)"
_PLAIN_ZONE = r"(?P<zone>Z|[+-]\d{4})"

_LAYOUTS = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"{_DAY_NAME} {_MONTH} +(?P<day>\d{{1,2}}) {_CLOCK} (?P<year>\d{{4}})",
        rf"{_DAY_NAME} {_MONTH} +(?P<day>\d{{1,2}}) {_CLOCK} [A-Z]{{3,4}} (?P<year>\d{{4}})",
        rf"{_DAY_NAME} {_MONTH} (?P<day>\d\d) {_CLOCK} (?P<zone>[+-]\d{{4}}) (?P<year>\d{{4}})",
        r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?P<half>AM|PM)",
        rf"{_DATE}T{_CLOCK}{_COLON_ZONE}",
        _DATE,
        rf"{_DATE} (?P<hour>\d{{1,2}}):(?P<minute>\d\d)",
        rf"{_DATE} {_CLOCK}",
        rf"{_DATE} {_CLOCK}(?P<zone>[+-]\d\d:\d\d)",
        rf"{_DATE}T(?P<hour>\d{{1,2}}){_PLAIN_ZONE}",
        rf"{_DATE}T(?P<hour>\d{{1,2}}):(?P<minute>\d\d){_PLAIN_ZONE}",
        rf"{_DATE}T{_CLOCK}{_PLAIN_ZONE}",
    )
)
_UNIX_YEAR_0 = -62_167_219_200.0
_MAX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Moment:
    """Unix seconds, and the time as messages print it."""

    unix: float
    text: str


def parse(text: str) -> Moment | None:
    """The moment of a string that has one of the layouts, else None."""
    if len(text) > _MAX_LENGTH or (":" not in text and "-" not in text):
        return None
    for layout in _LAYOUTS:
        match = layout.fullmatch(text)
        if match is not None:
            moment = _moment(match.groupdict())
            if moment is not None:
                return moment
    return None


def _moment(parts: dict[str, str | None]) -> Moment | None:
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    if parts.get("half"):
        return _kitchen(hour, minute, str(parts["half"]).upper())
    month = parts.get("month")
    name = parts.get("month_name")
    number = int(month) if month else _MONTHS.index(str(name).lower()) + 1
    try:
        local = datetime(
            int(parts["year"] or 0),
            number,
            int(parts["day"] or 0),
            hour,
            minute,
            second,
            tzinfo=_zone(parts.get("zone")),
        )
    except ValueError:
        return None
    return Moment(float(int(local.timestamp())), _text(local))


def _kitchen(hour: int, minute: int, half: str) -> Moment | None:
    if not 1 <= hour <= 12 or minute > 59:
        return None
    hour = hour % 12 + (12 if half == "PM" else 0)
    text = f"0000-01-01 {hour:02d}:{minute:02d}:00 +0000 UTC"
    return Moment(_UNIX_YEAR_0 + hour * 3600 + minute * 60, text)


def _zone(text: str | None) -> timezone:
    if not text or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= timedelta(hours=24):
        raise ValueError(text)
    return timezone(-offset if text[0] == "-" else offset)


def _text(moment: datetime) -> str:
    offset = moment.strftime("%z")
    name = "UTC" if moment.utcoffset() == timedelta(0) else offset
    return f"{moment:%Y-%m-%d %H:%M:%S} {offset} {name}"
