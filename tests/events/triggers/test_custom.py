"""`custom` against a gRPC server on a real socket. The server's messages are written by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest
import trustme

from events import protobuf
from events.triggers import registry
from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
from tests import ports
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole

Answer = Callable[[bytes, Any], bytes]
RESOURCE = b'{"image": "old", "n": 1}'


@dataclass(slots=True)
class Server:
    port: int
    got: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def body(self, method: str) -> bytes:
        return next(raw for name, raw, _ in self.got if name == method)


def said(raw: bytes) -> Answer:
    return lambda request, context: raw


ANSWERS: dict[str, Answer] = {
    "FetchResource": said(b"\x0a" + bytes([len(RESOURCE)]) + RESOURCE),
    "Execute": said(b"\x0a\x04done"),
    "ApplyPolicy": said(b"\x08\x01"),
}


@asynccontextmanager
async def serving(tls: Any = None, **answers: Answer) -> AsyncIterator[Server]:
    found = Server(0)

    def handler(method: str) -> Any:
        async def handle(request: bytes, context: Any) -> bytes:
            found.got.append((method, request, dict(context.invocation_metadata())))
            answer = {**ANSWERS, **answers}[method](request, context)
            return await answer if not isinstance(answer, bytes) else answer

        return grpc.unary_unary_rpc_method_handler(handle)

    server = grpc.aio.server()
    handlers = {method: handler(method) for method in ANSWERS}
    generic = grpc.method_handlers_generic_handler("triggers.Trigger", handlers)
    server.add_generic_rpc_handlers((generic,))
    if tls is None:
        found.port = server.add_insecure_port("127.0.0.1:0")
    else:
        found.port = server.add_secure_port("127.0.0.1:0", tls)
    await server.start()
    try:
        yield found
    finally:
        await server.stop(None)


def spec(server: Server | None = None, **more: Any) -> dict[str, Any]:
    port = server.port if server else 1
    return {"serverURL": f"localhost:{port}", "spec": {"url": "x", "kind": "b"}, **more}


async def test_fetch_execute_and_policy() -> None:
    async with serving() as server:
        given = spec(server, payload=[whole("order")], parameters=[taken("body.name", "image")])
        assert await fire("custom", given) == f"gRPC localhost:{server.port}"
    assert [name for name, _, _ in server.got] == ["FetchResource", "Execute", "ApplyPolicy"]
    assert server.body("FetchResource") == b"\x0a\x0fkind: b\nurl: x\n"
    executed = protobuf.decode(server.body("Execute"))
    assert executed[1] == [b'{"image":"shop","n":1}']
    assert isinstance(executed[2][0], bytes)
    assert json.loads(executed[2][0])["order"]["name"] == "shop"
    assert server.body("ApplyPolicy") == b"\x0a\x04done"
    for _, _, metadata in server.got:
        assert metadata["idempotency-key"] == KEY
        assert metadata["traceparent"] == TRACE


async def test_a_policy_that_refuses_is_a_failure() -> None:
    async with serving(ApplyPolicy=said(b"\x12\x03bad")) as server:
        with pytest.raises(TriggerFailed, match="policy refused: bad") as caught:
            await fire("custom", spec(server))
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("code", "permanent"),
    [(grpc.StatusCode.UNAVAILABLE, False), (grpc.StatusCode.INVALID_ARGUMENT, True)],
)
async def test_errors_of_the_server(code: grpc.StatusCode, permanent: bool) -> None:
    def answer(request: bytes, context: Any) -> Any:
        return context.abort(code, "no")

    async with serving(Execute=answer) as server:
        with pytest.raises(TriggerFailed, match=f"custom: Execute: {code.name}: no") as caught:
            await fire("custom", spec(server))
    assert caught.value.permanent is permanent
    assert [name for name, _, _ in server.got] == ["FetchResource", "Execute"]


@pytest.mark.parametrize("raw", [b"\xff" * 11, b"\x0a\x7f", b"\x0b", b"\x08\x01"])
async def test_an_answer_that_is_no_message(raw: bytes) -> None:
    async with serving(FetchResource=said(raw)) as server:
        with pytest.raises(TriggerFailed, match="custom: "):
            await fire("custom", spec(server))


async def test_parameters_need_a_json_resource() -> None:
    async with serving(FetchResource=said(b"\x0a\x03a: ")) as server:
        with pytest.raises(TriggerFailed, match="no JSON") as caught:
            await fire("custom", spec(server, parameters=[taken("body.name", "image")]))
    assert caught.value.permanent


async def test_tls_with_the_servers_certificate() -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("trigger.example")
    tls = grpc.ssl_server_credentials(
        [(issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())]
    )
    secrets = {"tls": {"ca": authority.cert_pem.bytes().decode()}}
    async with serving(tls) as server:
        given = spec(server, secure=True, certSecret=selector("tls", "ca"))
        with pytest.raises(TriggerFailed, match="UNAVAILABLE"):  # another name
            await fire("custom", given, secrets)
        await fire("custom", given | {"serverNameOverride": "trigger.example"}, secrets)
    assert len(server.got) == 3


async def test_no_server_is_worth_another_try() -> None:
    with pytest.raises(TriggerFailed, match="UNAVAILABLE") as caught:
        await fire("custom", spec(Server(ports.free_port())))
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["169.254.169.254:80", "127.0.0.1:4999"])
async def test_the_egress_policy_holds(url: str) -> None:
    own = EgressSettings(own_ports=lambda: frozenset({4999}))
    with pytest.raises(TriggerFailed, match=r"link-local|belongs to headrace"):
        await fire("custom", spec(serverURL=url), egress=own)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"serverURL": ""}, "serverURL:"),
        ({"serverURL": "unix:/run/x.sock"}, "serverURL: must be host:port"),
        ({"serverURL": "http://host:1"}, "serverURL: must be host:port"),
        ({"serverURL": "host"}, "serverURL: must be host:port"),
        ({"spec": {}}, "spec:"),
        ({"secure": True}, "certSecret:"),
    ],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    assert (registry.TRIGGERS["custom"].check(spec(**wrong)) or "").startswith(where)
