"""Half-arrived conditions of one bus: in memory for deciding, in the bus's table for keeping.

The newest event of a dependency replaces an older one that still waits (the older one's unit
ends as filtered, superseded). An event leaves a join by at most one firing: the entries are
deleted in the commit that writes the firing down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from events.bus import subjects
from events.ledger.records import Arrived
from events.sensors.compiled import Sensor, Trigger

JoinId = tuple[str, str]
"""(sensor uid, trigger name)."""


@dataclass(slots=True)
class Joins:
    """Waiting events by join and dependency."""

    waiting: dict[JoinId, dict[str, Arrived]] = field(default_factory=dict)

    def load(self, key: str, entry: Arrived) -> None:
        """Take an entry found in the table (`join.<uid>.<trigger>.<dependency>`)."""
        _, uid, trigger, dependency = key.split(".")
        name = subjects.name
        self.waiting.setdefault((name(uid), name(trigger)), {})[name(dependency)] = entry

    def arrive(
        self, sensor: Sensor, trigger: Trigger, dependency: str, arrived: Arrived
    ) -> tuple[dict[str, Arrived] | None, Arrived | None]:
        """(events of the firing or None while others are missing, the event superseded)."""
        join = self.waiting.setdefault((sensor.uid, trigger.name), {})
        superseded = join.get(dependency)
        if superseded is not None and superseded.id == arrived.id:
            superseded = None
        join[dependency] = arrived
        if not trigger.condition.eval(join):
            return None, superseded
        del self.waiting[(sensor.uid, trigger.name)]
        return join, superseded

    def holds(self, sensor: Sensor, trigger: Trigger, dependency: str, event_id: str) -> bool:
        """Whether that event waits there already."""
        entry = self.waiting.get((sensor.uid, trigger.name), {}).get(dependency)
        return entry is not None and entry.id == event_id

    def clear(self, join: JoinId) -> dict[str, Arrived]:
        """Forget a join; returns what waited."""
        return self.waiting.pop(join, {})
