"""`mqtt` against a real mosquitto: sessions, acknowledgements, TLS, login, restarts and crashes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import trustme

from events.sources import mqtt_wire
from events.sources.contract import SourceError
from events.sources.mqtt_wire import Connection, Login, Packet
from tests import ports
from tests.events.sources.brokers import Broker, program
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving


@asynccontextmanager
async def mosquitto(folder: Path, *lines: str, anonymous: bool = True) -> AsyncIterator[Broker]:
    binary, port = program("mosquitto", "mosquitto"), ports.free_port()
    config = folder / "mosquitto.conf"
    settings = [
        "user root",  # otherwise it gives up root and cannot write to the folder
        "persistence true",
        f"persistence_location {folder}/",
        "max_queued_messages 0",
        f"allow_anonymous {'true' if anonymous else 'false'}",
        f"listener {port} 127.0.0.1",
        *lines,
    ]
    config.write_text("\n".join(settings) + "\n")
    broker = Broker([binary, "-c", str(config)], port, folder)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def spec(broker: Broker, **more: Any) -> dict[str, Any]:
    given = {"url": f"tcp://127.0.0.1:{broker.port}", "topic": "orders/#", "clientId": "shop"}
    return {**given, "connectionBackoff": {"duration": "50ms", "steps": 20}, **more}


async def send(
    broker: Broker, *bodies: bytes, topic: str = "orders/new", qos: int = 1, **options: Any
) -> None:
    retain = options.pop("retain", False)
    async with aiomqtt.Client("127.0.0.1", broker.port, **options) as client:
        for body in bodies:
            await client.publish(topic, body, qos=qos, retain=retain)


def decoded(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


async def test_a_message_becomes_an_event(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "mqtt", "plain", spec(broker, clientId="a", metadata={"x": "y"}))
        await served.serve(bus, "mqtt", "json", spec(broker, clientId="b", jsonBody=True))
        await send(broker, b'{"n": 1.0}')
        await bus.holds(2)
    by_name = {e.subject: e.data for e in bus.events()}
    assert by_name["json"] == b'{"topic":"orders/new","messageId":1,"body":{"n":1.0}}'
    assert by_name["plain"] == (
        b'{"topic":"orders/new","messageId":1,"body":"eyJuIjogMS4wfQ==","metadata":{"x":"y"}}'
    )
    assert {e.type for e in bus.events()} == {"mqtt"}


async def test_messages_of_qos_0_come_too(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "mqtt", "e", spec(broker))
        await send(broker, b"tick", b"tick", qos=0)
        assert [d["messageId"] for d in await bus.holds(2)] == [0, 0]


async def test_what_is_no_json_does_not_stop_the_rest(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker, serving({}) as served:
        wanted = {"jsonBody": True, "filter": {"expression": "body.n > 1"}}
        await served.serve(bus, "mqtt", "e", spec(broker, **wanted))
        await send(broker, b"{", b'{"n":1}', *[b'{"n":2}'] * 50)  # more than the broker's window
        assert {d["body"]["n"] for d in await bus.holds(50)} == {2}


async def test_nothing_is_lost_while_the_source_is_away(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker:
        async with serving({}) as served:
            await served.serve(bus, "mqtt", "e", spec(broker))
        await send(broker, *[b"%d" % n for n in range(100)])
        async with serving({}) as served:
            await served.serve(bus, "mqtt", "e", spec(broker))
            data = await bus.holds(100)
    assert decoded(data) == [b"%d" % n for n in range(100)]


async def test_nothing_is_lost_or_doubled_over_a_restart_of_the_broker(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "mqtt", "e", spec(broker))
        bus.away = True
        await send(broker, *[b"%d" % n for n in range(60)])
        await bus.until(lambda: len(set(bus.attempts)) >= 20)
        await broker.stop()
        await broker.start()
        bus.away = False
        data = await bus.holds(60)
        await send(broker, b"after")
        data = await bus.holds(61)
    assert set(decoded(data)) == {b"%d" % n for n in range(60)} | {b"after"}
    assert len(data) == 61


async def test_a_crash_after_publishing_brings_the_same_id_again(tmp_path: Path) -> None:
    first = WatchedBus(silent=True)
    async with mosquitto(tmp_path) as broker:
        async with serving({}) as served:
            await served.serve(first, "mqtt", "e", spec(broker))
            await send(broker, b"1", b"2")
            await first.holds(2)
        second = WatchedBus(first.store)
        async with serving({}) as served:
            await served.serve(second, "mqtt", "e", spec(broker))
            await second.until(lambda: len(second.attempts) == 2)
            await send(broker, b"3")
            await second.holds(3)
        third = WatchedBus(first.store)
        async with serving({}) as served:  # all are acknowledged: nothing comes again
            await served.serve(third, "mqtt", "e", spec(broker))
            await send(broker, b"4")
            await third.holds(4)
    assert sorted(second.attempts[:2]) == sorted(first.attempts)
    assert decoded(third.data()) == [b"1", b"2", b"3", b"4"]
    assert len(third.attempts) == 1


async def test_a_retained_message_is_one_event_over_connections(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker:
        await send(broker, b"state", retain=True)
        for connections in (1, 2):
            async with serving({}) as served:
                await served.serve(bus, "mqtt", "e", spec(broker))
                await bus.until(lambda seen=connections: len(bus.attempts) >= seen)  # type: ignore[misc]
    assert len(bus.store.log) == 1


async def test_a_topic_of_before_an_edit_is_left_out(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with mosquitto(tmp_path) as broker:
        async with serving({}) as served:
            await served.serve(bus, "mqtt", "e", spec(broker, topic="old"))
        async with serving({}) as served:
            await served.serve(bus, "mqtt", "e", spec(broker))
            await send(broker, b"stale", topic="old")
            await send(broker, b"fresh")
            assert decoded(await bus.holds(1)) == [b"fresh"]


async def test_login_and_a_rotated_password(tmp_path: Path) -> None:
    hashed = {  # of "old" and "new", as mosquitto_passwd writes them
        name: (await _passwd(tmp_path, name)) for name in ("old", "new")
    }
    users = tmp_path / "users"
    users.write_text(hashed["old"])
    store = {"login": {"user": "u", "password": "old\n"}}
    auth = {
        "username": {"name": "login", "key": "user"},
        "password": {"name": "login", "key": "password"},
    }
    bus = WatchedBus()
    lines = f"password_file {users}"
    async with mosquitto(tmp_path, lines, anonymous=False) as broker, serving(store) as served:
        await served.serve(bus, "mqtt", "e", spec(broker, auth=auth))
        await broker.stop()
        users.write_text(hashed["new"])
        await broker.start()
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["password"] = "new"
        await served.services.secrets.refresh()
        await send(broker, b"x", username="u", password="new")
        await bus.holds(1)
        wrong = spec(broker, connectionBackoff={"duration": "5ms", "steps": 1}, clientId="other")
        with pytest.raises(SourceError, match=r"not authorized|password is wrong"):
            await served.serve(bus, "mqtt", "bad", wrong)


async def _passwd(folder: Path, password: str) -> str:
    path = folder / f"passwd-{password}"
    tool = program("mosquitto_passwd", "mosquitto")
    process = await asyncio.create_subprocess_exec(tool, "-b", "-c", str(path), "u", password)
    assert await process.wait() == 0
    return path.read_text()


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("client")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    lines = [
        f"cafile {tmp_path}/ca.pem",
        f"certfile {tmp_path}/cert.pem",
        f"keyfile {tmp_path}/key.pem",
        "require_certificate true",
    ]
    pem = {
        "ca": authority.cert_pem.bytes().decode(),
        "cert": client.cert_chain_pems[0].bytes().decode(),
        "key": client.private_key_pem.bytes().decode(),
    }
    tls = {
        "caCertSecret": {"name": "tls", "key": "ca"},
        "clientCertSecret": {"name": "tls", "key": "cert"},
        "clientKeySecret": {"name": "tls", "key": "key"},
    }
    async with mosquitto(tmp_path, *lines) as broker, serving({"tls": pem}) as served:
        url = f"ssl://127.0.0.1:{broker.port}"
        await served.serve(WatchedBus(), "mqtt", "e", spec(broker, url=url, tls=tls))
        few = {"duration": "5ms", "steps": 1}
        bad = spec(broker, url=url, connectionBackoff=few, clientId="b")
        with pytest.raises(SourceError, match=r"spec\.mqtt\.bad: .*certificate"):
            await served.serve(WatchedBus(), "mqtt", "bad", bad)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, r"spec\.mqtt\.e\.url"),
        ({"url": "gopher://x"}, r"spec\.mqtt\.e\.url: gopher:// is not served"),
        ({"url": "tcp://x:many"}, r"spec\.mqtt\.e\.url"),
        ({"topic": ""}, r"spec\.mqtt\.e\.topic"),
        ({"clientId": ""}, r"spec\.mqtt\.e\.clientId"),
        ({"tls": {}}, r"spec\.mqtt\.e\.tls"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    async with serving({}) as served:
        given = {"url": "tcp://127.0.0.1:1", "topic": "a", "clientId": "c", **wrong}
        with pytest.raises(SourceError, match=where):
            await served.serve(WatchedBus(), "mqtt", "e", given)


@pytest.mark.parametrize(
    ("wanted", "topic", "holds"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("$share/g/a/+", "a/b", True),
        ("a", "a/b", False),
        ("a/b", "a", False),
    ],
)
def test_topics_match_as_the_protocol_says(wanted: str, topic: str, holds: bool) -> None:
    assert mqtt_wire.matches(wanted, topic) is holds


async def test_acknowledgements_leave_in_the_order_of_arrival() -> None:
    async with scripted(b"") as (connection, heard):
        for number in (1, 2, 3):
            connection.expect(number)
        connection.acknowledge(2)
        connection.acknowledge(1)
        connection.acknowledge(3)
        await eventually(lambda: len(heard) >= 12)
        assert heard == b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x20\x02\x00\x05", "not authorized"),
        (b"\x20\x02\x00\x63", r"refused \(99\)"),
        (b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 200, "does not speak MQTT"),
        (b"\x20\xff\xff\xff\xff\x7f", "malformed"),
        (b"", "closed the connection"),
    ],
)
async def test_a_strange_broker_ends_the_connection(answer: bytes, words: str) -> None:
    async with scripted(answer) as (connection, _):
        with pytest.raises(mqtt_wire.ConnectionLost, match=words):
            await connection.login(Login("c", None, ""))


async def test_a_message_that_is_too_long_is_read_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_wire, "CAP", 80_000)
    long = b"\x00\x01t\x00\x07" + b"x" * 99_995
    size = bytes([100_000 & 127 | 128, 100_000 >> 7 & 127 | 128, 100_000 >> 14])
    async with scripted(b"\x32" + size + long + b"\xd0\x00") as (connection, _):
        message = mqtt_wire.publish(await connection.packet())
        assert (message.topic, message.number, message.whole) == ("t", 7, False)
        assert await connection.packet() == Packet(mqtt_wire.PINGRESP, 0, b"", True)


@asynccontextmanager
async def scripted(answer: bytes) -> AsyncIterator[tuple[Connection, bytearray]]:
    """A connection to a peer that says `answer` and hangs up (or only listens)."""
    heard = bytearray()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if not answer:
            writer.write_eof()
        while chunk := await reader.read(1000):
            heard.extend(chunk)
        writer.close()

    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await Connection.open("127.0.0.1", port, None)
    try:
        yield connection, heard
    finally:
        await connection.close()
        server.close()
        await server.wait_closed()
