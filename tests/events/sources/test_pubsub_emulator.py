"""`pubSub` against Google's own emulator: subscriptions, kept deadlines, what comes meanwhile."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from events.sources import pub_sub, pub_sub_api
from events.sources.pub_sub_api import Api, Received
from tests.events.sources.pubsub_emulator import PROJECT, Emulator, pubsub_emulator
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

pytestmark = pytest.mark.timeout(150)


def spec(**more: Any) -> dict[str, Any]:
    return {"projectID": PROJECT, "topic": "orders", **more}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes sources speak to an emulator."""

    def use(server: Emulator) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.port}")

    return use


async def test_messages_become_events_and_what_was_made_is_removed(used: Any) -> None:
    bus = WatchedBus()
    async with pubsub_emulator() as server, serving({}) as served:
        used(server)
        more = {"deleteSubscriptionOnFinish": True, "metadata": {"x": "y"}}
        mine = spec(subscriptionID="mine", **more)
        await served.serve(bus, "pubSub", "e", mine)
        bodies = ["ünï".encode(), b"x" * 700_000]
        await server.publish("orders", *bodies, region="eu")
        await server.publish("orders", b"bare")
        await bus.until(lambda: len(bus.store.log) == 3, 40)
        assert await server.call("GET", "subscriptions/mine")
        await served.stop()
        assert await server.call("GET", "subscriptions/mine") is None
    found = {base64.b64decode(data["body"]): data for data in bus.data()}
    assert found.keys() == {*bodies, b"bare"}
    assert found[bodies[0]]["attributes"] == {"region": "eu"}
    assert found[b"bare"]["attributes"] is None
    assert found[b"bare"]["metadata"] == {"x": "y"}
    assert found[b"bare"]["publishTime"].endswith(" +0000 UTC")


async def test_nothing_comes_twice_while_the_bus_is_away_longer_than_the_deadline(
    used: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pub_sub, "_EXTENSION", 10)  # the shortest
    monkeypatch.setattr(pub_sub, "_RENEW", 0.5)
    bus, given, pull = WatchedBus(), list[str](), pub_sub_api.Api.pull

    async def counted(api: Api, name: str, most: int) -> list[Received]:
        received = await pull(api, name, most)
        given.extend(item.message.message_id for item in received)
        return received

    monkeypatch.setattr(pub_sub_api.Api, "pull", counted)
    bus.away = True
    async with pubsub_emulator() as server, serving({}) as served:
        used(server)
        await server.call("PUT", "topics/orders", {})
        await served.serve(bus, "pubSub", "e", spec())
        await server.publish("orders", *[b"%d" % n for n in range(300)])
        await bus.until(lambda: len(set(bus.attempts)) == 256, 40)
        clock = served.services.clock
        over = clock.now() + 12  # the subscription's own deadline is ten seconds
        await eventually(lambda: clock.now() > over, 30)
        bus.away = False
        await bus.until(lambda: len(bus.store.log) == 300, 40)
    held = sorted(int(base64.b64decode(data["body"])) for data in bus.data())
    assert held == list(range(300))
    assert len(given) == len(set(given)) == 300


async def test_a_subscription_keeps_what_comes_meanwhile(used: Any) -> None:
    bus, notes = WatchedBus(), list[str]()
    async with pubsub_emulator() as server:
        used(server)
        async with serving({}) as served:
            await served.serve(bus, "pubSub", "e", spec(jsonBody=True))
            await server.publish("orders", b'{"n":1}')
            await bus.until(lambda: len(bus.store.log) == 1, 40)
        await server.publish("orders", b"{", b'{"n":2}')
        async with serving({}) as served:
            await served.serve(bus, "pubSub", "e", spec(jsonBody=True), notes=notes)
            await bus.until(lambda: len(bus.store.log) == 2, 40)
            await eventually(lambda: any("no JSON" in note for note in notes))
    assert [data["body"]["n"] for data in bus.data()] == [1, 2]
