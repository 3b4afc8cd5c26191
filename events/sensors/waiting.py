"""When half-arrived conditions end without a firing: orphaned by an edit, or reset by time.

What ends so is a unit of the books: filtered, with the reason. Used by the dispatcher, which
decides everything else about joins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from events.bus.contract import Table
from events.ledger import records
from events.ledger.records import Outcome, State
from events.sensors.compiled import Sensor, Trigger
from events.sensors.joins import JoinId, Joins
from kube.clock import Clock


def _uncounted(_state: State, *_sensors: str) -> None:
    """For who keeps no books."""


@dataclass(slots=True)
class Waiting:
    """See the module. `sensors` is the dispatcher's own; `settled` is told what has ended, one
    name of a Sensor for each unit."""

    joins: Joins
    table: Table
    sensors: Mapping[tuple[str, str], Sensor]
    clock: Clock
    ttl: float
    settled: Callable[..., None] = _uncounted
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Namespace and name by uid, also of Sensors that are gone and whose orphans still wait."""
    resets_changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def drop_orphans(self) -> None:
        """Forget what waits for a trigger or dependency that is no more."""
        by_uid = {sensor.uid: sensor for sensor in self.sensors.values()}
        for join, waiting in list(self.joins.waiting.items()):
            sensor = by_uid.get(join[0])
            trigger = sensor.triggers.get(join[1]) if sensor else None
            names = trigger.names if trigger is not None and trigger.joins else frozenset()
            gone = [name for name in waiting if name not in names]
            if gone:
                await self._forget(join, gone, "the sensor no longer waits for it")
        for uid in [uid for uid in self.names if uid not in by_uid]:
            del self.names[uid]

    async def reset_conditions(self) -> None:
        """Clear half-arrived conditions at the times their triggers name, missed ones too."""
        clock = self.clock
        while True:
            self.resets_changed.clear()
            now = datetime.fromtimestamp(clock.now(), UTC)
            upcoming: list[datetime] = []
            for sensor in list(self.sensors.values()):
                for trigger in sensor.triggers.values():
                    for schedule in trigger.resets:
                        # `previous` is earlier than what it is given: the tick of now counts.
                        since = schedule.previous(now + timedelta(seconds=1))
                        await self._reset(sensor, trigger, since)
                        if (following := schedule.next(now)) is not None:
                            upcoming.append(following)
            wait = min((u.timestamp() for u in upcoming), default=clock.now() + 3600.0)
            sleep = asyncio.ensure_future(clock.sleep_until(wait))
            changed = asyncio.ensure_future(self.resets_changed.wait())
            try:
                await asyncio.wait({sleep, changed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                changed.cancel()

    async def _reset(self, sensor: Sensor, trigger: Trigger, since: datetime | None) -> None:
        if since is None:
            return
        join = (sensor.uid, trigger.name)
        waiting = self.joins.waiting.get(join, {})
        old = [name for name, a in waiting.items() if a.stored_at < since.timestamp()]
        if old:
            await self._forget(join, old, "conditionsReset")

    async def _forget(self, join: JoinId, left: list[str], why: str) -> None:
        waiting = self.joins.waiting.get(join, {})
        place = self.names.get(join[0], ("", ""))
        changes: dict[str, bytes | None] = {}
        ended: dict[str, bytes] = {}
        for name in left:
            arrived = waiting.pop(name, None)
            if arrived is None:
                continue
            changes[records.join_key(*join, name)] = None
            ended[records.out_key(arrived.id, join[0], name, join[1])] = records.encode(
                Outcome(
                    State.FILTERED,
                    *place,
                    name,
                    self.clock.now(),
                    trigger=join[1],
                    reason=why,
                    sequence=arrived.sequence,
                )
            )
        if not waiting:
            self.joins.waiting.pop(join, None)
        await self.table.commit(changes, ended, ttl=self.ttl)
        self.settled(State.FILTERED, *[place[1]] * len(ended))
