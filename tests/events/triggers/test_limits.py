"""How long an attempt may take: what the trigger itself asks for is always part of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from events.bus.memory import MemoryBus
from events.ledger import reading
from events.ledger.records import State
from events.sensors.compiled import compile_sensor
from events.triggers import limits
from tests.events import dispatching
from tests.events.triggers.recorder import recording


def policy(**backoff: Any) -> dict[str, Any]:
    return {"policy": {"k8s": {"labels": {"done": "yes"}, "backoff": backoff}}}


@pytest.mark.parametrize(
    ("spec", "least"),
    [
        ({"template": {"log": {}}}, 0),
        ({"template": {"http": {"url": "x", "timeout": 600}}}, 600),
        ({"template": {"custom": {"serverURL": "x:1"}}}, 180),
        (policy(duration="60s", factor=2, steps=4), 60 + 120 + 240),
        (policy(duration="1ms", steps=1_000_000_000), limits.LONGEST - limits.SECONDS),
        ({"policy": {"status": {"allow": [200]}}}, 0),
    ],
)
def test_an_attempt_has_the_time_it_asks_for(spec: dict[str, Any], least: float) -> None:
    found = limits.attempt_seconds(spec)
    assert limits.SECONDS + least <= found + 1e-6
    assert found <= limits.LONGEST


async def test_the_timeout_of_a_trigger_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.0)
    async with recording() as server:
        templates = [
            {"name": "asks", "http": {"url": server.url, "timeout": 60}},
            {"name": "asks-not", "http": {"url": server.url}},
        ]
        spec = {
            "dependencies": [{"name": "a", "eventSourceName": "hooks", "eventName": "a"}],
            "triggers": [{"template": t, "retryStrategy": {"steps": 1}} for t in templates],
        }
        meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": 1}
        bus = MemoryBus()
        sensor = compile_sensor({"kind": "Sensor", "metadata": meta, "spec": spec})
        dispatcher = await dispatching.started(bus, sensor)
        await dispatching.publish(bus, "a", "one")
        async with asyncio.timeout(20):
            while True:
                entries = [entry async for entry in reading.entries(bus)]
                found = {o.trigger: o.state for entry in entries for o in entry.outcomes}
                if found == {"asks": State.FIRED, "asks-not": State.DEAD}:
                    break
                await asyncio.sleep(0.01)
        await dispatcher.stop()
