"""`pulsar` against a server that speaks Pulsar's WebSocket producer protocol."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.triggers import pulsar, registry
from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
from tests import ports
from tests.events.triggers.authority import CERTIFICATE, TRUST, demanding, held
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole
from tests.events.triggers.recorder import Got, Recorder, served

Reply = Callable[[dict[str, Any]], Any]


def accepted(message: dict[str, Any]) -> Any:
    return {"result": "ok", "messageId": "CAAQAw==", "context": message["context"]}


@asynccontextmanager
async def producer(
    reply: Reply = accepted, status: int = 101, **more: Any
) -> AsyncIterator[Recorder]:
    server = Recorder(ports.free_port())

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if status != 101:
            return web.Response(status=status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        text = await socket.receive_str()
        server.got.append(Got(request.method, request.raw_path, headers, text.encode()))
        answer = reply(json.loads(text))
        if isinstance(answer, str):
            await socket.send_str(answer)
        elif answer is not None:
            await socket.send_json(answer)
        await socket.close()
        return socket

    async with served(handle, server.port, **more):
        yield server


def spec(server: Recorder | None = None, **more: Any) -> dict[str, Any]:
    url = f"ws://127.0.0.1:{server.port if server else 1}"
    return {"url": url, "topic": "orders", "payload": [whole()], **more}


async def test_a_message_is_produced_under_the_firing_key() -> None:
    async with producer() as server:
        given = spec(server, authTokenSecret=selector("pulsar", "token"))
        effect = await fire("pulsar", given, {"pulsar": {"token": "hush\n"}})
    assert effect == "Pulsar persistent/public/default/orders CAAQAw=="
    [got] = server.got
    assert got.path.partition("?")[0] == "/ws/v2/producer/persistent/public/default/orders"
    assert got.headers["authorization"] == "Bearer hush"
    message = json.loads(got.body)
    assert json.loads(base64.b64decode(message.pop("payload")))["name"] == "shop"
    assert message == {
        "properties": {"Idempotency-Key": KEY, "traceparent": TRACE},
        "context": KEY,
    }


async def test_parameters_change_the_topic() -> None:
    async with producer() as server:
        given = spec(server, parameters=[taken("body.topic", "topic")])
        await fire("pulsar", given)
    assert "/orders.new?" in server.got[0].path
    assert "authorization" not in server.got[0].headers


async def test_tls_with_a_client_certificate() -> None:
    authority = trustme.CA()
    async with producer(ssl_context=demanding(authority)) as server:
        named = spec(url=f"wss://localhost:{server.port}")
        trusted = {"tlsTrustCertsSecret": TRUST["caCertSecret"], "tls": CERTIFICATE}
        unchecked = {"tlsAllowInsecureConnection": True, "tls": CERTIFICATE}
        for given in ({"tls": TRUST | CERTIFICATE}, trusted, unchecked):
            assert (await fire("pulsar", named | given, held(authority))).startswith("Pulsar ")
        for given in ({}, {"tls": TRUST}, {"tls": CERTIFICATE}):
            with pytest.raises(TriggerFailed, match="pulsar"):
                await fire("pulsar", named | given, held(authority))
    assert len(server.got) == 3


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (lambda m: {"result": "send-error:3", "errorMsg": "full"}, "refused the message: full"),
        (lambda m: "<html>", "no JSON object"),
        (lambda m: None, "before an answer came"),
    ],
)
async def test_a_broker_that_does_not_accept(reply: Reply, match: str) -> None:
    async with producer(reply) as server:
        with pytest.raises(TriggerFailed, match=match) as caught:
            await fire("pulsar", spec(server))
    assert not caught.value.permanent


@pytest.mark.parametrize(("status", "permanent"), [(401, False), (404, True), (503, False)])
async def test_a_handshake_that_is_refused(status: int, permanent: bool) -> None:
    async with producer(status=status) as server:
        with pytest.raises(TriggerFailed, match=f"answered {status}") as caught:
            await fire("pulsar", spec(server))
    assert caught.value.permanent is permanent


async def test_the_egress_policy_holds() -> None:
    own = EgressSettings(own_ports=lambda: frozenset({4999}))
    with pytest.raises(TriggerFailed, match="belongs to headrace"):
        await fire("pulsar", spec(url="ws://localhost:4999"), egress=own)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("pulsar://broker:6650", "http://broker:8080"),
        ("pulsar://broker", "http://broker:8080"),
        ("pulsar+ssl://broker:6651", "https://broker:8443"),
        ("wss://broker:9999", "https://broker:9999"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_addresses(url: str, found: str) -> None:
    assert pulsar._address(url) == found


@pytest.mark.parametrize(
    ("topic", "path"),
    [
        ("orders", "persistent/public/default/orders"),
        ("acme/shop/orders", "persistent/acme/shop/orders"),
        ("non-persistent://acme/shop/a:b", "non-persistent/acme/shop/a%3Ab"),
    ],
)
def test_topics(topic: str, path: str) -> None:
    assert pulsar._topic(topic) == path


@pytest.mark.parametrize("topic", ["", "a/b", "../x/y", "ftp://a/b/c", "a b"])
async def test_a_topic_that_is_none_is_permanent(topic: str) -> None:
    with pytest.raises(TriggerFailed, match=r"pulsar\.topic") as caught:
        await fire(
            "pulsar",
            spec(parameters=[{"src": {"dependencyName": "push", "value": topic}, "dest": "topic"}]),
        )
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, "url:"),
        ({"url": "pulsar://broker:1"}, "url: must be"),
        ({"url": "ws://u:p@broker"}, "url: must be"),
        ({"topic": ""}, "topic:"),
        ({"payload": []}, "payload:"),
        ({"authAthenzParams": {"a": "b"}}, "authAthenzParams: is not served"),
    ],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    assert (registry.TRIGGERS["pulsar"].check(spec(**wrong)) or "").startswith(where)
