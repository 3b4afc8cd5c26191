"""The conservation law under fire: 1,000 events, three triggers (one an AND), and kill -9 of
headrace and of nats-server at random moments while they come in.

Senders do what GitHub does: they send again, under the same delivery name, until they hear 200.
Afterwards the books balance, nothing is dead, and nothing pending but an event that the AND still
keeps for its other half; each event is stored once, and each firing the ledger knows has had
exactly one effect at its trigger's target.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.ledger.reading import EventEntry
from events.ledger.records import State
from kube import resources
from tests.acceptance.local_cluster import LocalCluster, argo
from tests.events.triggers.recorder import Got, Recorder, recording

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(360)]

EVENTS = 1000
SENDERS = 12
KILLS = 8
SEED = 20261124
OWN = {"a": "sends", "b": "creates"}  # the trigger of one event alone


@pytest.fixture
async def target() -> AsyncIterator[Recorder]:
    """Where the http triggers send to."""
    async with recording() as recorder:
        yield recorder


def manifests(port: int, url: str) -> list[dict[str, Any]]:
    """Two endpoints, and a Sensor whose triggers are an object, a request, and an AND's request."""

    def trigger(name: str, conditions: str, what: dict[str, Any]) -> dict[str, Any]:
        retry = {"steps": 100, "duration": "100ms", "factor": 1}
        return {
            "template": {"name": name, "conditions": conditions, **what},
            "retryStrategy": retry,
        }

    def request(name: str) -> dict[str, Any]:
        payload = [{"src": {"dependencyName": "a", "dataKey": "body.n"}, "dest": "n"}]
        return {"http": {"url": f"{url}/{name}", "method": "POST", "payload": payload}}

    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"generateName": "made-"},
        "data": {"n": ""},
    }
    number = {"src": {"dependencyName": "b", "dataKey": "body.n"}, "dest": "data.n"}
    creates = {"k8s": {"operation": "create", "source": {"resource": made}, "parameters": [number]}}
    endpoint = {"method": "POST", "port": str(port)}
    hooks = {name: {**endpoint, "endpoint": f"/{name}"} for name in ("a", "b")}
    dependencies = [{"name": n, "eventSourceName": "hooks", "eventName": n} for n in ("a", "b")]
    triggers = [
        trigger("sends", "a", request("sends")),
        trigger("creates", "b", creates),
        trigger("joins", "a && b", request("joins")),
    ]
    return [
        argo("EventBus", "default", {"jetstream": {"version": "latest"}}),
        argo("EventSource", "hooks", {"webhook": hooks}),
        argo("Sensor", "three", {"dependencies": dependencies, "triggers": triggers}),
    ]


async def send(port: int, numbers: list[int], chance: random.Random) -> None:
    """Each number once, whatever it takes."""
    limit = aiohttp.ClientTimeout(total=15)
    async with aiohttp.ClientSession(timeout=limit) as session:
        while numbers:
            number = numbers.pop()
            url = f"http://127.0.0.1:{port}/{'ab'[number % 2]}"
            while True:
                try:
                    headers = {"Idempotency-Key": f"delivery-{number}"}
                    async with session.post(url, json={"n": number}, headers=headers) as answer:
                        await answer.read()
                        if answer.status == 200:
                            break
                        assert answer.status in {404, 503}, answer.status
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.05)
            await asyncio.sleep(chance.uniform(0.0, 0.3))  # some twenty seconds in all


async def kill(local: LocalCluster, sending: asyncio.Task[Any], chance: random.Random) -> None:
    """headrace and nats-server in turn, at random moments, while events are sent."""
    for number in range(KILLS):
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        assert not sending.done(), "the events were all sent before the last kill"
        if number % 2:
            os.kill(nats(local.folder), signal.SIGKILL)
            continue
        assert local.process is not None
        local.process.kill()
        await local.died()
        await local.start()


def nats(folder: Path) -> int:
    return int((folder / "nats" / "pid").read_text())


async def settled(local: LocalCluster) -> list[EventEntry]:
    """The stored events, once nothing is pending but what waits for the AND's other half."""
    async with asyncio.timeout(180):
        while True:
            books = await local.books(within=180)
            assert books.balanced, books.unaccounted
            assert not books.by_state[State.DEAD]
            entries = await local.entries()
            states = [(o.trigger, o.state) for entry in entries for o in entry.outcomes]
            waiting = [trigger for trigger, state in states if state is State.PENDING]
            if waiting in ([], ["joins"]):
                return entries
            await asyncio.sleep(0.2)


async def test_every_event_is_answered_for_and_every_firing_has_one_effect(
    local: LocalCluster, port: int, target: Recorder
) -> None:
    chance = random.Random(SEED)
    await local.start()
    local.apply(*manifests(port, target.url))
    await local.deployed()
    numbers = list(range(EVENTS))
    senders = [send(port, numbers, random.Random(n)) for n in range(SENDERS)]
    sending = asyncio.ensure_future(asyncio.gather(*senders))
    await kill(local, sending, chance)
    await sending
    entries = await settled(local)

    assert len(entries) == EVENTS  # none is missing, and none was stored twice
    fired: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        assert {o.trigger for o in entry.outcomes} == {OWN[entry.name], "joins"}
        for outcome in entry.outcomes:
            if outcome.state is State.FIRED:
                fired[outcome.trigger][outcome.firing].append(entry.name)
            else:  # a newer event has taken its place in the AND
                assert outcome.trigger == "joins"
    assert all(names == ["a"] for names in fired["sends"].values())
    assert all(names == ["b"] for names in fired["creates"].values())
    assert all(set(names) == {"a", "b"} for names in fired["joins"].values())
    assert len(fired["sends"]) == len(fired["creates"]) == EVENTS // 2

    await metrics_agree(local)
    # A request that was sent and not heard of is sent again, under the same key.
    assert keys(target.got, "/sends") == fired["sends"].keys()
    assert keys(target.got, "/joins") == fired["joins"].keys()
    async with local.api() as cluster:
        objects = (await cluster.list(resources.CONFIGMAPS, "default")).items
    made = [o["data"]["n"] for o in objects if o["metadata"]["name"].startswith("made-")]
    assert sorted(map(int, made)) == list(range(1, EVENTS, 2))


async def metrics_agree(local: LocalCluster) -> None:
    """Of the process that is left: received = settled + pending, and all pending is held."""
    async with local.api() as cluster:
        headers = {**await cluster.headers(), "Accept": "text/plain"}
        async with cluster.session().get(cluster.url("/metrics"), headers=headers) as answer:
            assert answer.status == 200
            text = await answer.text()
    found = dict.fromkeys(("received", "settled", "pending", "held"), 0.0)
    for line in text.splitlines():
        for name in found:
            if line.startswith(f"headrace_event_units_{name}") and "_created" not in line:
                found[name] += float(line.rpartition(" ")[2])
    assert found["settled"] > 0
    assert found["received"] == found["settled"] + found["pending"]
    assert found["pending"] == found["held"] <= 1


def keys(got: list[Got], path: str) -> set[str]:
    return {each.headers["idempotency-key"] for each in got if each.path == path}
