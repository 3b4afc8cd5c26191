"""`nats` against a real nats-server: message, logins, TLS, refusals, a stream that stores once."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
import trustme

from events.sources import nats_keys
from events.triggers import registry
from events.triggers.contract import TriggerFailed
from headrace.local.nats import NatsSettings, find_binary
from kube.egress import EgressSettings
from tests import ports
from tests.events.sources.brokers import Broker
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"


@asynccontextmanager
async def running(folder: Path, config: str = "") -> AsyncIterator[Broker]:
    port = ports.free_port()
    path = folder / "nats.conf"
    path.write_text(f"host: 127.0.0.1\nport: {port}\n{config}\n")
    binary = await asyncio.to_thread(find_binary, NatsSettings(folder))
    broker = Broker([str(binary), "-c", str(path)], port, folder)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@asynccontextmanager
async def listening(broker: Broker, subject: str = "orders.>", **login: Any) -> AsyncIterator[Any]:
    client = await nats.connect(f"nats://127.0.0.1:{broker.port}", **login)
    try:
        subscription = await client.subscribe(subject)
        await client.flush()
        yield subscription
    finally:
        await client.close()


def spec(broker: Broker, **more: Any) -> dict[str, Any]:
    url = f"nats://127.0.0.1:{broker.port}"
    return {"url": url, "subject": "orders.new", "payload": [whole()], **more}


async def test_the_payload_is_published_under_the_firing_key(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, listening(broker) as heard:
        assert await fire("nats", spec(broker)) == "NATS orders.new"
        message = await heard.next_msg(timeout=5)
    assert json.loads(message.data) == {"name": "shop", "count": 3, "topic": "orders.new"}
    assert message.headers == {"Nats-Msg-Id": KEY, "traceparent": TRACE}


async def test_a_stream_stores_a_firing_once(tmp_path: Path) -> None:
    async with running(tmp_path, f'jetstream {{store_dir: "{tmp_path}/js"}}') as broker:
        client = await nats.connect(f"nats://127.0.0.1:{broker.port}")
        stream = client.jetstream()
        await stream.add_stream(name="orders", subjects=["orders.>"])
        for _ in range(3):
            await fire("nats", spec(broker))
        assert (await stream.stream_info("orders")).state.messages == 1
        await client.close()


async def test_parameters_change_the_trigger_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as broker, listening(broker) as heard:
        given = spec(broker, subject="other", parameters=[taken("body.topic", "subject")])
        assert await fire("nats", given) == "NATS orders.new"
        assert (await heard.next_msg(timeout=5)).subject == "orders.new"


@pytest.mark.parametrize("kind", ["basic", "token", "nkey"])
async def test_it_logs_in(tmp_path: Path, kind: str) -> None:
    pair = nats_keys.from_seed(SEED)
    basic = {"username": selector("login", "user"), "password": selector("login", "password")}
    ways: dict[str, tuple[str, Any, dict[str, Any]]] = {
        "basic": (
            "authorization {user: u, password: p}",
            basic,
            {"user": "u", "password": "p"},
        ),
        "token": ("authorization {token: t0k}", selector("login", "token"), {"token": "t0k"}),
        "nkey": (
            f"authorization {{users: [{{nkey: {pair.public}}}, {{user: u, password: p}}]}}",
            selector("login", "seed"),
            {"user": "u", "password": "p"},
        ),
    }
    config, auth, listener = ways[kind]
    secrets = {"login": {"user": "u", "password": "p\n", "token": "t0k", "seed": SEED + "\n"}}
    async with running(tmp_path, config) as broker, listening(broker, **listener) as heard:
        with pytest.raises(TriggerFailed, match=r"nats\.url: .*[Aa]uthorization"):
            await fire("nats", spec(broker), secrets)
        await fire("nats", spec(broker, auth={kind: auth}), secrets)
        await heard.next_msg(timeout=5)


def pair_of(kind: int) -> tuple[str, nats_keys.KeyPair]:
    """A fresh seed of a kind (its letter in base32, times 8), and its pair."""
    raw = bytes([18 << 3 | kind >> 5, (kind & 31) << 3]) + os.urandom(32)
    raw += binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    seed = base64.b32encode(raw).decode().rstrip("=")
    return seed, nats_keys.from_seed(seed)


def jwt_of(issuer: nats_keys.KeyPair, subject: str, kind: str) -> str:
    def packed(part: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    claims = {"jti": "x", "iat": 1, "iss": issuer.public, "sub": subject, "name": kind}
    most = dict.fromkeys(("subs", "data", "payload", "conn", "leaf", "imports", "exports"), -1)
    mine = {"subs": -1, "data": -1, "payload": -1} if kind == "user" else {"limits": most}
    claims["nats"] = {"type": kind, "version": 2, **mine}
    text = f"{packed({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{packed(claims)}"
    signature = base64.b64decode(issuer.sign(text))
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def test_it_logs_in_with_a_credentials_file(tmp_path: Path) -> None:
    _, operator = pair_of(14 << 3)
    _, account = pair_of(0)
    seed, user = pair_of(20 << 3)
    config = (
        f"operator: {jwt_of(operator, operator.public, 'operator')}\nresolver: MEMORY\n"
        f"resolver_preload: {{{account.public}: {jwt_of(operator, account.public, 'account')}}}"
    )
    text = (
        f"-----BEGIN NATS USER JWT-----\n{jwt_of(account, user.public, 'user')}\n"
        "------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    auth = {"credential": selector("login", "file")}
    async with running(tmp_path, config) as broker:
        assert await fire("nats", spec(broker, auth=auth), {"login": {"file": text}})
        other = {"login": {"file": text.replace(seed, pair_of(20 << 3)[0])}}
        with pytest.raises(TriggerFailed, match=r"nats\.url: .*[Aa]uthorization") as failed:
            await fire("nats", spec(broker, auth=auth), other)
    assert seed not in str(failed.value)


@pytest.mark.parametrize(
    ("login", "config"),
    [
        ("t%2F0k@", 'authorization {token: "t/0k"}'),
        ("u:p%40w@", 'authorization {user: u, password: "p@w"}'),
    ],
)
async def test_a_login_may_stand_in_the_url(tmp_path: Path, login: str, config: str) -> None:
    async with running(tmp_path, config) as broker:
        given = spec(broker, url=f"nats://{login}127.0.0.1:{broker.port}")
        assert await fire("nats", given) == "NATS orders.new"


async def test_tls_is_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    server, client = authority.issue_cert("localhost"), authority.issue_cert("client")
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
    tls = {
        "caCertSecret": selector("tls", "ca"),
        "clientCertSecret": selector("tls", "cert"),
        "clientKeySecret": selector("tls", "key"),
    }
    async with running(tmp_path, config) as broker:
        named = spec(broker, url=f"nats://localhost:{broker.port}")
        with pytest.raises(TriggerFailed, match="certificate"):
            await fire("nats", named | {"tls": {"enabled": True}}, secrets)
        assert await fire("nats", named | {"tls": tls}, secrets) == "NATS orders.new"
        with pytest.raises(TriggerFailed, match="certificate"):  # not the certificate's name
            await fire("nats", spec(broker, tls=tls), secrets)


async def test_a_subject_that_is_not_allowed_fails(tmp_path: Path) -> None:
    config = "authorization {users: [{user: u, password: p, permissions: {publish: other}}]}"
    login = {"username": selector("login", "user"), "password": selector("login", "password")}
    secrets = {"login": {"user": "u", "password": "p"}}
    async with running(tmp_path, config) as broker:
        with pytest.raises(TriggerFailed, match=r"nats\.subject: .*[Pp]ermissions"):
            await fire("nats", spec(broker, auth={"basic": login}), secrets)


async def test_a_payload_over_the_servers_limit_is_permanent(tmp_path: Path) -> None:
    async with running(tmp_path, "max_payload: 10") as broker:
        with pytest.raises(TriggerFailed, match=r"nats\.payload") as caught:
            await fire("nats", spec(broker))
    assert caught.value.permanent


async def test_no_server_is_worth_another_try() -> None:
    given = {"url": f"127.0.0.1:{ports.free_port()}", "subject": "s", "payload": [whole()]}
    with pytest.raises(TriggerFailed, match=r"nats\.url: no server could be reached") as caught:
        await fire("nats", given)
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["nats://169.254.169.254", "nats://127.0.0.1:4999"])
async def test_the_egress_policy_holds(url: str) -> None:
    own = EgressSettings(own_ports=lambda: frozenset({4999}))
    with pytest.raises(TriggerFailed, match=r"link-local|belongs to headrace"):
        await fire("nats", {"url": url, "subject": "s", "payload": [whole()]}, egress=own)


async def test_addresses_the_server_advertises_are_not_used(tmp_path: Path) -> None:
    config = 'authorization {token: a}\ncluster {name: c, listen: "127.0.0.1:-1"}\n'
    config += 'client_advertise: "169.254.169.254:4222"'
    async with running(tmp_path, config) as broker:
        with pytest.raises(TriggerFailed, match=r"[Aa]uthorization"):
            await fire("nats", spec(broker))


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, "url:"),
        ({"subject": ""}, "subject:"),
        ({"payload": []}, "payload:"),
        ({"auth": {"token": selector("a", "b"), "basic": {"username": {}}}}, "auth:"),
    ],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    given = {"url": "x", "subject": "s", "payload": [whole()], **wrong}
    assert (registry.TRIGGERS["nats"].check(given) or "").startswith(where)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [({"subject": "a.*"}, "nats.subject"), ({"url": "ftp://x"}, "nats.url")],
)
async def test_what_can_never_work_is_permanent(wrong: dict[str, Any], where: str) -> None:
    given = {"url": "127.0.0.1:1", "subject": "s", "payload": [whole()], **wrong}
    with pytest.raises(TriggerFailed, match=where) as caught:
        await fire("nats", given)
    assert caught.value.permanent
