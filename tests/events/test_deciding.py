"""What is left over when conditions end, and one event that several dependencies take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from events.bus.memory import MemoryBus
from events.ledger import auditing, reading, records
from events.ledger.records import Arrived, Outcome, State
from events.sensors.compiled import Sensor, compile_sensor
from events.sensors.joins import Joins
from events.sensors.waiting import Waiting
from tests.events import dispatching


def sensor(conditions: str, *, events: tuple[str, str] = ("a", "b"), **template: Any) -> Sensor:
    dependencies = [
        {"name": n, "eventSourceName": "hooks", "eventName": e}
        for n, e in zip("ab", events, strict=True)
    ]
    trigger = {"template": {"name": "t", "log": {}, "conditions": conditions, **template}}
    meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": 1}
    return compile_sensor(
        {"metadata": meta, "spec": {"dependencies": dependencies, "triggers": [trigger]}}
    )


async def until(bus: MemoryBus, name: str, met: Callable[[list[Outcome]], bool]) -> list[Outcome]:
    async with asyncio.timeout(20):
        while True:
            entry = await reading.entry(bus, name)
            if entry is not None and met(list(entry.outcomes)):
                return list(entry.outcomes)
            await asyncio.sleep(0.01)


async def test_an_event_that_two_dependencies_take_fires_once_and_the_books_balance() -> None:
    bus = MemoryBus()
    either = sensor("a || b", events=("a", "a"))
    dispatcher = await dispatching.started(bus, either)
    await dispatching.publish(bus, "a", "event-0001")
    found = await until(bus, "event-0001", lambda outcomes: len(outcomes) == 2)
    by_name = {each.dependency: each for each in found}
    assert by_name["a"].state is State.FIRED
    assert by_name["b"].state is State.FILTERED
    assert "has fired with this event" in by_name["b"].reason
    books = await auditing.audit(bus, [either])
    assert books.balanced
    await dispatcher.stop()


async def test_what_waited_for_a_sensor_that_is_gone_still_names_it() -> None:
    bus = MemoryBus()
    dispatcher = await dispatching.started(bus, sensor("a && b"))
    await dispatching.publish(bus, "a", "event-0001")
    await until(bus, "event-0001", lambda outcomes: bool(outcomes))
    dispatcher.drop("argo", "s")
    [left] = await until(bus, "event-0001", lambda outcomes: outcomes[0].state is State.FILTERED)
    assert (left.namespace, left.sensor) == ("argo", "s")
    assert left.reason == "the sensor no longer waits for it"
    await dispatcher.stop()


class At:
    """A clock that stands, and wakes nobody."""

    def __init__(self, moment: str) -> None:
        self._now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, moment: float) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("stored", "now", "left"),
    [
        ("2026-03-01T11:59:59", "2026-03-01T12:00:00", 0),  # the tick of this very second
        ("2026-03-01T11:59:59", "2026-03-01T12:00:00.300", 0),
        ("2026-03-01T12:00:01", "2026-03-01T18:00:00", 1),
        ("2026-03-01T11:00:00", "2026-03-01T11:59:59", 1),
        ("2026-03-01T11:00:00", "2026-03-04T07:00:00", 0),  # missed while nothing ran
    ],
)
async def test_conditions_are_reset_at_their_tick(stored: str, now: str, left: int) -> None:
    reset = [{"byTime": {"cron": "0 12 * * *", "timezone": "UTC"}}]
    daily = sensor("a && b", conditionsReset=reset)
    joins = Joins()
    moment = datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp()
    joins.waiting[("u", "t")] = {"a": Arrived(records.encode({}), "id", 1, moment)}  # type: ignore[arg-type]
    bus = MemoryBus()
    waiting = Waiting(joins, bus.table("t"), {("argo", "s"): daily}, At(now), 60.0)
    task = asyncio.create_task(waiting.reset_conditions())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    assert len(joins.waiting.get(("u", "t"), {})) == left
