"""`errorOnFailedRound`: after a failed round nothing fires until it was redriven or the Sensor
edited; what came meanwhile is kept, also over a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from events.bus.memory import MemoryBus, MemoryStore
from events.ledger import commands, reading
from events.ledger.records import Outcome, State
from events.sensors.compiled import Sensor, compile_sensor
from events.sensors.rounds import WAITING
from tests.events import dispatching


def sensor(generation: int = 1, *, halts: bool = True, **more: Any) -> Sensor:
    """An event without `n` is a failed round; `more` goes into the parameter's src."""
    src = {"dependencyName": "a", "dataKey": "n", **more}
    spec = {
        "errorOnFailedRound": halts,
        "dependencies": [{"name": "a", "eventSourceName": "hooks", "eventName": "a"}],
        "triggers": [
            {"template": {"name": "t", "log": {}}, "parameters": [{"src": src, "dest": "name"}]}
        ],
    }
    meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": generation}
    return compile_sensor({"kind": "Sensor", "metadata": meta, "spec": spec})


async def until(bus: MemoryBus, met: Callable[[dict[str, Outcome]], Any]) -> dict[str, Outcome]:
    async with asyncio.timeout(20):
        while True:
            entries = [entry async for entry in reading.entries(bus)]
            found = {entry.id: entry.outcomes[0] for entry in entries if entry.outcomes}
            if met(found):
                return found
            await asyncio.sleep(0.01)


def states(**wanted: State) -> Callable[[dict[str, Outcome]], bool]:
    return lambda found: all(n in found and found[n].state is s for n, s in wanted.items())


async def failed_then_held(bus: MemoryBus) -> None:
    await dispatching.publish(bus, "a", "bad", b"{}")
    await until(bus, states(bad=State.DEAD))
    await dispatching.publish(bus, "a", "later", b'{"n":1}')
    found = await until(bus, lambda found: "later" in found and found["later"].reason == WAITING)
    assert found["later"].state is State.PENDING


async def test_what_comes_after_a_failed_round_waits_for_an_edit() -> None:
    bus = MemoryBus()
    dispatcher = await dispatching.started(bus, sensor())
    await failed_then_held(bus)
    assert dispatcher.failed_round(sensor()) is not None
    edited = sensor(2)
    dispatcher.put(edited)
    await until(bus, states(later=State.FIRED, bad=State.DEAD))
    assert dispatcher.failed_round(edited) is None
    await dispatcher.stop()


async def test_what_comes_after_a_failed_round_waits_for_its_redriving() -> None:
    bus = MemoryBus()
    dispatcher = await dispatching.started(bus, sensor())
    await failed_then_held(bus)
    dispatcher.put(sensor(value="none"))  # what the trigger needs is there now
    [letter] = await reading.dead_letters(bus)
    await commands.redrive(bus, "argo_default", letter.key)
    await until(bus, states(bad=State.FIRED, later=State.FIRED))
    assert dispatcher.failed_round(sensor()) is None
    await dispatcher.stop()


async def test_a_failed_round_is_known_to_the_next_process() -> None:
    store = MemoryStore()
    dispatcher = await dispatching.started(MemoryBus(store), sensor())
    await failed_then_held(MemoryBus(store))
    await dispatcher.stop()
    bus = MemoryBus(store)
    dispatcher = await dispatching.started(bus, sensor())
    assert dispatcher.failed_round(sensor()) is not None
    await dispatching.publish(bus, "a", "last", b'{"n":2}')
    await until(bus, lambda found: "last" in found and found["last"].reason == WAITING)
    dispatcher.put(sensor(2))
    await until(bus, states(later=State.FIRED, last=State.FIRED))
    await dispatcher.stop()


async def test_without_the_field_a_failed_round_holds_nobody() -> None:
    bus = MemoryBus()
    plain = sensor(halts=False)
    dispatcher = await dispatching.started(bus, plain)
    await dispatching.publish(bus, "a", "bad", b"{}")
    await until(bus, states(bad=State.DEAD))
    await dispatching.publish(bus, "a", "later", b'{"n":1}')
    await until(bus, states(later=State.FIRED))
    assert dispatcher.failed_round(plain) is None
    await dispatcher.stop()
