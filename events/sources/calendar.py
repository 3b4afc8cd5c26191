"""`calendar`: a cron schedule or an interval.

Payload `{eventTime, metadata?}`; `eventTime` is the scheduled moment as Go prints it, in UTC. The
event's id follows from that moment: one tick is one event, however often it is sent. A tick is
done when it is durable; what became due meanwhile (the bus away, the machine asleep) follows. With
`persistence` the last tick is kept in a ConfigMap, and those missed while down are caught up.
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from crds import decode
from crds.eventsource_local import CalendarEventSource
from events.sources import calendar_memory, queue_payload, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_relay import Outcome, Relay
from lang import civil, cron, duration
from lang.civil import Zone
from lang.cron import Every, Schedule
from lang.errors import LangError

_SHORTEST = 1.0  # seconds: schedules are exact to the second
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(T[0-9]{6}Z?)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plan:
    """When it ticks: `zone` is the schedule's, `without` its days of rest."""

    schedule: Schedule | Every
    zone: Zone | None
    without: frozenset[date]

    def next(self, after: float) -> float | None:
        """The first tick later than `after` (seconds since the epoch); None within five years."""
        moment: datetime | None = datetime.fromtimestamp(after, UTC)
        while moment is not None:
            if isinstance(self.schedule, Every):
                moment = self.schedule.next(moment)
            else:
                moment = self.schedule.next(moment, self.zone)
            if moment is None or self._day(moment) not in self.without:
                break
        return None if moment is None else moment.timestamp()

    def _day(self, moment: datetime) -> date:
        if not self.without:
            return date.min
        zone = self.zone or (None if isinstance(self.schedule, Every) else self.schedule.zone)
        if zone is None:
            return moment.date()
        clock = zone.clock(math.floor(moment.timestamp()))
        return date(clock.year, clock.month, clock.day)


class Calendar:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Tick until cancelled."""
        spec, _ = decode.decode(dict(context.spec), CalendarEventSource)
        plan = _plan(spec, context.path)
        memory = calendar_memory.of(context, spec)
        clock = context.services.clock
        last = await memory.begin(clock.now())
        relay = Relay(context, ready)
        ready()
        try:
            while (moment := plan.next(last)) is not None:
                await clock.sleep_until(moment)
                data = await _tick(context, relay, moment)
                await memory.keep(data)
                last = moment
            ready("the schedule has no further time")
            await asyncio.Event().wait()
        finally:
            await relay.close()


async def _tick(context: SourceContext, relay: Relay, moment: float) -> bytes:
    """Send the event of `moment`; returns its data when it is durable."""
    members = {"eventTime": queue_payload.text(queue_payload.go_time(moment))}
    extra = webhook_endpoint.metadata(context.spec)
    data = webhook_endpoint.payload({**members, "metadata": extra})
    done = asyncio.Event()

    async def settled(outcome: Outcome) -> None:
        done.set()

    await relay.submit(data, queue_payload.stable_id(context, f"{moment:.6f}"), settled)
    await done.wait()
    return data


def _plan(spec: CalendarEventSource, path: str) -> Plan:
    """Raises SourceError."""
    field = "schedule" if spec.schedule else "interval"
    try:
        zone = civil.zone(spec.timezone) if spec.timezone else None
    except LangError as error:
        raise SourceError(f"{path}.timezone", error.message) from None
    try:
        if spec.schedule:
            schedule = cron.parse(spec.schedule)
        elif spec.interval:
            schedule = Every(duration.parse_go_ns(spec.interval))
        else:
            raise SourceError(path, "must contain either a schedule or an interval")
    except LangError as error:
        raise SourceError(f"{path}.{field}", error.message) from None
    if isinstance(schedule, Every) and schedule.nanoseconds < _SHORTEST * duration.NANOSECONDS:
        raise SourceError(f"{path}.{field}", "must be one second at least")
    return Plan(schedule, zone, _days(spec.exclusion_dates or [], f"{path}.exclusionDates"))


def _days(lines: list[str], path: str) -> frozenset[date]:
    """The days in lines such as `EXDATE:20260101T000000Z,20260501T000000Z`. Raises SourceError."""
    found = set()
    for index, line in enumerate(lines):
        for text in line.rpartition(":")[2].split(","):
            match = _DATE.match(text.strip())
            try:
                if match is None:
                    raise ValueError
                found.add(date(int(match[1]), int(match[2]), int(match[3])))
            except ValueError:
                what = f"{text.strip()!r} is no date such as EXDATE:20260101T000000Z"
                raise SourceError(f"{path}[{index}]", what) from None
    return frozenset(found)
