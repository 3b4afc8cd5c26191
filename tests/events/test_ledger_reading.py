"""The ledger, read: events by id, the events of a firing, and books that only tell of losses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from events.bus.contract import Message
from events.bus.memory import MemoryBus
from events.ledger import auditing, reading, records
from events.ledger.reading import Ambiguous
from events.ledger.records import State
from events.sensors.compiled import Sensor, compile_sensor
from tests.events import dispatching

FIRST, SECOND = "0123456789abcdef", "0123456789abcdee"


def sensor(*conditions: str, created: str = "2026-01-01T00:00:00Z") -> Sensor:
    """Waits for events a and b; a trigger for each of the conditions."""
    dependencies = [{"name": n, "eventSourceName": "hooks", "eventName": n} for n in ("a", "b")]
    triggers = [
        {"template": {"name": f"t{number}", "log": {}, "conditions": text}}
        for number, text in enumerate(conditions)
    ]
    meta = {"name": "s", "namespace": "argo", "uid": "u", "creationTimestamp": created}
    spec = {"dependencies": dependencies, "triggers": triggers}
    return compile_sensor({"kind": "Sensor", "metadata": meta, "spec": spec})


async def decided(bus: MemoryBus, deciding: Sensor, *published: tuple[str, str]) -> None:
    """Publish `(event, id)`s, and let a dispatcher deal with them."""
    dispatcher = await dispatching.started(bus, deciding)
    for name, identity in published:
        await dispatching.publish(bus, name, identity)
    async with asyncio.timeout(10):
        while await bus.floor(records.DURABLE) < await bus.last() or await reading.pending(bus):
            await asyncio.sleep(0.01)
    await dispatcher.stop()


async def test_an_event_is_found_by_its_id_and_by_a_unique_beginning() -> None:
    bus = MemoryBus()
    await decided(bus, sensor("a"), ("a", FIRST), ("b", SECOND), ("a", "other-id-of-it"))
    for asked in (FIRST, "other-id-of-it"):
        found = await reading.entry(bus, asked)
        assert found is not None
        assert (found.id, [o.state for o in found.outcomes]) == (asked, [State.FIRED])
    untaken = await reading.entry(bus, SECOND)
    assert untaken is not None
    assert untaken.outcomes == ()
    shortened = await reading.entry(bus, "other-id")
    assert shortened is not None
    assert shortened.id == "other-id-of-it"
    with pytest.raises(Ambiguous) as caught:
        await reading.entry(bus, FIRST[:8])
    assert caught.value.ids == [FIRST, SECOND]
    assert await reading.entry(bus, FIRST[:7]) is None
    assert await reading.entry(bus, "0123456789x") is None


async def test_what_is_no_event_is_found_with_its_reason() -> None:
    bus = MemoryBus()
    dispatcher = await dispatching.started(bus, sensor("a"))
    await bus.publish(Message("argo_default.hooks.a", "not-an-event", b"{"))
    async with asyncio.timeout(10):
        while await bus.floor(records.DURABLE) < await bus.last():
            await asyncio.sleep(0.01)
    await dispatcher.stop()
    found = await reading.entry(bus, "not-an-event")
    assert found is not None
    assert found.event is None
    assert [outcome.state for outcome in found.outcomes] == [State.DEAD]


async def test_the_events_of_a_firing_are_found_from_any_of_them() -> None:
    bus = MemoryBus()
    await decided(bus, sensor("a && b"), ("a", "a1"), ("a", "a2"), ("b", "b1"))
    [_, taken, _] = [entry async for entry in reading.entries(bus)]
    [unit] = taken.outcomes
    assert unit.sensor_uid == "u"
    found = await reading.of_firing(bus, unit)
    assert {name: each.id for name, each in found.items() if each} == {"a": "a2", "b": "b1"}
    bus.store.log = [each for each in bus.store.log if each.message.id != "a2"]
    assert (await reading.of_firing(bus, unit))["a"] is None


async def test_outcomes_looked_up_singly_are_those_of_the_walk() -> None:
    bus = MemoryBus()
    await decided(bus, sensor("a && b", "a"), ("a", "a1"), ("b", "b1"), ("b", "b2"))
    walked = [entry async for entry in reading.entries(bus)]
    singly = await reading.with_outcomes(bus, [entry async for entry in reading.stored(bus)])
    assert [(e.id, set(e.outcomes)) for e in walked] == [(e.id, set(e.outcomes)) for e in singly]


async def test_a_trigger_that_is_added_is_not_charged_with_older_events() -> None:
    bus = MemoryBus()
    await decided(bus, sensor("a"), ("a", "a1"))
    edited = sensor("a", "a || b")
    now = {"u": (await _moments(bus))[-1] + 1.0}
    for since, lost in ((now, []), (None, ["event a1 at s/a/t1: no outcome"])):
        books = await auditing.audit(bus, [edited], since)
        assert books.unaccounted == lost
    await decided(bus, edited, ("a", "a2"), ("b", "b1"))
    books = await auditing.audit(bus, [edited], now)
    assert books.balanced
    assert books.by_state == {State.FIRED: 4}


async def test_what_is_lost_after_a_unit_has_begun_is_told() -> None:
    bus = MemoryBus()
    await decided(bus, sensor("a"), ("a", "a1"), ("a", "a2"), ("a", "a3"))
    del bus.store.tables[records.TABLE][records.out_key("a2", "u", "a", "t0")]
    books = await auditing.audit(bus, [sensor("a")], {"u": float("inf")})
    assert books.unaccounted == ["event a2 at s/a/t0: no outcome"]
    assert not books.balanced


async def test_a_sensor_made_again_is_not_charged_with_the_events_of_the_old_one() -> None:
    bus = MemoryBus()
    old: Any = sensor("a && b")
    await decided(bus, old, ("a", "a1"), ("b", "b1"))
    new = compile_sensor(
        {
            "metadata": {"name": "s", "namespace": "argo", "uid": "v"},
            "spec": {
                "dependencies": [{"name": "a", "eventSourceName": "hooks", "eventName": "a"}],
                "triggers": [{"template": {"name": "t0", "log": {}}}],
            },
        }
    )
    books = await auditing.audit(bus, [new], {"v": float("inf")})
    assert (books.balanced, books.received) == (True, 0)


async def _moments(bus: MemoryBus) -> list[float]:
    return [entry.stored_at async for entry in reading.stored(bus)]
