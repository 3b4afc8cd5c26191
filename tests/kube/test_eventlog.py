"""Events: counted, bounded, behind all other writes, and never in anybody's way."""

from __future__ import annotations

import asyncio
from typing import Any

from kube import eventlog
from kube.clock import SystemClock
from kube.cluster import Object
from kube.errors import AlreadyExists, NotFound, Transient
from kube.eventlog import Entry, EventLog
from kube.throttle import Limits, Throttle

OBJECT: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "ns", "uid": "u"},
}


class Store:
    """The three calls that the log makes, over a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.failing = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def create(self, _resource: Any, _namespace: str | None, body: Object) -> Object:
        await self.gate.wait()
        if self.failing:
            self.failing -= 1
            raise Transient("no answer")
        name = body["metadata"]["name"]
        if name in self.objects:
            raise AlreadyExists(name)
        self.objects[name] = body
        return body

    async def get(self, _resource: Any, _namespace: str | None, name: str) -> Object:
        return self.objects[name]

    async def patch(self, _r: Any, _n: str | None, name: str, body: Object) -> Object:
        if name not in self.objects:
            raise NotFound(name)
        self.objects[name] = {**self.objects[name], **body}
        return self.objects[name]


def log_on(store: Store, throttle: Throttle | None = None) -> EventLog:
    cluster: Any = store
    return EventLog(cluster, throttle or Throttle(), SystemClock(), component="test")


async def drained(log: EventLog) -> None:
    async with asyncio.timeout(5):
        await log.drained()


async def test_the_same_words_raise_the_count() -> None:
    store = Store()
    log = log_on(store)
    await log.start()
    for _ in range(3):
        log.tell(OBJECT, Entry("Went", "it went"))
        await drained(log)
    log.tell(OBJECT, Entry("Went", "elsewhere"))
    await drained(log)
    await log.stop()
    assert sorted((e["message"], e["count"]) for e in store.objects.values()) == [
        ("elsewhere", 1),
        ("it went", 3),
    ]


async def test_words_from_before_a_restart_are_counted_on() -> None:
    store = Store()
    for _ in range(2):
        log = log_on(store)
        await log.start()
        log.tell(OBJECT, Entry("Went", "it went"))
        await drained(log)
        await log.stop()
    [event] = store.objects.values()
    assert event["count"] == 2


async def test_an_event_that_has_expired_is_made_again() -> None:
    store = Store()
    log = log_on(store)
    await log.start()
    log.tell(OBJECT, Entry("Went", "it went"))
    await drained(log)
    store.objects.clear()
    log.tell(OBJECT, Entry("Went", "it went"))
    await drained(log)
    await log.stop()
    [event] = store.objects.values()
    assert event["count"] == 1


async def test_telling_never_waits_and_a_full_queue_drops() -> None:
    store = Store()
    store.gate.clear()
    log = log_on(store)
    await log.start()
    for number in range(eventlog.MOST_WAITING + 500):
        log.tell(OBJECT, Entry("Went", str(number)))
    store.gate.set()
    await drained(log)
    await log.stop()
    assert len(store.objects) <= eventlog.MOST_WAITING


async def test_an_api_that_fails_loses_one_event_and_the_next_is_written() -> None:
    store = Store()
    store.failing = 1
    log = log_on(store)
    await log.start()
    log.tell(OBJECT, Entry("Went", "lost"))
    await drained(log)
    log.tell(OBJECT, Entry("Went", "kept"))
    await drained(log)
    await log.stop()
    assert [e["message"] for e in store.objects.values()] == ["kept"]


async def test_other_writers_come_first() -> None:
    throttle = Throttle(Limits(start=1, most=1))
    store = Store()
    log = log_on(store, throttle)
    order: list[str] = []

    async def write(name: str) -> None:
        async with throttle.slot("others"):
            order.append(f"{name} {len(store.objects)}")
            await asyncio.sleep(0)

    await log.start()
    async with throttle.slot("others"):
        log.tell(OBJECT, Entry("Went", "it went"))
        writers = [asyncio.ensure_future(write(str(n))) for n in range(5)]
        await asyncio.sleep(0.01)
    await asyncio.gather(*writers)
    await drained(log)
    await log.stop()
    assert order == [f"{n} 0" for n in range(5)]
    assert len(store.objects) == 1
