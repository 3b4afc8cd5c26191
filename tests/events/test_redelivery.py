"""A bus that forgets what was acknowledged (its server was killed) gives events again as if for the
first time: no event takes part in a second firing of its trigger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from events.bus.memory import MemoryBus, MemoryStore
from events.ledger import reading, records
from events.ledger.records import Outcome, State
from events.sensors.compiled import Sensor, compile_sensor
from tests.events import dispatching


def sensor() -> Sensor:
    names = ("a", "b")
    dependencies = [{"name": n, "eventSourceName": "hooks", "eventName": n} for n in names]
    trigger = {"template": {"name": "both", "log": {}, "conditions": "a && b"}}
    meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": 1}
    spec = {"dependencies": dependencies, "triggers": [trigger]}
    return compile_sensor({"kind": "Sensor", "metadata": meta, "spec": spec})


async def until(bus: MemoryBus, met: Callable[[dict[str, Outcome]], bool]) -> dict[str, Outcome]:
    """The outcomes by event, as soon as `met`."""
    async with asyncio.timeout(10):
        while True:
            entries = [entry async for entry in reading.entries(bus)]
            found = {entry.id: entry.outcomes[0] for entry in entries if entry.outcomes}
            if met(found):
                return found
            await asyncio.sleep(0.01)


def forget(store: MemoryStore) -> None:
    """What nats-server does when it dies before it has written down what was acknowledged."""
    position = store.positions[records.DURABLE]
    position.next = store.log[0].sequence
    position.attempts.clear()
    position.due.clear()
    store.wake()


def fired(*names: str) -> Callable[[dict[str, Outcome]], Any]:
    return lambda found: all(n in found and found[n].state is State.FIRED for n in names)


async def answered(bus: MemoryBus) -> None:
    async with asyncio.timeout(10):
        while await bus.floor(records.DURABLE) < await bus.last():
            await asyncio.sleep(0.01)


async def test_an_and_takes_no_event_twice() -> None:
    store = MemoryStore()
    bus = MemoryBus(store)
    dispatcher = await dispatching.started(bus, sensor())
    await dispatching.publish(bus, "a", "a1")
    await dispatching.publish(bus, "b", "b1")
    first = await until(bus, fired("a1", "b1"))
    forget(store)
    await answered(bus)
    await dispatching.publish(bus, "b", "b2")
    found = await until(bus, lambda found: "b2" in found)
    assert found["b2"].state is State.PENDING  # there is no other half for it
    assert found["a1"].firing == found["b1"].firing == first["a1"].firing

    await dispatcher.stop()
    forget(store)
    dispatcher = await dispatching.started(
        bus, sensor()
    )  # another process, which has seen nothing of it
    await answered(bus)
    await dispatching.publish(bus, "a", "a2")
    found = await until(bus, fired("a2", "b2"))
    assert found["a1"].firing == found["b1"].firing == first["a1"].firing
    assert found["a2"].firing == found["b2"].firing != first["a1"].firing
    await dispatcher.stop()
