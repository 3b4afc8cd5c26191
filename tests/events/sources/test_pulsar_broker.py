"""`pulsar`, source and trigger, against a real broker: tokens, TLS, kills, what waits meanwhile."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import pytest
import trustme

from events.sources.contract import SourceError
from tests.events.sources.pulsar_broker import FETCH_SECONDS, Pulsar, pulsar_broker
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.events.triggers.firing import fire, whole

pytestmark = pytest.mark.timeout(FETCH_SECONDS + 120)
TOKEN = {"name": "login", "key": "token"}
FEW = {"duration": "5ms", "steps": 1}


def spec(server: Pulsar, **more: Any) -> dict[str, Any]:
    backoff = {"duration": "100ms", "steps": 200}
    given = {"url": f"ws://127.0.0.1:{server.port}", "topics": ["orders"], "authTokenSecret": TOKEN}
    return {**given, "connectionBackoff": backoff, **more}


async def drained(server: Pulsar, subscription: str) -> None:
    async with asyncio.timeout(30):
        while await server.backlog("orders", subscription):
            await asyncio.sleep(0.05)


async def test_messages_become_events_over_tls_with_a_token_that_is_rotated() -> None:
    bus, notes, authority = WatchedBus(), list[str](), trustme.CA()
    ca = {"ca": authority.cert_pem.bytes().decode()}
    async with pulsar_broker(authority) as server:
        store = {"login": {"token": server.token("reader")}, "bad": {"token": "x.y.z"}, "tls": ca}
        tls = {"url": f"wss://127.0.0.1:{server.tls_port}"}
        trusted = {**tls, "tlsTrustCertsSecret": {"name": "tls", "key": "ca"}}
        async with serving(store) as served:
            await served.serve(bus, "pulsar", "e", spec(server, **trusted), notes=notes)
            where = {**trusted, "topic": "orders", "authTokenSecret": TOKEN}
            effect = await fire("pulsar", {**where, "payload": [whole()]}, store)
            assert re.match(r"Pulsar persistent/public/default/orders \S+", effect)
            await bus.holds(1)
            await server.send("orders", "ünï".encode(), b"", b"x" * 3_000_000, key="k")
            await bus.holds(4)
            await drained(server, "e")
            cluster: Any = served.services.secrets._cluster
            cluster.secrets["login"]["token"] = server.token("successor")
            await served.services.secrets.refresh()
            await eventually(lambda: len(notes) > 1)  # connected with the new one
            await server.send("orders", b"after")
            await bus.holds(5)
            refused = (
                ({"authTokenSecret": {"name": "bad", "key": "token"}}, "answered 401", "Forbidden"),
                ({"topics": ["public/none/orders"]}, "answered 404", "InvalidSpec"),
                (tls, "certificate", "Unavailable"),
                ({}, "answered 409", "Unavailable"),  # the subscription has a reader
            )
            for more, words, reason in refused:
                given = spec(server, connectionBackoff=FEW, **more)
                with pytest.raises(SourceError, match=words) as caught:
                    await served.serve(WatchedBus(), "pulsar", "e", given)
                assert caught.value.reason == reason
    bodies = [base64.b64decode(data["body"]) for data in bus.data()]
    assert b'"name": "shop"' in bodies[0] or b'"name":"shop"' in bodies[0]
    assert bodies[1:] == ["ünï".encode(), b"", b"x" * 3_000_000, b"after"]
    assert [data["key"] for data in bus.data()] == ["", "k", "k", "k", ""]
    shape = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC\Z")
    assert all(shape.match(data["publishTime"]) for data in bus.data())


async def test_nothing_is_lost_or_doubled_when_the_broker_is_killed_and_the_bus_away() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with pulsar_broker() as server:
        async with serving({"login": {"token": server.token("reader")}}) as served:
            given = spec(server, jsonBody=True, type="shared")
            await served.serve(bus, "pulsar", "e", given, notes=notes)
            bus.away = True
            await server.send("orders", *[b'{"n":%d}' % n for n in range(60)], b"{")
            await bus.until(lambda: len(set(bus.attempts)) == 60, 40)
            await server.broker.restart()
            bus.away = False
            await server.send("orders", b'{"n":60}')
            await bus.until(lambda: len(bus.store.log) == 61, 40)
            await drained(server, "e")
        await server.send("orders", b'{"n":61}')  # while nobody reads
        async with serving({"login": {"token": server.token("reader")}}) as served:
            await served.serve(bus, "pulsar", "e", given)
            await bus.until(lambda: len(bus.store.log) == 62, 40)
    assert sorted(data["body"]["n"] for data in bus.data()) == list(range(62))
    assert any("the body is no JSON" in note for note in notes)
