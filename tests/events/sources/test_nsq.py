"""`nsq` against a server that speaks NSQ's protocol: payload, answers, cuts, TLS, look-ups."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.sources import nsq, nsq_wire
from events.sources.contract import SourceError
from events.sources.nsq_wire import Connection
from tests import ports
from tests.events.sources.nsqd import nsqd, nsqlookupd
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.events.triggers.recorder import served as http_served


def spec(address: str, **more: Any) -> dict[str, Any]:
    given = {"hostAddress": address, "topic": "orders", "channel": "headrace"}
    return {**given, "connectionBackoff": {"duration": "20ms", "steps": 100}, **more}


def bodies(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nsq, "_LOOK_SOON", 0.02)


async def test_a_message_becomes_an_event_and_is_finished() -> None:
    bus = WatchedBus()
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address, metadata={"a": "b"}, jsonBody=True))
        node.put(b'{"n": 1.0}')
        [data] = await bus.holds(1)
        await eventually(lambda: not node.unanswered)
        assert data.pop("timestamp").isdigit()
        assert data == {
            "body": {"n": 1},
            "nsqdAddress": f"127.0.0.1:{node.port}",
            "metadata": {"a": "b"},
        }
        assert b"SUB orders headrace" in node.log
        assert b"NOP" in node.log
    assert {(e.type, e.subject) for e in bus.events()} == {("nsq", "e")}


async def test_what_is_no_json_and_what_is_filtered_is_finished_too() -> None:
    bus = WatchedBus()
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        wanted = {"jsonBody": True, "filter": {"expression": "body.n > 1"}}
        await served.serve(bus, "nsq", "e", spec(address, **wanted))
        node.put(b"{", b'{"n":1}', b'{"n":2}')
        assert [d["body"]["n"] for d in await bus.holds(1)] == [2]
        await eventually(lambda: not node.unanswered)


async def test_a_message_is_finished_only_when_it_is_durable() -> None:
    bus = WatchedBus()
    bus.away = True
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address))
        node.put(*[b"%d" % n for n in range(300)])  # more than the window
        await bus.until(lambda: len(set(bus.attempts)) >= 256)
        assert len(node.unanswered) == 256
        bus.away = False
        data = await bus.holds(300)
        await eventually(lambda: not node.unanswered)
    assert sorted(bodies(data)) == sorted(b"%d" % n for n in range(300))


async def test_what_is_in_flight_for_long_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nsq, "_TOUCH", 0.02)
    bus = WatchedBus()
    bus.away = True
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address))
        node.put(b"x")
        await eventually(lambda: b"TOUCH 0000000000000001" in node.log)


async def test_touching_is_as_often_as_the_server_wants() -> None:
    bus = WatchedBus()
    bus.away = True
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        node.patience, node.most_ready = 300, 5
        await served.serve(bus, "nsq", "e", spec(address))
        node.put(b"x")
        await eventually(lambda: b"TOUCH 0000000000000001" in node.log)
    assert b"RDY 5" in node.log


async def test_a_message_that_is_given_again_while_it_is_on_its_way_takes_no_room() -> None:
    bus = WatchedBus(silent=True)
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address))
        node.put(b"1")
        await bus.holds(1)
        node.again(b"0000000000000001")
        node.put(b"2")
        await bus.holds(2)
    assert len(bus.attempts) == 2


async def test_a_bus_that_is_away_does_not_make_it_deaf() -> None:
    bus = WatchedBus()
    bus.away = True
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address))
        node.put(*[b"%d" % n for n in range(300)])
        for count in (2, 3, 4):  # with all the room taken by messages that come again
            await bus.until(lambda: len(set(bus.attempts)) >= 256)
            await eventually(lambda: len(node.unanswered) == 256)
            node.cut()
            await eventually(lambda n=count: node.log.count(b"SUB orders headrace") == n)  # type: ignore[misc]
        bus.away = False
        data = await bus.holds(300)
        await eventually(lambda: not node.unanswered and not node.waiting)
    assert sorted(bodies(data)) == sorted(b"%d" % n for n in range(300))


async def test_nothing_is_lost_or_doubled_when_the_wire_is_cut() -> None:
    bus = WatchedBus()
    bus.away = True
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address))
        node.put(*[b"same"] * 50)
        await bus.until(lambda: len(set(bus.attempts)) == 50)
        node.cut()
        await eventually(lambda: node.log.count(b"SUB orders headrace") == 2)
        bus.away = False
        await bus.holds(50)
        await eventually(lambda: not node.unanswered and not node.waiting)
        node.put(b"after")
        data = await bus.holds(51)
    assert bodies(data).count(b"same") == 50
    assert len(data) == 51


async def test_it_comes_back_to_a_server_that_was_restarted() -> None:
    bus = WatchedBus()
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        await served.serve(bus, "nsq", "e", spec(address))
        await node.stop()
        node.put(b"x")
        await node.start()
        assert bodies(await bus.holds(1)) == [b"x"]


async def test_a_crash_after_publishing_brings_the_same_id_again() -> None:
    first = WatchedBus(silent=True)
    async with nsqd() as node, nsqlookupd(node) as (address, _):
        async with serving({}) as served:
            await served.serve(first, "nsq", "e", spec(address))
            node.put(b"x", b"x")
            await first.holds(2)
        second = WatchedBus(first.store)
        async with serving({}) as served:
            await served.serve(second, "nsq", "e", spec(address))
            await second.until(lambda: len(second.attempts) == 2)
            await eventually(lambda: not node.unanswered)
    assert sorted(second.attempts) == sorted(first.attempts)
    assert len(second.store.log) == 2


async def test_a_topic_that_comes_later_and_a_second_server_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nsq, "_LOOK", 0.02)
    bus, notes = WatchedBus(), list[str]()
    async with (
        nsqd() as one,
        nsqd() as two,
        nsqlookupd() as (address, nodes),
        serving({}) as served,
    ):
        await served.serve(bus, "nsq", "e", spec(address), notes=notes)
        assert notes == ["no nsqd has the topic yet"]
        one.put(b"1")
        two.put(b"2")
        nodes.append(one)
        assert bodies(await bus.holds(1)) == [b"1"]
        nodes.append(two)
        assert bodies(await bus.holds(2)) == [b"1", b"2"]
        assert notes[-1] == ""
        await one.stop()
        two.put(b"3")
        await bus.holds(3)
        await one.start()


async def test_a_server_that_is_missing_is_named_and_found_again() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with (
        nsqd() as one,
        nsqd() as two,
        nsqlookupd(one, two) as (address, _),
        serving({}) as served,
    ):
        await two.stop()
        await served.serve(bus, "nsq", "e", spec(address), notes=notes)
        await eventually(lambda: f"nsqd 127.0.0.1:{two.port}: " in notes[-1])
        one.put(b"1")
        await bus.holds(1)
        await two.start()
        two.put(b"2")
        await bus.holds(2)
        assert notes[-1] == ""


async def test_a_long_list_of_servers_is_read_whole() -> None:
    producers = [
        {"broadcast_address": f"10.0.{n // 250}.{n % 250}", "tcp_port": 4150} for n in range(5000)
    ]

    async def lookup(request: web.BaseRequest) -> web.Response:
        strange = [None, {"broadcast_address": "x", "tcp_port": 0}]
        return web.json_response({"producers": [*strange, *producers]})

    port = ports.free_port()
    async with http_served(lookup, port):
        found = await nsq_wire.look_up(f"127.0.0.1:{port}", "orders")
    assert len(found) == 5000


async def test_tls_with_a_client_certificate() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue_cert("client")
    store = {
        "tls": {
            "ca": authority.cert_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }
    }
    tls = {
        "caCertSecret": {"name": "tls", "key": "ca"},
        "clientCertSecret": {"name": "tls", "key": "cert"},
        "clientKeySecret": {"name": "tls", "key": "key"},
    }
    bus, few = WatchedBus(), {"duration": "5ms", "steps": 1}
    async with nsqd(server) as node, nsqlookupd(node) as (address, _), serving(store) as served:
        await served.serve(bus, "nsq", "e", spec(address, tls=tls))
        node.put(b"x")
        await bus.holds(1)
        with pytest.raises(SourceError, match="TLS required"):
            await served.serve(bus, "nsq", "bad", spec(address, connectionBackoff=few))


async def test_a_server_without_tls_is_refused_where_tls_is_wanted() -> None:
    few = {"duration": "5ms", "steps": 1}
    async with nsqd() as node, nsqlookupd(node) as (address, _), serving({}) as served:
        wanted = spec(address, tls={"enabled": True}, connectionBackoff=few)
        with pytest.raises(SourceError, match="does not offer TLS"):
            await served.serve(WatchedBus(), "nsq", "e", wanted)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"hostAddress": ""}, r"spec\.nsq\.e\.hostAddress"),
        ({"topic": ""}, r"spec\.nsq\.e\.topic"),
        ({"topic": "a b"}, r"spec\.nsq\.e\.topic"),
        ({"channel": "x\ny"}, r"spec\.nsq\.e\.channel"),
        ({"tls": {}}, r"spec\.nsq\.e\.tls"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=where):
            await served.serve(WatchedBus(), "nsq", "e", spec("127.0.0.1:1", **wrong))


async def test_a_look_up_that_is_not_there_becomes_the_condition() -> None:
    few = {"duration": "5ms", "steps": 1}
    async with serving({}) as served:
        given = spec(f"127.0.0.1:{ports.free_port()}", connectionBackoff=few)
        with pytest.raises(SourceError, match="no nsqlookupd at") as caught:
            await served.serve(WatchedBus(), "nsq", "e", given)
    assert caught.value.reason == "Unavailable"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "this is no nsqd"),
        (b"\xff\xff\xff\xff\x00\x00\x00\x00", "this is no nsqd"),
        (b"\x00\x00\x00\x08\x00\x00\x00\x01E_NO", "the nsqd says E_NO"),
        (b"", "closed the connection"),
    ],
)
async def test_a_strange_server_ends_the_connection(answer: bytes, words: str) -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if not answer:
            writer.write_eof()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(nsq_wire.ConnectionLost, match=words):
        await Connection.open("127.0.0.1", port, None)
    server.close()
    await server.wait_closed()
