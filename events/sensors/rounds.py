"""`errorOnFailedRound`: a Sensor that has it set fires no more once a round of it has failed.

The failed round is a dead letter of the Sensor's generation; firings that come meanwhile wait,
written down, and go on when the dead letters were redriven or the Sensor was edited. (The
reference documents the field so, and does nothing.) One instance for each bus, used by its
firings and its dispatcher.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from events.ledger.records import Firing
from events.sensors.compiled import Sensor

WAITING = "waits: an earlier round failed (spec.errorOnFailedRound)"


@dataclass(frozen=True, slots=True)
class Failure:
    """A round that failed."""

    generation: int
    trigger: str
    reason: str


@dataclass(slots=True)
class Rounds:
    """Failed rounds by Sensor uid and firing key. `on_change` hears the Sensor's namespace and
    name when its state may have changed."""

    on_change: Callable[[str, str], None] = lambda _namespace, _name: None
    _failed: dict[str, dict[str, Failure]] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def failed(self, firing: Firing, sensor: Sensor | None) -> None:
        """`firing`, of `sensor`, was given up."""
        if sensor is None or not sensor.halts or sensor.uid != firing.sensor_uid:
            return
        failure = Failure(firing.generation, firing.trigger, firing.reason)
        self._failed.setdefault(firing.sensor_uid, {})[firing.key] = failure
        self._tell(firing.namespace, firing.sensor)

    def redriven(self, firing: Firing) -> None:
        """`firing` is no dead letter any more."""
        known = self._failed.get(firing.sensor_uid, {})
        if known.pop(firing.key, None) is not None:
            self._tell(firing.namespace, firing.sensor)

    def edited(self, sensor: Sensor) -> None:
        """A Sensor is new, edited or gone."""
        self._tell(sensor.namespace, sensor.name)

    def failure(self, sensor: Sensor) -> Failure | None:
        """Why `sensor` may not fire, None when it may."""
        if not sensor.halts:
            return None
        known = self._failed.get(sensor.uid, {}).values()
        return next((f for f in known if f.generation == sensor.generation), None)

    @property
    def gate(self) -> asyncio.Event:
        """Set at the next change; to be taken before `failure` is asked."""
        return self._changed

    def _tell(self, namespace: str, name: str) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self.on_change(namespace, name)
