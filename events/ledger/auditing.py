"""The books: every stored event against what is written down about it.

One unit is (event, sensor, dependency, trigger); a filtered event is one unit for its dependency.
Callers: `headrace events audit`, and the tests after every fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from events.bus.contract import Bus
from events.ledger import reading, records
from events.ledger.reading import EventEntry
from events.ledger.records import Outcome, State
from events.sensors.compiled import Sensor


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


async def audit(
    bus: Bus, sensors: Iterable[Sensor], since: Mapping[str, float] | None = None
) -> Books:
    """Balance the stored events against the outcomes, for the given Sensors.

    `since`: from when each Sensor (by uid) is surely in force as it stands; without it, from when
    it was made. A unit begins there, or with the first event that it has a record of: events that
    were decided before a trigger existed do not concern it. An event the sensors have not answered
    yet is pending on the bus; behind that position each unit must have its record, and each
    pending record its waiting event or firing.
    """
    ledger = _Ledger(await bus.floor(records.DURABLE), await _held(bus), since or {})
    interested: dict[tuple[str, str], list[tuple[Sensor, str]]] = {}
    for sensor in sensors:
        for dependency in sensor.dependencies.values():
            place = (dependency.source, dependency.event)
            interested.setdefault(place, []).append((sensor, dependency.name))
    async for found in reading.entries(bus):
        for sensor, name in interested.get((found.source, found.name), ()):
            ledger.enter(found, sensor, name)
    return ledger.books


async def _held(bus: Bus) -> set[str]:
    table = bus.table(records.TABLE)
    found = {key async for key, _ in table.scan("join.>")}
    return found | {key async for key, _ in table.scan("fire.*")}


@dataclass(slots=True)
class _Ledger:
    """What is known while the events are walked through. `begun`: units seen with a record."""

    floor: int
    held: set[str]
    since: Mapping[str, float]
    books: Books = field(default_factory=Books)
    begun: set[tuple[str, str, str]] = field(default_factory=set)

    def enter(self, found: EventEntry, sensor: Sensor, dependency: str) -> None:
        """One event at one dependency."""
        units = {
            o.trigger: o
            for o in found.outcomes
            if o.dependency == dependency and _is_of(o, sensor, found)
        }
        if "" in units:
            self.books.count(sensor.name, dependency, State.FILTERED)
            return
        for trigger in sensor.triggers.values():
            if dependency in trigger.names:
                unit = units.get(trigger.name)
                self._unit(found, sensor, (dependency, trigger.name), unit)

    def _unit(
        self, found: EventEntry, sensor: Sensor, place: tuple[str, str], unit: Outcome | None
    ) -> None:
        dependency, trigger = place
        what = f"event {found.id} at {sensor.name}/{dependency}/{trigger}"
        answered = found.sequence <= self.floor
        if unit is None:
            if not answered:
                self.books.count(sensor.name, dependency, State.PENDING)
            elif self._concerns(found, sensor, place):
                self.books.unaccounted.append(f"{what}: no outcome")
            return
        self.begun.add((sensor.uid, *place))
        held = {f"fire.{unit.firing}", records.join_key(sensor.uid, trigger, dependency)}
        if unit.state is State.PENDING and answered and not held & self.held:
            self.books.unaccounted.append(f"{what}: pending, and nothing holds it")
            return
        self.books.count(sensor.name, dependency, unit.state)

    def _concerns(self, found: EventEntry, sensor: Sensor, place: tuple[str, str]) -> bool:
        """Whether the unit existed when the event was decided."""
        begins = self.since.get(sensor.uid, sensor.created)
        return (sensor.uid, *place) in self.begun or found.stored_at >= begins


def _is_of(outcome: Outcome, sensor: Sensor, found: EventEntry) -> bool:
    """Whether it is this Sensor's; of one that had its name before, the uid tells, or the age."""
    if outcome.sensor_uid:
        return outcome.sensor_uid == sensor.uid
    return outcome.sensor == sensor.name and found.stored_at >= sensor.created
