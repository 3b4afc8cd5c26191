"""What one event means to one dependency: left out, kept for a join, or a firing.

No I/O: the outcome is a Decision, which the dispatcher writes down and starts. The joins in memory
are changed at once, the next event is decided on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from events.ledger import records
from events.ledger.records import Arrived, Firing, Outcome, State
from events.sensors.arrival import Arrival
from events.sensors.compiled import Dependency, Sensor, Trigger
from events.sensors.firings import Firings
from events.sensors.joins import Joins
from kube.clock import Clock


@dataclass(slots=True)
class Decision:
    """What deciding one event came to: records to write, firings to start."""

    changes: dict[str, bytes | None] = field(default_factory=dict)
    ended: dict[str, bytes] = field(default_factory=dict)
    filtered: list[Outcome] = field(default_factory=list)
    direct: dict[str, Firing] = field(default_factory=dict)  # by key
    written: list[Firing] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # a Sensor's name for each unit that ended
    units: int = 0  # of the books


@dataclass(frozen=True, slots=True)
class Deciding:
    """See the module."""

    joins: Joins
    firings: Firings
    clock: Clock

    def decide(
        self,
        decision: Decision,
        sensor: Sensor,
        dependency: Dependency,
        arrival: Arrival,
    ) -> None:
        """Add to `decision` what `dependency` of `sensor` makes of the event."""
        event, delivered = arrival.event, arrival.delivered
        arrived, why = arrival.at(dependency)
        if arrived is None:
            decision.units += 1
            decision.filtered.append(
                Outcome(
                    State.FILTERED,
                    sensor.namespace,
                    sensor.name,
                    dependency.name,
                    self.clock.now(),
                    reason=why,
                    sequence=delivered.sequence,
                )
            )
            return
        for trigger in sensor.triggers.values():
            if dependency.name not in trigger.names:
                continue
            if (
                records.out_key(event.id, sensor.uid, dependency.name, trigger.name)
                in arrival.known
            ):
                continue
            if trigger.joins:
                self._join(decision, sensor, trigger, (dependency.name, arrived))
            elif trigger.condition.eval({dependency.name}):
                self._fire(decision, sensor, trigger, (dependency.name, arrived))

    def _fire(
        self,
        decision: Decision,
        sensor: Sensor,
        trigger: Trigger,
        arrival: tuple[str, Arrived],
    ) -> None:
        """One event makes a trigger fire once, also where several of its dependencies take it."""
        dependency, arrived = arrival
        firing = self._firing(sensor, trigger, {dependency: arrived})
        decision.units += 1
        if firing.key not in decision.direct and not self.firings.runs(firing.key):
            decision.direct[firing.key] = firing
            return
        decision.left_out.append(sensor.name)
        why = "the trigger has fired with this event by another dependency"
        key = records.out_key(arrived.id, sensor.uid, dependency, trigger.name)
        decision.ended[key] = self._ended(sensor, trigger, dependency, arrived, why)

    def _join(
        self,
        decision: Decision,
        sensor: Sensor,
        trigger: Trigger,
        arrival: tuple[str, Arrived],
    ) -> None:
        dependency, arrived = arrival
        if self.joins.holds(sensor, trigger, dependency, arrived.id):
            return
        complete, superseded = self.joins.arrive(sensor, trigger, dependency, arrived)
        decision.units += 1
        if superseded is not None:
            decision.left_out.append(sensor.name)
            why = f"superseded by event {arrived.id}"
            key = records.out_key(superseded.id, sensor.uid, dependency, trigger.name)
            decision.ended[key] = self._ended(sensor, trigger, dependency, superseded, why)
        if complete is None:
            key = records.join_key(sensor.uid, trigger.name, dependency)
            decision.changes[key] = records.encode(arrived)
            waiting = self._firing(sensor, trigger, {dependency: arrived})
            waiting.key = ""
            decision.changes |= self.firings.outcomes(
                waiting, State.PENDING, reason="waits for other events"
            )
            return
        firing = self._firing(sensor, trigger, complete)
        for name in complete:
            decision.changes[records.join_key(sensor.uid, trigger.name, name)] = None
        decision.changes[f"fire.{firing.key}"] = records.encode(firing)
        decision.changes |= self.firings.outcomes(firing, State.PENDING)
        decision.written.append(firing)

    def _firing(self, sensor: Sensor, trigger: Trigger, events: dict[str, Arrived]) -> Firing:
        ids = {arrived.id for arrived in events.values()}
        return Firing(
            key=records.firing_key(ids, sensor.uid, trigger.name, sensor.generation),
            namespace=sensor.namespace,
            sensor=sensor.name,
            sensor_uid=sensor.uid,
            trigger=trigger.name,
            generation=sensor.generation,
            events=dict(events),
            created=self.clock.now(),
        )

    def _ended(
        self, sensor: Sensor, trigger: Trigger, dependency: str, arrived: Arrived, why: str
    ) -> bytes:
        return records.encode(
            Outcome(
                State.FILTERED,
                sensor.namespace,
                sensor.name,
                dependency,
                self.clock.now(),
                trigger=trigger.name,
                reason=why,
                sequence=arrived.sequence,
            )
        )
