"""A firing that takes long is written down, so that its event can be answered meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from events.bus.contract import Table
from events.bus.memory import MemoryBus
from events.ledger import records
from events.ledger.counting import Counting
from events.ledger.records import Arrived, Firing, State
from events.sensors import carrying, firings
from events.sensors.compiled import Sensor, compile_sensor
from events.sensors.firings import Firings
from tests.events.triggers import firing as trigger_firing


@dataclass
class Hanging:
    """Stands in for a trigger that answers when it is let go."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def attempt(self, *_: Any) -> str:
        self.began.set()
        await self.let_go.wait()
        return "done"


def sensor() -> Sensor:
    spec = {
        "dependencies": [{"name": "a", "eventSourceName": "hooks", "eventName": "a"}],
        "triggers": [{"template": {"name": "t", "log": {}}}],
    }
    meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": 1}
    return compile_sensor({"metadata": meta, "spec": spec})


def one() -> Firing:
    arrived = Arrived(msgspec.Raw(b"{}"), "event-1", 1, 0.0)
    return Firing("k" * 32, "argo", "s", "u", "t", 1, {"a": arrived}, created=0.0)


async def keys(table: Table) -> list[str]:
    return sorted([key.partition(".")[0] async for key, _ in table.scan(">")])


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Hanging:
    found = Hanging()
    monkeypatch.setattr(carrying, "attempt", found.attempt)
    return found


def running(table: Table) -> Firings:
    services = trigger_firing.context().services
    books = Counting("argo/slow", lambda: 0)
    return Firings(table, services, lambda *_: sensor(), books, 60.0)


async def test_a_slow_firing_is_written_down_and_its_event_answered(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firings, "_SLOW", -1.0)
    table = MemoryBus().table(records.TABLE)
    runs, settled = running(table), []
    task = asyncio.create_task(runs.run(one(), lambda: settled.append("settled")))
    await hanging.began.wait()
    assert not settled
    await runs.write_down_slow()
    assert settled == ["settled"]
    assert await keys(table) == ["fire", "out"]
    await runs.write_down_slow()  # it is written down already
    hanging.let_go.set()
    await task
    assert settled == ["settled"]
    assert await keys(table) == ["out"]
    [outcome] = [records.decode_outcome(value) async for _, value in table.scan("out.>")]
    assert outcome.state is State.FIRED


async def test_a_quick_firing_is_written_once_afterwards(hanging: Hanging) -> None:
    table = MemoryBus().table(records.TABLE)
    runs, settled = running(table), []
    task = asyncio.create_task(runs.run(one(), lambda: settled.append("settled")))
    await hanging.began.wait()
    await runs.write_down_slow()
    assert not settled
    assert await keys(table) == []
    hanging.let_go.set()
    await task
    assert settled == ["settled"]
    assert await keys(table) == ["out"]
