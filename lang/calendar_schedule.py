"""The calendar event source's schedule: a cron text without descriptors, or an interval.

Owns the choice and its messages. Semantics: Argo Events (robfig/cron v3 with five fields only).
Callers: the calendar source, conditionsReset and its catch-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lang import civil, cron, duration
from lang.civil import Zone
from lang.cron import Schedule
from lang.errors import ErrorKind, LangError


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many nanoseconds, on whole seconds where it is one second or more."""

    nanoseconds: int

    def next(self, after: datetime) -> datetime:
        return after + timedelta(microseconds=self.nanoseconds / 1000 - after.microsecond)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A cron schedule with the zone of its source."""

    schedule: Schedule
    zone: Zone

    def next(self, after: datetime) -> datetime | None:
        return self.schedule.next(after, self.zone)


def parse(schedule: str = "", interval: str = "", timezone: str = "") -> Calendar | Interval:
    """What a calendar event fires at. Raises LangError(SYNTAX, VALUE, or NAME for the zone)."""
    zone = civil.zone(timezone)
    if schedule:
        try:
            return Calendar(_five_fields(schedule), zone)
        except LangError as error:
            message = (
                f"failed to parse schedule {schedule} from calendar event. Cause: {error.message}"
            )
            raise LangError(error.kind, message, error.position) from None
    if interval:
        try:
            return Interval(duration.parse_go_ns(interval))
        except LangError as error:
            message = (
                f"failed to parse interval {interval} from calendar event. Cause: {error.message}"
            )
            raise LangError(error.kind, message, error.position) from None
    message = "calendar event must contain either a schedule or interval"
    raise LangError(ErrorKind.VALUE, message)


def previous(spec: str, before: datetime, timezone: str = "") -> datetime | None:
    """The last instant of a five-field schedule before `before`; None within five years."""
    zone = civil.zone(timezone)
    try:
        return _five_fields(spec).previous(before, zone)
    except LangError as error:
        message = (
            f"can't derive previous Cron time for cron spec {spec}; couldn't parse;"
            f" err={error.message}"
        )
        raise LangError(error.kind, message, error.position) from None


def _five_fields(spec: str) -> Schedule:
    parsed = cron.parse(spec, descriptors=False)
    assert isinstance(parsed, Schedule)
    return parsed
