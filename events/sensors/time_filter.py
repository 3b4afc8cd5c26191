"""The time filter of a dependency: between two clock times of the event's day, in a zone.

Semantics: the event's own time counts; `start` belongs to the span, `stop` does not; a stop that
is not after start is on the next day. A time that the zone's clock skips is the instant that Go's
`time.ParseInLocation` gives. Caller: `filters`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lang import civil, gotime_parse
from lang.errors import ErrorKind, LangError

_LAYOUT = "2006-01-02 15:04:05"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000  # instants are in microseconds
_DAYS = timedelta(days=3)
_BEYOND_MICROSECONDS = re.compile(r"(\.\d{6})\d+")


def passes(spec: Mapping[str, Any], event_time: str) -> bool:
    """Whether an event of this time (RFC 3339) passes. Raises LangError in Go's words."""
    zone = _zone(str(spec.get("timezone") or ""))
    instant = (_moment(event_time) - _EPOCH) // timedelta(microseconds=1)
    day = zone.clock(instant // _SECOND)
    start = _at(zone, day, str(spec.get("start") or ""))
    stop = _at(zone, day, str(spec.get("stop") or ""))
    if stop <= start:  # over midnight: from start on, or before stop
        return instant >= start or instant < stop
    return start <= instant < stop


def _zone(name: str) -> civil.Zone:
    try:
        return civil.zone(name)
    except LangError as error:
        what = f"invalid timezone '{name}': {error.message}"
        raise LangError(ErrorKind.VALUE, what) from None


def _moment(text: str) -> datetime:
    """The event's time, days away from the ends of the calendar: every zone has a date for it."""
    try:
        moment = datetime.fromisoformat(_BEYOND_MICROSECONDS.sub(r"\1", text))
    except ValueError:
        moment = datetime.min
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment.year == 1:
        return moment + _DAYS
    return moment - _DAYS if moment.year == 9999 else moment


def _at(zone: civil.Zone, day: civil.Clock, clock: str) -> int:
    """The instant of a clock time on a day."""
    try:
        seconds, fraction = divmod(_on_clock(clock), _SECOND)
    except LangError:
        date = f"{day.year:04}-{day.month:02}-{day.day:02}"
        gotime_parse.parse(f"{date} {clock}", _LAYOUT)  # its error names the day
        raise
    return zone.date(day.year, day.month, day.day, seconds) * _SECOND + fraction


@functools.lru_cache(4096)
def _on_clock(clock: str) -> int:
    """Microseconds since midnight."""
    midnight = datetime(2000, 1, 1, tzinfo=UTC)
    return (gotime_parse.parse(f"2000-01-01 {clock}", _LAYOUT) - midnight) // timedelta(
        microseconds=1
    )
