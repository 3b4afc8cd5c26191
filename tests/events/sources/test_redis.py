"""`redis` against a real redis-server: payload, login, TLS, kills, a bus that is away."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from redis.asyncio import Redis

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.brokers import Broker
from tests.events.sources.redis_server import redis_server
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving


def spec(broker: Broker, **more: Any) -> dict[str, Any]:
    return {"hostAddress": f"127.0.0.1:{broker.port}", "channels": ["a", "b"], **more}


async def send(broker: Broker, *bodies: bytes, channel: str = "a", **options: Any) -> int:
    """Publish; how many clients heard the last one."""
    heard = 0
    async with Redis(port=broker.port, **options) as client:
        for body in bodies:
            heard = await client.publish(channel, body)
    return heard


async def test_a_message_becomes_an_event(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redis", "e", spec(broker, metadata={"team": "x"}))
        await send(broker, b'{"n": 1}')
        await send(broker, b"\xff<ok>", channel="b")
        assert await bus.holds(2) == [
            {"channel": "a", "pattern": "", "body": '{"n": 1}', "metadata": {"team": "x"}},
            {"channel": "b", "pattern": "", "body": "�<ok>", "metadata": {"team": "x"}},
        ]
    assert {(e.type, e.subject) for e in bus.events()} == {("redis", "e")}


async def test_json_bodies_are_taken_in_and_others_counted(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        wanted = {"jsonBody": True, "filter": {"expression": "body.n > 1"}}
        await served.serve(bus, "redis", "e", spec(broker, **wanted))
        await send(broker, b'{"n": 1}', b"{", b'{"n": 2.0}')
        await bus.holds(1)
    assert bus.events()[0].data == b'{"channel":"a","pattern":"","body":{"n":2.0}}'


async def test_the_same_message_twice_is_two_events(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redis", "e", spec(broker))
        await send(broker, b"tick", b"tick")
        await bus.holds(2)


async def test_it_comes_back_after_a_kill_of_the_server(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redis", "e", spec(broker))
        await send(broker, b"before")
        await bus.holds(1)
        await broker.restart()
        async with asyncio.timeout(15):
            while not await send(broker, b"after"):
                await asyncio.sleep(0.02)
        assert [d["body"] for d in await bus.holds(2)] == ["before", "after"]


async def test_what_was_received_outlives_an_outage_of_the_bus(tmp_path: Path) -> None:
    bus = WatchedBus()
    bus.away = True
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redis", "e", spec(broker))
        await send(broker, *[b"%d" % n for n in range(400)])
        await bus.until(lambda: len(bus.attempts) >= 256)
        bus.away = False
        assert {d["body"] for d in await bus.holds(400)} == {str(n) for n in range(400)}


async def test_login_database_and_a_rotated_password(tmp_path: Path) -> None:
    store = {"login": {"password": "old\n"}}
    login = {"username": "u", "password": {"name": "login", "key": "password"}, "db": 3}
    user = ("--user", "u", "on", ">old", "allchannels", "+@all", "--user", "default", "off")
    admin = ("--user", "admin", "on", "nopass", "allkeys", "allchannels", "+@all")
    bus = WatchedBus()
    async with redis_server(tmp_path, *user, *admin) as broker, serving(store) as served:
        await served.serve(bus, "redis", "e", spec(broker, **login))
        async with Redis(port=broker.port, username="admin", password="any") as client:
            assert {c["user"] for c in await client.client_list(_type="pubsub")} == {"u"}
            await client.acl_setuser("u", passwords=["-old", "+new"], enabled=True)
            cluster: Any = served.services.secrets._cluster
            before = {c["id"] for c in await client.client_list(_type="pubsub")}
            cluster.secrets["login"]["password"] = "new"
            await served.services.secrets.refresh()
            async with asyncio.timeout(15):
                while not {c["id"] for c in await client.client_list(_type="pubsub")} - before:
                    await asyncio.sleep(0.02)
            async with asyncio.timeout(15):
                while not await client.publish("a", b"x"):
                    await asyncio.sleep(0.02)
        await bus.holds(1)


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("client")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    files = [
        *("--tls-cert-file", str(tmp_path / "cert.pem")),
        *("--tls-key-file", str(tmp_path / "key.pem")),
        *("--tls-ca-cert-file", str(tmp_path / "ca.pem")),
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
    async with redis_server(tmp_path, *files, tls=True) as broker, serving({"tls": pem}) as served:
        await served.serve(WatchedBus(), "redis", "e", spec(broker, tls=tls))
        with pytest.raises(SourceError, match=r"spec\.redis\.bad: .*certificate"):
            await served.serve(WatchedBus(), "redis", "bad", spec(broker, tls={"enabled": True}))


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"hostAddress": ""}, r"spec\.redis\.e\.hostAddress"),
        ({"hostAddress": "x:many"}, r"spec\.redis\.e\.hostAddress"),
        ({"channels": []}, r"spec\.redis\.e\.channels"),
        ({"tls": {}}, r"spec\.redis\.e\.tls"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    async with serving({}) as served:
        given = {"hostAddress": "127.0.0.1:1", "channels": ["a"], **wrong}
        with pytest.raises(SourceError, match=where):
            await served.serve(WatchedBus(), "redis", "e", given)


async def test_a_server_that_is_not_there_becomes_the_condition() -> None:
    async with serving({}) as served:
        given = {"hostAddress": f"127.0.0.1:{ports.free_port()}", "channels": ["a"]}
        with pytest.raises(SourceError, match="Redis at") as caught:
            await served.serve(WatchedBus(), "redis", "e", given)
        assert caught.value.reason == "Unavailable"


async def test_without_the_client_the_condition_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    async with serving({}) as served:
        given = {"hostAddress": "127.0.0.1:1", "channels": ["a"]}
        with pytest.raises(SourceError, match=r"pip install 'headrace\[redis\]'"):
            await served.serve(WatchedBus(), "redis", "e", given)
