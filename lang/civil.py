"""Wall clocks in time zones, with Go's answers in gaps and overlaps.

Owns the way between Unix seconds and local time. Semantics: Go's `time.Date` and `AddDate`: a
local time that exists twice or never gets the offset that Go's look-up gives it. Caller: `cron`.
"""

from __future__ import annotations

import functools
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from lang.errors import ErrorKind, LangError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)


class Clock(NamedTuple):
    """A local time: the fields that schedules look at."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    weekday: int  # Sunday is 0


class Zone:
    """A time zone over Unix seconds."""

    __slots__ = ("_tz", "name")

    def __init__(self, name: str, tz: tzinfo) -> None:
        self.name = name
        self._tz = tz

    def offset(self, unix: int) -> int:
        """Seconds east of UTC at an instant."""
        moment = (_EPOCH + timedelta(seconds=unix)).astimezone(self._tz)
        offset = moment.utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def clock(self, unix: int) -> Clock:
        """The local time at an instant."""
        local = (_EPOCH + timedelta(seconds=unix)).astimezone(self._tz)
        return Clock(
            local.year,
            local.month,
            local.day,
            local.hour,
            local.minute,
            local.second,
            local.isoweekday() % 7,
        )

    def date(self, year: int, month: int, day: int, seconds: int = 0) -> int:
        """The instant of a local date and seconds after its midnight; months may overflow."""
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        first = datetime(year, month, 1) - _NAIVE_EPOCH
        local = first.days * 86400 + (day - 1) * 86400 + seconds
        offset = self.offset(local)
        if offset:
            offset = self.offset(local - offset)
        return local - offset


@functools.lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """The zone of an IANA name; "" and "UTC" are UTC. Raises LangError(NAME) as Go words it."""
    if name in ("", "UTC", "Local"):
        return Zone("UTC", UTC)
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        raise LangError(ErrorKind.NAME, "time: invalid location name")
    try:
        return Zone(name, zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise LangError(ErrorKind.NAME, f"unknown time zone {name}") from None
