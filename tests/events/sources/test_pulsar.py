"""`pulsar` against a server that speaks Pulsar's WebSocket consumer protocol."""

from __future__ import annotations

import base64
import ssl
from typing import Any

import pytest
import trustme

from events.sources import pulsar as pulsar_source
from events.sources.contract import SourceError
from tests.events.sources.pulsar_server import PulsarServer, pulsar
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

ORDERS = "/ws/v2/consumer/persistent/public/default/orders/e"
FEW = {"duration": "5ms", "steps": 1}


def spec(server: PulsarServer | None = None, **more: Any) -> dict[str, Any]:
    url = f"ws://127.0.0.1:{server.port if server else 1}"
    backoff = {"duration": "20ms", "steps": 20}
    return {"url": url, "topics": ["orders"], "connectionBackoff": backoff, **more}


def bodies(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


async def test_a_message_becomes_an_event_and_is_acknowledged() -> None:
    bus = WatchedBus()
    async with pulsar() as server, serving({}) as served:
        given = spec(server, jsonBody=True, metadata={"x": "y"})
        await served.serve(bus, "pulsar", "e", given)
        server.send(b'{"n": 1.0}', path=ORDERS, key="k<1>")
        await bus.holds(1)
        await eventually(lambda: not server.subscription(ORDERS).waiting)
    [event] = bus.events()
    assert event.data == (
        b'{"key":"k\\u003c1\\u003e","publishTime":"2026-05-04 10:02:01.5 +0000 UTC",'
        b'"body":{"n":1.0},"metadata":{"x":"y"}}'
    )
    assert (event.type, event.subject) == ("pulsar", "e")
    [request] = server.requests
    assert dict(request.query) == {"subscriptionType": "Exclusive", "receiverQueueSize": "256"}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("2016-08-30 16:45:57.785", "2016-08-30 16:45:57.785 +0000 UTC"),
        ("2016-08-30T16:45:57Z", "2016-08-30 16:45:57 +0000 UTC"),
        ("yesterday", "0001-01-01 00:00:00 +0000 UTC"),
    ],
)
async def test_times_are_shown_as_the_reference_does(told: str, shown: str) -> None:
    bus = WatchedBus()
    async with pulsar() as server, serving({}) as served:
        await served.serve(bus, "pulsar", "e", spec(server))
        server.send(b"x", path=ORDERS, publishTime=told)
        assert await bus.holds(1) == [{"key": "", "publishTime": shown, "body": "eA=="}]


async def test_several_topics_share_the_window_and_a_subscription() -> None:
    bus = WatchedBus()
    topics = ["orders", "non-persistent://shop/eu/returns", "orders"]
    returns = "/ws/v2/consumer/non-persistent/shop/eu/returns/my event"
    async with pulsar() as server, serving({}) as served:
        given = spec(server, topics=topics, type="shared")
        await served.serve(bus, "pulsar", "my event", given)
        server.send(b"1", path=ORDERS.removesuffix("e") + "my event")
        server.send(b"2", path=returns)
        assert sorted(bodies(await bus.holds(2))) == [b"1", b"2"]
        assert len(set(bus.attempts)) == 2
    assert [dict(r.query) for r in server.requests] == [
        {"subscriptionType": "Shared", "receiverQueueSize": "128"}
    ] * 2
    assert server.requests[1].raw_path.startswith(returns.replace(" ", "%20"))


async def test_what_cannot_become_an_event_does_not_stop_the_rest() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with pulsar() as server, serving({}) as served:
        given = spec(server, jsonBody=True, filter={"expression": "body.n > 1"})
        await served.serve(bus, "pulsar", "e", given, notes=notes)
        server.send(b"{", b'{"n":1}', b'{"n":2}', path=ORDERS)
        server.send(b"", path=ORDERS, payload="***")
        assert [d["body"]["n"] for d in await bus.holds(1)] == [2]
        await eventually(lambda: not server.subscription(ORDERS).waiting)
    assert any("the body is no JSON" in note for note in notes)


async def test_a_message_that_comes_again_has_the_same_id() -> None:
    first = WatchedBus(silent=True)
    async with pulsar() as server:
        server.send(b"1", b"2", path=ORDERS)
        async with serving({}) as served:
            await served.serve(first, "pulsar", "e", spec(server))
            await first.holds(2)
        second = WatchedBus(first.store)
        async with serving({}) as served:
            await served.serve(second, "pulsar", "e", spec(server))
            await eventually(lambda: not server.subscription(ORDERS).waiting)
    assert sorted(second.attempts) == sorted(first.attempts)
    assert len(first.store.log) == 2


async def test_nothing_is_lost_or_doubled_over_cuts_and_an_outage_of_the_bus() -> None:
    bus, notes = WatchedBus(), list[str]()
    bus.away = True
    async with pulsar() as server, serving({}) as served:
        await served.serve(bus, "pulsar", "e", spec(server), notes=notes)
        server.send(*[b"%d" % n for n in range(100)], path=ORDERS)
        await bus.until(lambda: len(set(bus.attempts)) == 100)
        await server.cut()
        await eventually(lambda: len(server.requests) == 2)
        bus.away = False
        await eventually(lambda: not server.subscription(ORDERS).waiting)
    assert sorted(bodies(bus.data())) == sorted(b"%d" % n for n in range(100))
    lost = "reconnecting: the connection of topic orders was closed (server is going away)"
    assert lost in notes


async def test_a_bus_that_is_away_holds_the_broker_back() -> None:
    bus = WatchedBus()
    bus.away = True
    async with pulsar() as server, serving({}) as served:
        await served.serve(bus, "pulsar", "e", spec(server, topics=["orders", "other"]))
        server.send(*[b"x"] * 200, path=ORDERS)
        await bus.until(lambda: len(set(bus.attempts)) == 128)
        bus.away = False
        await bus.holds(200)
    assert server.longest == 128


async def test_a_bus_that_is_away_does_not_make_it_deaf() -> None:
    bus = WatchedBus()
    bus.away = True
    async with pulsar() as server, serving({}) as served:
        await served.serve(bus, "pulsar", "e", spec(server))
        server.send(*[b"%d" % n for n in range(256)], path=ORDERS)
        for count in (2, 3, 4):  # with all the room taken by messages that come again
            await bus.until(lambda: len(set(bus.attempts)) == 256)
            await eventually(lambda: len(server.subscription(ORDERS).sent) == 256)
            await server.cut()
            await eventually(lambda n=count: len(server.requests) == n)  # type: ignore[misc]
        bus.away = False
        await eventually(lambda: not server.subscription(ORDERS).waiting)
    assert sorted(bodies(bus.data())) == sorted(b"%d" % n for n in range(256))


async def test_a_message_that_is_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulsar_source, "_CAP", 1000)
    bus, notes = WatchedBus(), list[str]()
    async with pulsar() as server, serving({}) as served:
        await served.serve(bus, "pulsar", "e", spec(server), notes=notes)
        server.send(b"x" * 2000, path=ORDERS)
        await eventually(lambda: any("must be skipped there" in note for note in notes))


async def test_the_token_goes_along_and_its_successor_too() -> None:
    bus = WatchedBus()
    secret = {"name": "login", "key": "token"}
    async with pulsar(token="old") as server, serving({"login": {"token": "old\n"}}) as served:
        await served.serve(bus, "pulsar", "e", spec(server, authTokenSecret=secret))
        server.token = "new"
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["token"] = "new"
        await served.services.secrets.refresh()
        await eventually(lambda: len(server.requests) >= 2)
        server.send(b"x", path=ORDERS)
        await bus.holds(1)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "Forbidden"), (403, "Forbidden"), (404, "InvalidSpec"), (409, "Unavailable")],
)
async def test_a_refusal_is_said(status: int, reason: str) -> None:
    async with pulsar(status=status) as server, serving({}) as served:
        words = f"answered {status} for topic orders"
        with pytest.raises(SourceError, match=words) as caught:
            await served.serve(WatchedBus(), "pulsar", "e", spec(server, connectionBackoff=FEW))
    assert caught.value.reason == reason


async def test_a_server_that_is_not_there_is_said() -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError) as caught:
            await served.serve(WatchedBus(), "pulsar", "e", spec(connectionBackoff=FEW))
    assert caught.value.reason == "Unavailable"


@pytest.mark.parametrize("named", ["tls", "tlsTrustCertsSecret", "tlsAllowInsecureConnection"])
async def test_tls_is_checked_as_the_fields_say(named: str) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    pem = {"ca": authority.cert_pem.bytes().decode()}
    trusted = {"name": "tls", "key": "ca"}
    fields: dict[str, Any] = {
        "tls": {"caCertSecret": trusted},
        "tlsTrustCertsSecret": trusted,
        "tlsAllowInsecureConnection": True,
    }
    bus = WatchedBus()
    async with pulsar(context) as server, serving({"tls": pem}) as served:
        given = spec(server, url=f"wss://127.0.0.1:{server.port}", connectionBackoff=FEW)
        await served.serve(bus, "pulsar", "e", {**given, named: fields[named]})
        server.send(b"x", path=ORDERS)
        await bus.holds(1)
        with pytest.raises(SourceError, match="certificate"):
            await served.serve(WatchedBus(), "pulsar", "f", given)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": ""}, r"e\.url: must be ws://host:port"),
        ({"url": "pulsar://x:7000"}, r"e\.url: must be ws://host:port"),
        ({"topics": []}, r"e\.topics: is required"),
        ({"topics": ["a", "b/c"]}, r"e\.topics\[1\]: 'b/c' is no topic"),
        ({"type": "failover"}, r"e\.type: must be exclusive or shared"),
        ({"authAthenzParams": {"a": "b"}}, r"e\.authAthenzParams: is not served"),
        ({"authAthenzSecret": {"name": "a", "key": "b"}}, r"e\.authAthenzSecret: is not served"),
        ({"tls": {}}, r"e\.tls: caCertSecret"),
        ({"tls": {"enabled": True}}, r"e\.url: is not encrypted though tls is given"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=rf"spec\.pulsar\.{words}"):
            await served.serve(WatchedBus(), "pulsar", "e", spec(**wrong))
