"""Reading the ledger: events with what became of them, dead letters, and the books.

Reads only; safe from any process. Callers: the CLI and the server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from events import cloudevent, trace
from events.bus import subjects
from events.bus.contract import EVERYTHING, Bus, Range
from events.cloudevent import BadEvent, CloudEvent
from events.ledger import commands, records
from events.ledger.records import Firing, Outcome, State
from events.sensors.compiled import Sensor


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
    async for delivered in bus.replay(stretch):
        if commands.is_command(delivered.message.subject):
            continue
        _, source, name = delivered.message.subject.split(".")
        try:
            event = cloudevent.decode(delivered.message.data)
        except BadEvent:
            event = None
        identity = event.id if event else delivered.message.id
        yield EventEntry(
            delivered.sequence,
            delivered.stored_at,
            identity,
            subjects.name(source),
            subjects.name(name),
            event,
            tuple(known.get(identity, ())),
            delivered.message.headers.get(trace.TRACEPARENT, ""),
        )


async def entry(bus: Bus, event_id: str) -> EventEntry | None:
    """One event by its id (or a unique beginning of it, eight characters or more)."""
    found = None
    stretch = EVERYTHING
    for outcomes in (await _outcomes(bus, f"out.{subjects.token(event_id)}.>")).values():
        stretch = Range(outcomes[0].sequence, outcomes[0].sequence)
    async for candidate in entries(bus, stretch):
        if candidate.id == event_id:
            return candidate
        if len(event_id) >= 8 and candidate.id.startswith(event_id):
            if found is not None:
                return None
            found = candidate
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


async def _outcomes(bus: Bus, pattern: str) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    async for key, value in bus.table(records.TABLE).scan(pattern):
        identity = subjects.name(key.split(".")[1])
        if key.endswith(".=") and key.count(".") == 2:
            found.setdefault(identity, []).extend(records.decode_filtered(value))
            continue
        found.setdefault(identity, []).append(records.decode_outcome(value))
    return found


@dataclass(slots=True)
class Books:
    """The books of one bus. One unit is (event, sensor, dependency, trigger).

    `unaccounted` lists what should have an outcome and has none: empty, or something was lost.
    """

    received: int = 0
    by_state: Counter[State] = field(default_factory=Counter)
    by_dependency: dict[tuple[str, str], Counter[State]] = field(default_factory=dict)
    unaccounted: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """received = fired + filtered + pending + dead, and every pending one is held."""
        return not self.unaccounted and self.received == sum(self.by_state.values())

    def count(self, sensor: str, dependency: str, state: State) -> None:
        """Enter one unit."""
        self.received += 1
        self.by_state[state] += 1
        self.by_dependency.setdefault((sensor, dependency), Counter())[state] += 1


async def audit(bus: Bus, sensors: Iterable[Sensor]) -> Books:
    """Balance the stored events against the outcomes, for the given Sensors.

    Events stored before a Sensor existed do not concern it. An event the sensors have not
    answered yet is pending on the bus; behind that position each unit must have its record, and
    each pending record its waiting event or firing.
    """
    books = Books()
    floor = await bus.floor(records.DURABLE)
    held = await _held(bus)
    interested: dict[tuple[str, str], list[tuple[Sensor, str]]] = {}
    for sensor in sensors:
        for dependency in sensor.dependencies.values():
            place = (dependency.source, dependency.event)
            interested.setdefault(place, []).append((sensor, dependency.name))
    async for found in entries(bus):
        for sensor, name in interested.get((found.source, found.name), ()):
            if found.stored_at >= sensor.created:
                _enter(books, found, (sensor, name), floor, held)
    return books


async def _held(bus: Bus) -> set[str]:
    table = bus.table(records.TABLE)
    found = {key async for key, _ in table.scan("join.>")}
    return found | {key async for key, _ in table.scan("fire.*")}


def _enter(
    books: Books,
    found: EventEntry,
    place: tuple[Sensor, str],
    floor: int,
    held: set[str],
) -> None:
    sensor, dependency = place
    units = {
        o.trigger: o
        for o in found.outcomes
        if o.sensor == sensor.name and o.dependency == dependency
    }
    if "" in units:
        books.count(sensor.name, dependency, State.FILTERED)
        return
    for trigger in sensor.triggers.values():
        if dependency not in trigger.names:
            continue
        unit = units.get(trigger.name)
        what = f"event {found.id} at {sensor.name}/{dependency}/{trigger.name}"
        if unit is None:
            if found.sequence > floor:
                books.count(sensor.name, dependency, State.PENDING)
            else:
                books.unaccounted.append(f"{what}: no outcome")
            continue
        join = records.join_key(sensor.uid, trigger.name, dependency)
        waits = unit.state is State.PENDING and found.sequence <= floor
        if waits and f"fire.{unit.firing}" not in held and join not in held:
            books.unaccounted.append(f"{what}: pending, and nothing holds it")
            continue
        books.count(sensor.name, dependency, unit.state)
