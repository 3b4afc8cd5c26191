"""Cron schedules: `30 4 * * MON-FRI`, `@hourly`, `@every 5m`, `CRON_TZ=Europe/Paris 0 9 * * *`.

Owns parsing and the next and previous instant. Semantics and messages: robfig/cron v3's standard
parser; a time that a clock change skips does not happen, one that it repeats may happen twice.
`next` gives up after five years. Callers: CronWorkflows, the calendar source, conditionsReset.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lang import civil, cron_fields, duration
from lang.civil import Clock, Zone
from lang.errors import ErrorKind, LangError

_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_YEARS = 5
_LAST_YEAR, _FIRST_YEAR = 9990, 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_SPEC = 1024


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed delay, in whole seconds."""

    nanoseconds: int

    def next(self, after: datetime) -> datetime | None:
        """The instant one delay after `after`, on a whole second."""
        delay = timedelta(microseconds=self.nanoseconds / 1000 - after.microsecond)
        try:
            return after + delay
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Five fields as bits, in a zone (None: the zone that the caller names)."""

    fields: tuple[int, int, int, int, int]
    zone: Zone | None = None

    def next(self, after: datetime, zone: Zone | None = None) -> datetime | None:
        """The first instant later than `after` (aware), or None within five years."""
        return _instant(self._next, _unix(after) + 1, self.zone or zone)

    def previous(self, before: datetime, zone: Zone | None = None) -> datetime | None:
        """The last instant earlier than `before` (aware), or None within five years."""
        return _instant(self._previous, _unix(before) - 1, self.zone or zone)

    def _next(self, now: int, zone: Zone) -> int | None:
        """The search of the reference, step by step: where a clock changes by half an hour, its
        answers follow from how it walks (it cuts the time once, then only adds)."""
        limit = min(zone.clock(now).year + _YEARS, _LAST_YEAR)
        walk = _Walk(zone, now)
        while walk.clock.year <= limit:
            if walk.months(self.fields[3]) or walk.days(self._day):
                continue
            if walk.hours(self.fields[1]) or walk.minutes(self.fields[0]):
                continue
            if not walk.clock.second:
                return walk.now
            walk.to(walk.now + 60 - walk.clock.second)
        return None

    def _previous(self, now: int, zone: Zone) -> int | None:
        limit = max(zone.clock(now).year - _YEARS, _FIRST_YEAR)
        minutes, hours, _, months, _ = self.fields
        while True:
            clock = zone.clock(now)
            year, month, day = clock.year, clock.month, clock.day
            if year < limit:
                return None
            if not months >> month & 1:
                now = min(now, zone.date(year, month, 1)) - 1
            elif not self._day(clock):
                now = min(now, _to_midnight(zone, zone.date(year, month, day))) - 1
            elif not hours >> clock.hour & 1:
                now = min(now, zone.date(year, month, day, clock.hour * 3600)) - 1
            elif not minutes >> clock.minute & 1:
                second = clock.hour * 3600 + clock.minute * 60
                now = min(now, zone.date(year, month, day, second)) - 1
            else:
                return now - clock.second

    def _day(self, clock: Clock) -> bool:
        days, weekdays = self.fields[2], self.fields[4]
        of_month, of_week = days >> clock.day & 1, weekdays >> clock.weekday & 1
        if (days | weekdays) & cron_fields.STAR:
            return bool(of_month and of_week)
        return bool(of_month or of_week)


def parse(spec: str, timezone: str = "", *, descriptors: bool = True) -> Schedule | Every:
    """The schedule of a text. Raises LangError(SYNTAX, NAME for an unknown zone, LIMIT).

    `timezone` goes before the text as `CRON_TZ=`; `descriptors` allows `@hourly` and the like.
    """
    return _parse(f"CRON_TZ={timezone} {spec}" if timezone else spec, descriptors)


@functools.lru_cache(maxsize=1024)
def _parse(spec: str, descriptors: bool) -> Schedule | Every:
    if not spec:
        raise LangError(ErrorKind.SYNTAX, "empty spec string", 0)
    if len(spec) > _MAX_SPEC:
        raise LangError(ErrorKind.LIMIT, "the schedule is too long", 0)
    zone = None
    if spec.startswith(("TZ=", "CRON_TZ=")):
        zone, spec = _zone(spec)
    if spec.startswith("@"):
        if not descriptors:
            message = f"parser does not accept descriptors: {spec}"
            raise LangError(ErrorKind.SYNTAX, message, 0)
        return _descriptor(spec, zone)
    return Schedule(_fields(spec.split()), zone)


def _zone(spec: str) -> tuple[Zone, str]:
    head, blank, rest = spec.partition(" ")
    if not blank:
        raise LangError(ErrorKind.SYNTAX, f"no schedule after the time zone: {spec}", len(spec))
    name = head.partition("=")[2]
    try:
        return civil.zone(name), rest.strip()
    except LangError as error:
        message = f"provided bad location {name}: {error.message}"
        raise LangError(error.kind, message, 0) from None


def _descriptor(spec: str, zone: Zone | None) -> Schedule | Every:
    known = _DESCRIPTORS.get(spec)
    if known is not None:
        return Schedule(_fields(known.split()), zone)
    if not spec.startswith(_EVERY):
        raise LangError(ErrorKind.SYNTAX, f"unrecognized descriptor: {spec}", 0)
    try:
        nanoseconds = duration.parse_go_ns(spec[len(_EVERY) :])
    except LangError as error:
        message = f"failed to parse duration {spec}: {error.message}"
        raise LangError(error.kind, message, len(_EVERY)) from None
    nanoseconds = max(nanoseconds, duration.NANOSECONDS)
    return Every(nanoseconds - nanoseconds % duration.NANOSECONDS)


def _fields(texts: list[str]) -> tuple[int, int, int, int, int]:
    if len(texts) != len(cron_fields.BOUNDS):
        message = f"expected exactly 5 fields, found {len(texts)}: [{' '.join(texts)}]"
        raise LangError(ErrorKind.SYNTAX, message, 0)
    minute, hour, day, month, weekday = (
        cron_fields.parse(text, bounds)
        for text, bounds in zip(texts, cron_fields.BOUNDS, strict=True)
    )
    return minute, hour, day, month, weekday


def _instant(
    search: Callable[[int, Zone], int | None], now: int, zone: Zone | None
) -> datetime | None:
    try:
        found = search(now, zone or civil.zone(""))
    except (OverflowError, ValueError):
        return None  # the calendar of datetime ends here
    return None if found is None else _EPOCH + timedelta(seconds=found)


def _unix(moment: datetime) -> int:
    """Whole seconds, rounded down."""
    return (moment - _EPOCH) // timedelta(seconds=1)


class _Walk:
    """A time that moves forward until every field fits. Steps return True to begin again."""

    __slots__ = ("clock", "cut", "now", "zone")

    def __init__(self, zone: Zone, now: int) -> None:
        self.zone = zone
        self.cut = False
        self.to(now)

    def to(self, now: int) -> None:
        self.now = now
        self.clock = self.zone.clock(now)

    def _cut_to(self, day: int, hour: int) -> None:
        """Once: drop what is finer than the field that moves."""
        if not self.cut:
            self.cut = True
            self.to(self.zone.date(self.clock.year, self.clock.month, day, hour * 3600))

    def _date(self, months: int, days: int) -> None:
        clock = self.clock
        seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
        date = (clock.year, clock.month + months, clock.day + days)
        self.to(self.zone.date(*date, seconds))

    def months(self, wanted: int) -> bool:
        while not wanted >> self.clock.month & 1:
            self._cut_to(1, 0)
            self._date(1, 0)
            if self.clock.month == 1:
                return True
        return False

    def days(self, fits: Callable[[Clock], bool]) -> bool:
        while not fits(self.clock):
            self._cut_to(self.clock.day, 0)
            before = self.now
            self._date(0, 1)
            self.to(_to_midnight(self.zone, self.now))
            if self.now <= before:
                # A zone that left out a whole day (Apia, 2011): the day after it.
                self.to(_to_midnight(self.zone, before + 36 * 3600))
            if self.clock.day == 1:
                return True
        return False

    def hours(self, wanted: int) -> bool:
        if not wanted & 0xFFFFFF:
            # No hour fits: the reference walks its five years hour by hour.
            self._date(12, 0)
            return True
        while not wanted >> self.clock.hour & 1:
            self._cut_to(self.clock.day, self.clock.hour)
            self.to(self.now + 3600)
            if self.clock.hour == 0:
                return True
        return False

    def minutes(self, wanted: int) -> bool:
        if not wanted & (1 << 60) - 1:
            self._date(12, 0)
            return True
        while not wanted >> self.clock.minute & 1:
            if not self.cut:
                self.cut = True
                self.now -= self.now % 60
            self.to(self.now + 60)
            if self.clock.minute == 0:
                return True
        return False


def _to_midnight(zone: Zone, now: int) -> int:
    """Where a clock change moved midnight: forward from 23, back from 1, by whole hours."""
    hour = zone.clock(now).hour
    if hour == 0:
        return now
    return now + (24 - hour) * 3600 if hour > 12 else now - hour * 3600
