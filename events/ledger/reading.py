"""Reading the ledger: stored events with what became of them, firings, and dead letters.

Reads only; safe from any process. An event's bytes are kept only as long as the caller does, so
that a full bus can be walked through. Callers: the CLI, `auditing`, the demo.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace

import msgspec

from events import cloudevent, trace
from events.bus import subjects
from events.bus.contract import EVERYTHING, Bus, Delivered, Range
from events.cloudevent import BadEvent, CloudEvent
from events.ledger import commands, records
from events.ledger.records import Firing, Outcome

SHORTEST = 8  # characters that the beginning of an id must have
_AT_ONCE = 16  # events whose outcomes are looked up side by side


class Ambiguous(Exception):
    """Several events begin as the one that was asked for. `ids`: some of them."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(", ".join(ids))
        self.ids = ids


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One stored event. `event` is None when the bytes are no event."""

    sequence: int
    stored_at: float
    id: str
    source: str
    name: str
    event: CloudEvent | None
    outcomes: tuple[Outcome, ...]
    traceparent: str

    @property
    def trace_id(self) -> str:
        """The trace the event belongs to."""
        return trace.trace_id(self.traceparent)


async def entries(bus: Bus, stretch: Range = EVERYTHING) -> AsyncIterator[EventEntry]:
    """The stored events of a stretch, in order, each with its outcomes."""
    known = await _outcomes(bus, "out.>")
    async for found in stored(bus, stretch):
        yield replace(found, outcomes=tuple(known.get(found.id, ())))


async def stored(bus: Bus, stretch: Range = EVERYTHING) -> AsyncIterator[EventEntry]:
    """As `entries`, without the outcomes: costs what the stretch holds."""
    async for delivered in bus.replay(stretch):
        if not commands.is_command(delivered.message.subject):
            yield _entry(delivered)


async def with_outcomes(bus: Bus, found: Iterable[EventEntry]) -> list[EventEntry]:
    """A few events with their outcomes, looked up one by one."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(each: EventEntry) -> EventEntry:
        async with gate:
            known = await _outcomes(bus, f"out.{subjects.token(each.id)}.>")
        return replace(each, outcomes=tuple(known.get(each.id, ())))

    return list(await asyncio.gather(*map(one, found)))


async def entry(bus: Bus, event_id: str) -> EventEntry | None:
    """One event by its id, or the beginning of one (`SHORTEST` characters or more).

    Raises Ambiguous.
    """
    found = await _stored(bus, event_id)
    return None if found is None else (await with_outcomes(bus, [found]))[0]


async def of_firing(bus: Bus, unit: Outcome) -> dict[str, EventEntry | None]:
    """The events of the firing that `unit` belongs to, by dependency; None: no longer stored."""
    pattern = records.unit_pattern(unit.sensor_uid, unit.trigger)
    found: dict[str, EventEntry | None] = {}
    for identity, outcomes in (await _outcomes(bus, pattern)).items():
        for outcome in outcomes:
            if outcome.firing == unit.firing:
                found[outcome.dependency] = await _at(bus, outcome.sequence, identity)
    return found


async def dead_letters(bus: Bus) -> list[Firing]:
    """Firings that were given up, oldest first."""
    table = bus.table(records.TABLE)
    found = [records.decode_firing(value) async for _, value in table.scan("dead.*")]
    return sorted(found, key=lambda firing: firing.created)


async def pending(bus: Bus) -> list[Firing]:
    """Firings that wait for their next attempt, oldest first."""
    table = bus.table(records.TABLE)
    found = [records.decode_firing(value) async for _, value in table.scan("fire.*")]
    return sorted(found, key=lambda firing: firing.created)


def _entry(delivered: Delivered) -> EventEntry:
    _, source, name = delivered.message.subject.split(".")
    try:
        event = cloudevent.decode(delivered.message.data)
    except BadEvent:
        event = None
    return EventEntry(
        delivered.sequence,
        delivered.stored_at,
        event.id if event else delivered.message.id or str(delivered.sequence),
        subjects.name(source),
        subjects.name(name),
        event,
        (),
        delivered.message.headers.get(trace.TRACEPARENT, ""),
    )


async def _stored(bus: Bus, event_id: str) -> EventEntry | None:
    """The event without its outcomes. Those say where it is, for most: only then all are read."""
    known = await _outcomes(bus, f"out.{subjects.token(event_id)}.>")
    for sequence in {o.sequence for outcomes in known.values() for o in outcomes if o.sequence}:
        if (found := await _at(bus, sequence, event_id)) is not None:
            return found
    begin: dict[str, EventEntry] = {}
    async for candidate in stored(bus):
        if candidate.id == event_id:
            return candidate
        if len(event_id) >= SHORTEST and candidate.id.startswith(event_id) and len(begin) < 5:
            begin.setdefault(candidate.id, candidate)
    if len(begin) > 1:
        raise Ambiguous(list(begin))
    return next(iter(begin.values()), None)


async def _at(bus: Bus, sequence: int, event_id: str) -> EventEntry | None:
    async for candidate in stored(bus, Range(sequence, sequence)):
        if candidate.id == event_id:
            return candidate
    return None


async def _outcomes(bus: Bus, pattern: str) -> dict[str, list[Outcome]]:
    """Outcomes by event, each with the Sensor's uid."""
    found: dict[str, list[Outcome]] = {}
    async for key, value in bus.table(records.TABLE).scan(pattern):
        _, event, *unit = key.split(".")
        of_event = found.setdefault(subjects.name(event), [])
        if len(unit) == 1:
            of_event.extend(records.decode_filtered(value))
            continue
        outcome = records.decode_outcome(value)
        msgspec.structs.force_setattr(outcome, "sensor_uid", subjects.name(unit[0]))
        of_event.append(outcome)
    return found
