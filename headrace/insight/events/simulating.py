"""A Sensor over a stretch of stored events, as the dispatcher would do it, without firing.

Filters, transforms, conditions, joins and their resets are the dispatcher's own parts; parameters
are resolved as the triggers do. What a trigger would ask other systems is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crds.errors import CrdError
from events import cloudevent
from events.bus.contract import Delivered, Message
from events.cloudevent import CloudEvent
from events.ledger.reading import EventEntry
from events.ledger.records import Arrived
from events.sensors import carrying, parameters
from events.sensors.arrival import Arrival
from events.sensors.compiled import Dependency, Sensor, Trigger
from events.sensors.joins import Joins
from events.sensors.parameters import ParameterError
from lang.errors import LangError


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a firing: where it goes and what it is. `problem`: why there is none."""

    place: str
    dest: str
    value: str | None
    problem: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True)
class WouldFire:
    """A trigger would fire for these events (`ids`), by dependency."""

    trigger: str
    kind: str
    ids: tuple[str, ...]
    events: Mapping[str, Arrived]
    parameters: tuple[Parameter, ...]
    problem: str = ""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What it is the firing of: trigger and event ids."""
        return self.trigger, self.ids


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one dependency said of one event; `why` it was left out, empty when it passed."""

    dependency: str
    arrived: Arrived | None
    why: str


@dataclass(slots=True)
class Simulation:
    """One Sensor and what still waits in its joins."""

    sensor: Sensor
    joins: Joins = field(default_factory=Joins)

    def verdicts(self, entry: EventEntry) -> Iterator[Verdict]:
        """What each dependency on this event says of it."""
        for dependency in self.sensor.dependencies.values():
            if (dependency.source, dependency.event) == (entry.source, entry.name):
                yield self._verdict(dependency, entry)

    def take(self, entry: EventEntry) -> list[WouldFire]:
        """The firings that this event brings about."""
        found: list[WouldFire] = []
        for verdict in self.verdicts(entry):
            if verdict.arrived is None:
                continue
            for trigger in self.sensor.triggers.values():
                if verdict.dependency in trigger.names:
                    events = self._complete(trigger, verdict.dependency, verdict.arrived)
                    if events is not None:
                        found.append(would_fire(trigger, events))
        return found

    def _verdict(self, dependency: Dependency, entry: EventEntry) -> Verdict:
        if entry.event is None:
            return Verdict(dependency.name, None, "not an event")
        arrived, why = Arrival(entry.event, delivered(entry), frozenset()).at(dependency)
        return Verdict(dependency.name, arrived, why)

    def _complete(
        self, trigger: Trigger, dependency: str, arrived: Arrived
    ) -> Mapping[str, Arrived] | None:
        if not trigger.joins:
            return {dependency: arrived} if trigger.condition.eval({dependency}) else None
        self._reset(trigger, arrived.stored_at)
        complete, _ = self.joins.arrive(self.sensor, trigger, dependency, arrived)
        return complete

    def _reset(self, trigger: Trigger, moment: float) -> None:
        waiting = self.joins.waiting.get((self.sensor.uid, trigger.name))
        if not waiting:
            return
        for schedule in trigger.resets:
            # The next whole second: `previous` is earlier than what it is given.
            since = schedule.previous(datetime.fromtimestamp(int(moment) + 1, UTC))
            if since is not None:
                for name in [n for n, a in waiting.items() if a.stored_at < since.timestamp()]:
                    del waiting[name]


def simulate(sensor: Sensor, entries: Iterable[EventEntry]) -> list[WouldFire]:
    """All firings, in the order of the events that complete them."""
    simulation = Simulation(sensor)
    return [firing for entry in entries for firing in simulation.take(entry)]


def would_fire(trigger: Trigger, events: Mapping[str, Arrived]) -> WouldFire:
    """The firing of a trigger for these events, its parameters resolved."""
    found = {name: cloudevent.decode(bytes(arrived.event)) for name, arrived in events.items()}
    ids = tuple(sorted({arrived.id for arrived in events.values()}))
    try:
        template, kind = carrying.applied_template(trigger.spec, found)
    except (ParameterError, LangError, CrdError) as error:
        return WouldFire(trigger.name, trigger.kind, ids, events, (), str(error))
    resolved = tuple(_parameters(trigger.spec, template[kind], found))
    problem = next((each.problem for each in resolved if each.problem), "")
    return WouldFire(trigger.name, kind, ids, events, resolved, problem)


def _parameters(
    spec: Mapping[str, Any], body: Mapping[str, Any], events: Mapping[str, CloudEvent]
) -> Iterator[Parameter]:
    for place, listed in (
        ("template", spec.get("parameters")),
        ("parameters", body.get("parameters")),
        ("payload", body.get("payload")),
    ):
        for each in listed or ():
            dest, operation = str(each.get("dest") or ""), str(each.get("operation") or "")
            try:
                value = parameters.resolve(each.get("src") or {}, events)
            except (ParameterError, LangError) as error:
                yield Parameter(place, dest, None, str(error), operation)
                continue
            if value is not None:
                raw = bool((each.get("src") or {}).get("useRawData"))
                shown = value.raw if raw and not value.is_text else value.text
                yield Parameter(place, dest, shown, operation=operation)


def delivered(entry: EventEntry) -> Delivered:
    """The stored event as a subscriber would see it."""
    message = Message("", entry.id, b"", {"traceparent": entry.traceparent})
    return Delivered(message, entry.sequence, entry.stored_at, 1, "")
