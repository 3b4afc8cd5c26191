"""The elements of Go's time layouts, and times in a year that Python has not.

Owns cutting a layout into texts and elements. Source: Go `time/format.go`. Callers: `gotime`,
`gotime_parse`.
"""

from __future__ import annotations

import calendar
import functools
import re
from datetime import datetime, tzinfo

from lang.errors import ErrorKind, LangError

MONTHS, MONTHS_SHORT = list(calendar.month_name), list(calendar.month_abbr)
DAYS, DAYS_SHORT = list(calendar.day_name), list(calendar.day_abbr)
_ELEMENT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|"
    r"Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|"
    r"[.,]0+(?![0-9])|[.,]9+(?![0-9])|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5"
)


@functools.lru_cache(maxsize=256)
def pieces(layout: str) -> tuple[tuple[str, bool], ...]:
    """The layout cut into texts and elements (True)."""
    if len(layout) > _LONGEST:
        raise LangError(ErrorKind.LIMIT, "the time layout is too long")
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


_LONGEST = 4096
CYCLE = 400  # after so many years the calendar repeats, weekdays and all
_CYCLE_SECONDS = 146_097 * 86_400


class Early(datetime):
    """A time in year 0, which Go has and Python has not: kept a cycle later."""

    @property
    def year(self) -> int:
        """Go's year."""
        return super().year - CYCLE

    def timestamp(self) -> float:
        """Seconds since 1970."""
        return super().timestamp() - _CYCLE_SECONDS


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """The same time in another zone, which may put it into year 0."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        t = moment.timetuple()
        return Early(t[0] + CYCLE, *t[1:6], moment.microsecond, moment.tzinfo).astimezone(zone)
