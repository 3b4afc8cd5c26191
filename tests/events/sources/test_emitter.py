"""`emitter` against a broker that speaks Emitter's MQTT: keys, channels, refusals, login, TLS."""

from __future__ import annotations

import base64
import ssl
from typing import Any

import pytest
import trustme

from events.sources.contract import SourceError
from tests.events.sources.emitter_server import EmitterServer, emitter
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

FEW = {"duration": "5ms", "steps": 1}
LOGIN = {
    "username": {"name": "login", "key": "user"},
    "password": {"name": "login", "key": "password"},
}


def spec(server: EmitterServer | None = None, **more: Any) -> dict[str, Any]:
    broker = f"tcp://127.0.0.1:{server.port if server else 1}"
    given = {"broker": broker, "channelKey": "secret-key", "channelName": "rooms/hall"}
    return {**given, "connectionBackoff": {"duration": "50ms", "steps": 20}, **more}


def bodies(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


async def test_a_message_becomes_an_event() -> None:
    bus = WatchedBus()
    async with emitter() as server, serving({}) as served:
        await served.serve(bus, "emitter", "e", spec(server, jsonBody=True, metadata={"x": "y"}))
        server.publish("rooms/hall/", b'{"n": 1.0}')
        await bus.holds(1)
    [event] = bus.events()
    assert event.data == b'{"topic":"rooms/hall/","body":{"n":1.0},"metadata":{"x":"y"}}'
    assert (event.type, event.subject) == ("emitter", "e")
    assert server.topics == ["secret-key/rooms/hall/"]
    assert server.logins == [None]


async def test_slashes_around_key_and_channel_do_not_count() -> None:
    bus = WatchedBus()
    async with emitter() as server, serving({}) as served:
        given = spec(server, channelKey="/secret-key/", channelName="/rooms/hall/")
        await served.serve(bus, "emitter", "e", given)
        server.publish("rooms/hall/lamp/", b"on")
        assert await bus.holds(1) == [{"topic": "rooms/hall/lamp/", "body": "b24="}]
    assert server.topics == ["secret-key/rooms/hall/"]


async def test_alike_messages_are_events_of_their_own_in_order() -> None:
    bus = WatchedBus()
    async with emitter() as server, serving({}) as served:
        await served.serve(bus, "emitter", "e", spec(server))
        sent = [b"tick", b"tick", b"", b"\xff", *[b"%d" % n for n in range(300)]]
        server.publish("rooms/hall/", *sent)
        assert bodies(await bus.holds(len(sent))) == sent


async def test_answers_of_the_broker_are_no_events() -> None:
    bus = WatchedBus()
    async with emitter() as server, serving({}) as served:
        await served.serve(bus, "emitter", "e", spec(server))
        server.publish("emitter/me/", b"{}", anyone=True)
        server.publish("emitter/error/", b"nonsense", anyone=True)
        server.publish("rooms/hall/", b"x")
        assert bodies(await bus.holds(1)) == [b"x"]


async def test_what_is_no_json_does_not_stop_the_rest() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with emitter() as server, serving({}) as served:
        given = spec(server, jsonBody=True, filter={"expression": "body.n > 1"})
        await served.serve(bus, "emitter", "e", given, notes=notes)
        server.publish("rooms/hall/", b"{", b'{"n":1}', b'{"n":2}')
        assert [d["body"]["n"] for d in await bus.holds(1)] == [2]
    assert any("the body is no JSON" in note for note in notes)


async def test_a_restarted_broker_is_found_again() -> None:
    bus = WatchedBus()
    async with emitter() as server, serving({}) as served:
        await served.serve(bus, "emitter", "e", spec(server))
        await server.stop()
        await server.start()
        await eventually(lambda: len(server.topics) == 2)
        server.publish("rooms/hall/", b"after")
        assert bodies(await bus.holds(1)) == [b"after"]


async def test_messages_in_flight_are_kept_over_an_outage_of_the_bus() -> None:
    bus = WatchedBus()
    bus.away = True
    async with emitter() as server, serving({}) as served:
        await served.serve(bus, "emitter", "e", spec(server))
        server.publish("rooms/hall/", *[b"%d" % n for n in range(50)])
        await bus.until(lambda: len(set(bus.attempts)) == 50)
        bus.away = False
        data = await bus.holds(50)
    assert sorted(bodies(data)) == sorted(b"%d" % n for n in range(50))


async def test_a_wrong_key_is_said_in_the_brokers_words_and_not_shown() -> None:
    async with emitter() as server, serving({}) as served:
        given = spec(server, channelKey="wrong-key")
        with pytest.raises(SourceError, match=r"not authorized\. \(401\)") as caught:
            await served.serve(WatchedBus(), "emitter", "e", given)
    assert str(caught.value).startswith("spec.emitter.e.channelKey: the broker refuses it")
    assert "wrong-key" not in str(caught.value)
    assert caught.value.reason == "Forbidden"


async def test_login_and_a_rotated_password() -> None:
    bus = WatchedBus()
    secrets = {"login": {"user": "u", "password": "old\n"}}
    async with emitter(login=("u", "old")) as server, serving(secrets) as served:
        await served.serve(bus, "emitter", "e", spec(server, **LOGIN))
        server.login = ("u", "new")
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["password"] = "new"
        await served.services.secrets.refresh()
        await eventually(lambda: len(server.topics) == 2)
        server.publish("rooms/hall/", b"x")
        await bus.holds(1)
        given = spec(server, connectionBackoff=FEW)
        with pytest.raises(SourceError, match="not authorized"):
            await served.serve(bus, "emitter", "f", given)


async def test_tls_as_the_url_or_the_config_says() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    pem = {"ca": authority.cert_pem.bytes().decode()}
    tls = {"caCertSecret": {"name": "tls", "key": "ca"}}
    bus = WatchedBus()
    async with emitter(context) as server, serving({"tls": pem}) as served:
        url = f"ssl://127.0.0.1:{server.port}"
        await served.serve(bus, "emitter", "e", spec(server, tls=tls, broker=url))
        server.publish("rooms/hall/", b"x")
        await bus.holds(1)
        given = spec(server, broker=url, connectionBackoff=FEW)
        with pytest.raises(SourceError, match="certificate"):
            await served.serve(bus, "emitter", "f", given)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"broker": ""}, "broker: is required"),
        ({"broker": "ws://x"}, "broker: ws:// is not served"),
        ({"broker": "tcp://x:many"}, "broker: "),
        ({"channelKey": ""}, "channelKey: is required"),
        ({"channelName": "/"}, "channelName: is required"),
        ({"channelName": "a\0"}, "channelName: is no text"),
        ({"channelName": "a" * 70_000}, "channelName: is no text"),
        ({"tls": {}}, "tls: "),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=rf"spec\.emitter\.e\.{words}"):
            await served.serve(WatchedBus(), "emitter", "e", spec(**wrong))
