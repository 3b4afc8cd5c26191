"""Firings of a replay, carried out for real: with their retries and dead-letter triggers, under
keys that were never used. The bus's ledger has one writer and is not told of them; what they
make carries the firing's key and the events, as ever."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from events.bus.memory import MemoryBus
from events.ledger import records
from events.ledger.counting import Counting
from events.ledger.records import Firing, Outcome, State
from events.sensors.compiled import Sensor
from events.sensors.firings import Firings
from events.triggers.contract import TriggerServices
from headrace.insight.events.comparing import Change, Difference


def work(sensor: Sensor, namespace: str, found: Iterable[Difference]) -> Iterator[Firing]:
    """A firing for each difference that fires under the changed Sensor."""
    run = uuid.uuid4().hex
    for number, each in enumerate(found):
        after = each.after
        if after is None or each.change is Change.SAME:
            continue
        yield Firing(
            key=records.firing_key(after.ids, f"replay {run} {number}", after.trigger, 0),
            namespace=namespace,
            sensor=sensor.name,
            sensor_uid=sensor.uid,
            trigger=after.trigger,
            generation=sensor.generation,
            events=dict(after.events),
            created=max(arrived.stored_at for arrived in after.events.values()),
        )


class Again:
    """Carries firings of one changed Sensor out, one after the other."""

    def __init__(self, services: TriggerServices, sensor: Sensor) -> None:
        self._services = services
        self._sensor = sensor
        self._table = MemoryBus().table(records.TABLE)
        self._firings = self._fresh()

    async def fire(self, firing: Firing) -> Outcome:
        """How it ended: fired, or dead with the reason."""
        await self._firings.run(firing)
        written = [entry async for entry in self._table.scan(">")]
        await self._table.commit({key: None for key, _ in written})  # the next finds it empty
        outcomes = [records.decode_outcome(v) for key, v in written if key.startswith("out.")]
        if outcomes[0].state is State.DEAD:
            self._firings = self._fresh()  # the others do not wait until it is redriven
        return outcomes[0]

    def _fresh(self) -> Firings:
        books = Counting(f"{self._sensor.namespace}/replay", lambda: 0)
        return Firings(self._table, self._services, lambda *_: self._sensor, books, 0.0)
