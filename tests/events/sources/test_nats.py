"""`nats` against a real nats-server: payload, logins, TLS, kills, a bus that is away."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest
import trustme

from events.sources import nats_keys
from events.sources.contract import SourceError
from headrace.local.nats import NatsSettings, find_binary
from tests import ports
from tests.events.sources.brokers import Broker
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"


async def start(folder: Path, config: str = "") -> Broker:
    port = ports.free_port()
    path = folder / "nats.conf"
    path.write_text(f"host: 127.0.0.1\nport: {port}\n{config}\n")
    binary = await asyncio.to_thread(find_binary, NatsSettings(folder))
    broker = Broker([str(binary), "-c", str(path)], port, folder)
    await broker.start()
    return broker


@asynccontextmanager
async def running(folder: Path, config: str = "") -> AsyncIterator[Broker]:
    broker = await start(folder, config)
    try:
        yield broker
    finally:
        await broker.stop()


def spec(broker: Broker, **more: Any) -> dict[str, Any]:
    return {"url": f"nats://127.0.0.1:{broker.port}", "subject": "orders.>", **more}


def secret(name: str, key: str) -> dict[str, str]:
    return {"name": name, "key": key}


async def send(broker: Broker, *bodies: bytes, subject: str = "orders.new", **options: Any) -> None:
    client = await nats.connect(f"nats://127.0.0.1:{broker.port}", connect_timeout=5, **options)
    for body in bodies:
        await client.publish(subject, body)
    await client.close()


async def test_a_message_becomes_an_event(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with running(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "nats", "plain", spec(broker, metadata={"team": "a"}))
        await served.serve(bus, "nats", "json", spec(broker, jsonBody=True))
        client = await nats.connect(f"nats://127.0.0.1:{broker.port}")
        await client.publish("orders.new", b'{"n": 1.50}', headers={"X-A": "b"})
        await client.close()
        await bus.holds(2)
    by_name = {e.subject: e for e in bus.events()}
    assert {e.type for e in bus.events()} == {"nats"}
    assert json.loads(by_name["plain"].data) == {
        "subject": "orders.new",
        "body": base64.b64encode(b'{"n": 1.50}').decode(),
        "header": {"X-A": ["b"]},
        "metadata": {"team": "a"},
    }
    assert (
        by_name["json"].data == b'{"subject":"orders.new","body":{"n":1.50},"header":{"X-A":["b"]}}'
    )


async def test_a_message_id_of_the_sender_names_the_event(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with running(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "nats", "e", spec(broker))
        client = await nats.connect(f"nats://127.0.0.1:{broker.port}")
        for name in ("one", "one", "two"):
            await client.publish("orders.new", b"x", headers={"Nats-Msg-Id": name})
        await client.publish("orders.new", b"x")
        await client.publish("orders.new", b"x")
        await client.close()
        await bus.until(lambda: len(bus.attempts) == 5)
        await bus.holds(4)
    assert len(set(bus.attempts)) == 4


async def test_two_members_of_a_queue_group_share_the_messages(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with running(tmp_path) as broker, serving({}) as served:
        for name in ("a", "b"):
            await served.serve(bus, "nats", name, spec(broker, queue="workers"))
        await send(broker, *[b"%d" % n for n in range(50)])
        await bus.holds(50)
        await send(broker, b"last")
        await bus.holds(51)
    assert len({json.loads(e.data)["body"] for e in bus.events()}) == 51
    assert {e.subject for e in bus.events()} == {"a", "b"}


async def test_a_filter_leaves_messages_out(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with running(tmp_path) as broker, serving({}) as served:
        wanted = {"filter": {"expression": "body.n > 1"}, "jsonBody": True}
        await served.serve(bus, "nats", "e", spec(broker, **wanted))
        await send(broker, b'{"n":1}', b"no json", b'{"n":2}')
        assert [d["body"] for d in await bus.holds(1)] == [{"n": 2}]


async def test_it_comes_back_after_a_kill_of_the_server(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with running(tmp_path) as broker, serving({}) as served:
        backoff = {"duration": "20ms", "factor": 2, "jitter": "0.5", "steps": 20}
        await served.serve(bus, "nats", "e", spec(broker, connectionBackoff=backoff))
        await send(broker, b"before")
        await bus.holds(1)
        await broker.restart()
        async with asyncio.timeout(15):
            while len(bus.store.log) < 2:  # core NATS drops what it cannot hand over at once
                await send(broker, b"after")
                await asyncio.sleep(0.05)
    assert base64.b64decode(bus.data()[-1]["body"]) == b"after"


async def test_what_was_received_outlives_an_outage_of_the_bus(tmp_path: Path) -> None:
    bus = WatchedBus()
    bus.away = True
    async with running(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "nats", "e", spec(broker))
        await send(broker, *[b"%d" % n for n in range(400)])  # more than the window
        await bus.until(lambda: len(bus.attempts) >= 256)
        bus.away = False
        data = await bus.holds(400)
    assert {base64.b64decode(d["body"]) for d in data} == {b"%d" % n for n in range(400)}


async def test_what_was_received_is_published_before_the_event_ends(tmp_path: Path) -> None:
    bus = WatchedBus()
    bus.away = True
    async with running(tmp_path) as broker:
        async with serving({}) as served:
            await served.serve(bus, "nats", "e", spec(broker))
            await send(broker, b"1", b"2")
            await bus.until(lambda: len(set(bus.attempts)) == 2)
            bus.away = False
            for task in served.tasks:
                task.cancel()
        assert len(bus.store.log) == 2


@pytest.mark.parametrize("kind", ["basic", "token", "nkey"])
async def test_it_logs_in(tmp_path: Path, kind: str) -> None:
    pair = nats_keys.from_seed(SEED)
    secrets: Mapping[str, Mapping[str, str]] = {
        "login": {"user": "u", "password": "p\n", "token": "t0k", "seed": SEED + "\n"}
    }
    ways: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
        "basic": (
            "authorization {user: u, password: p}",
            {"username": secret("login", "user"), "password": secret("login", "password")},
            {"user": "u", "password": "p"},
        ),
        "token": ("authorization {token: t0k}", secret("login", "token"), {"token": "t0k"}),
        "nkey": (
            f"authorization {{users: [{{nkey: {pair.public}}}, {{user: u, password: p}}]}}",
            secret("login", "seed"),
            {"user": "u", "password": "p"},
        ),
    }
    config, auth, sender = ways[kind]
    bus = WatchedBus()
    async with running(tmp_path, config) as broker, serving(secrets) as served:
        await served.serve(bus, "nats", "e", spec(broker, auth={kind: auth}))
        await send(broker, b"x", **sender)
        await bus.holds(1)


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1"), authority.issue_cert("client")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    pem = tmp_path / "server.pem"
    config = (
        f'tls {{cert_file: "{pem}", key_file: "{pem}", ca_file: "{tmp_path}/ca.pem", verify: true}}'
    )
    secrets = {
        "tls": {
            "ca": authority.cert_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }
    }
    bus = WatchedBus()
    tls = {
        "caCertSecret": secret("tls", "ca"),
        "clientCertSecret": secret("tls", "cert"),
        "clientKeySecret": secret("tls", "key"),
    }
    async with running(tmp_path, config) as broker, serving(secrets) as served:
        steps = {"duration": "10ms", "steps": 2}
        bad = spec(broker, tls={"enabled": True}, connectionBackoff=steps)
        with pytest.raises(SourceError, match=r"spec\.nats\.bad: .*certificate"):
            await served.serve(bus, "nats", "bad", bad)
        await served.serve(bus, "nats", "e", spec(broker, tls=tls))
        sender = ssl.create_default_context(cadata=secrets["tls"]["ca"])
        client.configure_cert(sender)
        await send(broker, b"x", tls=sender)
        await bus.holds(1)


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_no_login_is_sent_where_tls_is_wanted_and_not_offered(
    tmp_path: Path, scheme: str
) -> None:
    heard = bytearray()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.10.0","max_payload":1024}\r\n')
        heard.extend(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(pretend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, serving({"login": {"token": "s3cret"}}) as served:
        given = {
            "url": f"{scheme}://127.0.0.1:{port}",
            "subject": "s",
            "auth": {"token": secret("login", "token")},
            "connectionBackoff": {"duration": "5ms", "steps": 1},
        }
        if scheme == "nats":
            given["tls"] = {"enabled": True}
        with pytest.raises(SourceError, match="offers no TLS"):
            await served.serve(WatchedBus(), "nats", "e", given)
    assert not heard


async def test_a_server_that_allows_tls_and_does_not_ask_for_it_is_spoken_to_encrypted(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    pem = tmp_path / "server.pem"
    server.private_key_and_cert_chain_pem.write_to_path(pem)
    config = f'tls {{cert_file: "{pem}", key_file: "{pem}"}}\nallow_non_tls: true'
    store = {"tls": {"ca": authority.cert_pem.bytes().decode()}}
    bus = WatchedBus()
    async with running(tmp_path, config) as broker, serving(store) as served:
        tls = {"caCertSecret": secret("tls", "ca")}
        await served.serve(bus, "nats", "e", spec(broker, tls=tls))
        await send(broker, b"x")
        await bus.holds(1)
        steps = {"duration": "5ms", "steps": 1}
        bad = spec(broker, tls={"enabled": True}, connectionBackoff=steps)
        with pytest.raises(SourceError, match="certificate"):  # so it was asked for one
            await served.serve(bus, "nats", "bad", bad)


async def test_a_rotated_password_makes_a_new_connection(tmp_path: Path) -> None:
    store = {"login": {"user": "u", "password": "old"}}
    auth = {"basic": {"username": secret("login", "user"), "password": secret("login", "password")}}
    users = "authorization {users: [{user: u, password: %s}]}"
    bus = WatchedBus()
    async with running(tmp_path, users % "old") as broker, serving(store) as served:
        await served.serve(bus, "nats", "e", spec(broker, auth=auth))
        path = tmp_path / "nats.conf"
        path.write_text(path.read_text().replace("password: old", "password: new"))
        await broker.kill()
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["password"] = "new"
        await served.services.secrets.refresh()
        await broker.start()
        async with asyncio.timeout(15):
            while not bus.store.log:
                await send(broker, b"x", user="u", password="new")
                await asyncio.sleep(0.05)


async def test_a_change_of_a_secret_alone_reconnects(tmp_path: Path) -> None:
    store = {"login": {"user": "a", "password": "p"}}
    auth = {"basic": {"username": secret("login", "user"), "password": secret("login", "password")}}
    monitor = ports.free_port()
    users = "authorization {users: [{user: a, password: p}, {user: b, password: p}]}"
    config = f"http: '127.0.0.1:{monitor}'\n{users}"
    bus = WatchedBus()
    async with running(tmp_path, config) as broker, serving(store) as served:
        await served.serve(bus, "nats", "e", spec(broker, auth=auth))
        assert await _users(monitor) == {"a"}
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["user"] = "b"
        await served.services.secrets.refresh()
        async with asyncio.timeout(15):
            while await _users(monitor) != {"b"}:
                await asyncio.sleep(0.05)
        await send(broker, b"x", user="a", password="p")
        await bus.holds(1)


async def _users(port: int) -> set[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /connz?auth=1 HTTP/1.0\r\n\r\n")
    text = await reader.read()
    writer.close()
    found = json.loads(text.split(b"\r\n\r\n", 1)[1])["connections"]
    return {c.get("authorized_user", "") for c in found}  # none while one is logging in


async def test_a_subject_that_is_not_allowed_becomes_the_condition(tmp_path: Path) -> None:
    config = "authorization {users: [{user: u, password: p, permissions: {subscribe: other}}]}"
    login = {"username": secret("login", "user"), "password": secret("login", "password")}
    secrets = {"login": {"user": "u", "password": "p"}}
    async with running(tmp_path, config) as broker, serving(secrets) as served:
        with pytest.raises(SourceError, match=r"spec\.nats\.e\.subject: .*[Pp]ermissions"):
            await served.serve(WatchedBus(), "nats", "e", spec(broker, auth={"basic": login}))


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, r"spec\.nats\.e\.url"),
        ({"subject": ""}, r"spec\.nats\.e\.subject"),
        ({"subject": "a b"}, r"spec\.nats\.e\.subject: 'a b' is no subject"),
        ({"subject": "a..b"}, r"spec\.nats\.e\.subject"),
        ({"subject": "a.>.b"}, r"spec\.nats\.e\.subject"),
        ({"queue": "a b"}, r"spec\.nats\.e\.queue"),
        ({"tls": {}}, r"spec\.nats\.e\.tls"),
        ({"tls": {"clientCertSecret": secret("a", "b")}}, r"clientKeySecret belong together"),
        ({"auth": {"nkey": secret("bad", "seed")}}, r"spec\.nats\.e\.auth\.nkey"),
        ({"auth": {"credential": secret("bad", "seed")}}, r"spec\.nats\.e\.auth\.credential"),
        ({"auth": {"token": secret("a", "b"), "basic": {}}}, "only one"),
        ({"connectionBackoff": {"duration": "soon"}}, r"connectionBackoff\.duration"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    async with serving({"bad": {"seed": "SUNOTHING"}}) as served:
        given = {"url": "nats://127.0.0.1:1", "subject": "s", **wrong}
        with pytest.raises(SourceError, match=where):
            await served.serve(WatchedBus(), "nats", "e", given)


async def test_a_server_that_is_not_there_becomes_the_condition() -> None:
    async with serving({}) as served:
        given = {
            "url": f"nats://127.0.0.1:{ports.free_port()}",
            "subject": "s",
            "connectionBackoff": {"duration": "5ms", "steps": 3},
        }
        with pytest.raises(SourceError, match="no NATS server could be reached") as caught:
            await served.serve(WatchedBus(), "nats", "e", given)
        assert caught.value.reason == "Unavailable"


def test_a_credentials_file_is_read() -> None:
    text = (
        "-----BEGIN NATS USER JWT-----\neyJ0.abc.def\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
    )
    jwt, pair = nats_keys.from_credentials(text)
    assert jwt == "eyJ0.abc.def"
    assert pair.public.startswith("U")
    assert len(pair.public) == 56
