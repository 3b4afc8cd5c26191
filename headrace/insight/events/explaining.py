"""What one Sensor makes of one event: each filter, each trigger with its parameters.

Two things are told apart: what it would do now (asked of the Sensor as it is), and what was
recorded. A trigger that fired together with other events is shown with those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from events.ledger.reading import EventEntry
from events.ledger.records import Arrived, Outcome
from events.sensors.arrival import Arrival
from events.sensors.compiled import Dependency, Sensor, Trigger
from headrace.insight.events import filters, simulating
from headrace.insight.events.filters import Look
from headrace.insight.events.simulating import Simulation, Verdict, WouldFire

Companions = Mapping[str, Mapping[str, EventEntry | None]]
"""By the key of a recorded firing: its events by dependency, None where one is stored no more."""


@dataclass(frozen=True, slots=True)
class AtDependency:
    """One dependency on the event. `joined`: which of its looks are joined by "or"."""

    name: str
    passes: bool
    why: str
    looks: tuple[Look, ...]
    joined: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtTrigger:
    """One trigger that the event reaches. `fires` None: it waits for `missing`.

    `firing`: the recorded firing whose events (`together`: id by dependency) are shown.
    """

    name: str
    fires: WouldFire | None
    missing: tuple[str, ...] = ()
    firing: str = ""
    together: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explained:
    """All of it. `taken`: a dependency of the Sensor is on this event."""

    sensor: str
    problems: tuple[str, ...]
    dependencies: tuple[AtDependency, ...]
    triggers: tuple[AtTrigger, ...]
    recorded: tuple[Outcome, ...]

    @property
    def taken(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.dependencies or self.recorded)


def explain(
    sensor: Sensor,
    found: EventEntry,
    companions: Companions | None = None,
    *,
    problems: Sequence[str] = (),
    earlier: Iterable[EventEntry] = (),
) -> Explained:
    """See the module. `companions`: of the firings that `found` was recorded in; `earlier`:
    events that came before it."""
    simulation = Simulation(sensor)
    for each in earlier:
        simulation.take(each)
    verdicts = simulation.verdicts(found)
    dependencies = tuple(_at(sensor.dependencies[v.dependency], v, found) for v in verdicts)
    fires: dict[str, list[WouldFire]] = {}
    for firing in simulation.take(found):
        fires.setdefault(firing.trigger, []).append(firing)
    recorded = tuple(outcome for outcome in found.outcomes if of(outcome, sensor))
    passed = {each.name for each in dependencies if each.passes}
    triggers: list[AtTrigger] = []
    waiting = simulation.joins.waiting
    for trigger in sensor.triggers.values():
        if not passed & trigger.names:
            continue
        joint = _joint(sensor, trigger, recorded, companions or {})
        now = [AtTrigger(trigger.name, firing) for firing in fires.get(trigger.name, ())]
        there = passed | waiting.get((sensor.uid, trigger.name), {}).keys()
        missing = tuple(sorted(trigger.names - there))
        triggers += joint or now or [AtTrigger(trigger.name, None, missing)]
    return Explained(sensor.name, tuple(problems), dependencies, tuple(triggers), recorded)


def _at(dependency: Dependency, verdict: Verdict, found: EventEntry) -> AtDependency:
    return AtDependency(
        dependency.name,
        verdict.arrived is not None,
        verdict.why,
        tuple(filters.looks(dependency, found.event)) if found.event else (),
        tuple(filters.joined(dependency)),
    )


def joint_units(found: EventEntry, sensors: Sequence[Sensor]) -> list[Outcome]:
    """Units of firings that the event had together with others: see `Companions`."""
    units: dict[str, Outcome] = {}
    for outcome in found.outcomes:
        for sensor in sensors:
            trigger = sensor.triggers.get(outcome.trigger)
            if outcome.firing and trigger and trigger.joins and of(outcome, sensor):
                units[outcome.firing] = outcome
    return list(units.values())


def of_deleted(found: EventEntry, there: Sequence[Sensor], name: str = "") -> list[Explained]:
    """What was recorded for Sensors that are gone (`name`: only for that one)."""
    left: dict[str, list[Outcome]] = {}
    for outcome in found.outcomes:
        if not any(of(outcome, sensor) for sensor in there) and name in ("", outcome.sensor):
            left.setdefault(outcome.sensor, []).append(outcome)
    problem = ("there is no such Sensor now",)
    return [Explained(gone, problem, (), (), tuple(units)) for gone, units in left.items()]


def of(outcome: Outcome, sensor: Sensor) -> bool:
    """Whether the outcome was recorded for this Sensor."""
    if outcome.sensor_uid and sensor.uid:
        return outcome.sensor_uid == sensor.uid
    return outcome.sensor == sensor.name


def _joint(
    sensor: Sensor, trigger: Trigger, recorded: Sequence[Outcome], companions: Companions
) -> list[AtTrigger]:
    """The recorded firings of a trigger that waited for several events."""
    keys = dict.fromkeys(o.firing for o in recorded if o.trigger == trigger.name and o.firing)
    told = []
    for key in keys if trigger.joins else ():
        entries = {name: each for name, each in companions.get(key, {}).items() if each}
        together = {name: each.id for name, each in entries.items()}
        arrived = {name: _arrived(sensor, name, each) for name, each in entries.items()}
        events = {name: each for name, each in arrived.items() if each is not None}
        if events:
            firing = simulating.would_fire(trigger, events)
            told.append(AtTrigger(trigger.name, firing, firing=key, together=together))
    return told


def _arrived(sensor: Sensor, dependency: str, found: EventEntry) -> Arrived | None:
    """The event as it leaves the dependency today."""
    if found.event is None or dependency not in sensor.dependencies:
        return None
    arrival = Arrival(found.event, simulating.delivered(found), frozenset())
    return arrival.at(sensor.dependencies[dependency])[0]
