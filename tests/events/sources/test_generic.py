"""`generic` against a real gRPC server: the stream, login, TLS, restarts and refusals."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest
import trustme

from events import protobuf
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving


@dataclass(slots=True)
class Server:
    """An Eventing service that sends what is put into `outbox`; None ends the stream."""

    port: int
    outbox: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    asked: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    token: str = ""
    refusal: Any = None
    _server: Any = None

    async def start_event_source(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        found = dict(context.invocation_metadata())
        self.asked.append((request, found))
        if self.refusal is not None:
            await context.abort(self.refusal, "no")
        if self.token and found.get("authorization") != f"Bearer {self.token}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        while (payload := await self.outbox.get()) is not None:
            yield payload

    def send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.outbox.put_nowait(protobuf.encode([(1, "e"), (2, payload)]))

    async def start(self, tls: Any = None) -> None:
        self._server = grpc.aio.server()
        handler = grpc.unary_stream_rpc_method_handler(self.start_event_source)
        handlers = {"StartEventSource": handler}
        service = grpc.method_handlers_generic_handler("generic.Eventing", handlers)
        self._server.add_generic_rpc_handlers((service,))
        place = f"127.0.0.1:{self.port}"
        if tls is None:
            self._server.add_insecure_port(place)
        else:
            self._server.add_secure_port(place, tls)
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)


@asynccontextmanager
async def eventing(tls: Any = None, **settings: Any) -> AsyncIterator[Server]:
    server = Server(ports.free_port(), **settings)
    await server.start(tls)
    try:
        yield server
    finally:
        await server.stop()


def spec(server: Server, **more: Any) -> dict[str, Any]:
    given = {"url": f"127.0.0.1:{server.port}", "config": "key: value\n", "insecure": True}
    return {**given, **more}


def bodies(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


async def test_a_message_of_the_stream_becomes_an_event() -> None:
    bus = WatchedBus()
    async with eventing() as server, serving({}) as served:
        await served.serve(bus, "generic", "e", spec(server, jsonBody=True, metadata={"x": "y"}))
        server.send(b'{"n": 1.0}')
        await bus.holds(1)
    [event] = bus.events()
    assert event.data == b'{"body":{"n":1.0},"metadata":{"x":"y"}}'
    assert (event.type, event.subject) == ("generic", "e")
    [(request, metadata)] = server.asked
    assert protobuf.decode(request) == {1: [b"e"], 2: [b"key: value\n"]}
    assert "authorization" not in metadata


async def test_alike_messages_are_events_of_their_own_in_order() -> None:
    bus = WatchedBus()
    async with eventing() as server, serving({}) as served:
        await served.serve(bus, "generic", "e", spec(server))
        sent = [b"tick", b"tick", b"", b"\xff\x00", *[b"%d" % n for n in range(500)]]
        server.send(*sent)
        assert bodies(await bus.holds(len(sent))) == sent


async def test_what_is_no_json_does_not_stop_the_rest() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with eventing() as server, serving({}) as served:
        given = spec(server, jsonBody=True, filter={"expression": "body.n > 1"})
        await served.serve(bus, "generic", "e", given, notes=notes)
        server.send(b"{", b'{"n":1}', b'{"n":2}')
        assert [d["body"]["n"] for d in await bus.holds(1)] == [2]
    assert "1 refused so far, lately: the body is no JSON" in notes[-1]


async def test_the_stream_is_asked_for_again_when_the_server_ends_it() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with eventing() as server, serving({}) as served:
        await served.serve(bus, "generic", "e", spec(server), notes=notes)
        server.send(b"1")
        await bus.holds(1)
        server.outbox.put_nowait(None)
        server.send(b"2")
        assert bodies(await bus.holds(2)) == [b"1", b"2"]
    assert "reconnecting: the server ended the stream" in notes


async def test_a_restarted_server_is_found_again() -> None:
    bus = WatchedBus()
    async with eventing() as server, serving({}) as served:
        await served.serve(bus, "generic", "e", spec(server))
        await server.stop()
        await server.start()
        server.send(b"after")
        assert bodies(await bus.holds(1)) == [b"after"]


async def test_what_is_no_event_does_not_stop_the_rest() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with eventing() as server, serving({}) as served:
        await served.serve(bus, "generic", "e", spec(server), notes=notes)
        server.outbox.put_nowait(b"\x12\x7f")
        server.send(b"good")
        assert bodies(await bus.holds(1)) == [b"good"]
    assert "1 refused so far, lately: the message is no Event: the message ends early" in notes


async def test_messages_in_flight_are_kept_over_an_outage_of_the_bus() -> None:
    bus = WatchedBus()
    bus.away = True
    async with eventing() as server, serving({}) as served:
        await served.serve(bus, "generic", "e", spec(server))
        server.send(*[b"%d" % n for n in range(400)])
        await bus.until(lambda: len(set(bus.attempts)) >= 100)
        bus.away = False
        data = await bus.holds(400)
    assert sorted(bodies(data)) == sorted(b"%d" % n for n in range(400))


async def test_the_token_goes_along_and_its_successor_too() -> None:
    bus = WatchedBus()
    secret = {"name": "login", "key": "token"}
    async with eventing(token="old") as server, serving({"login": {"token": "old\n"}}) as served:
        await served.serve(bus, "generic", "e", spec(server, authSecret=secret))
        server.token = "new"
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["token"] = "new"
        await served.services.secrets.refresh()
        async with asyncio.timeout(15):
            while len(server.asked) < 2:
                await asyncio.sleep(0.01)
        server.send(b"x")
        await bus.holds(1)
        cluster.secrets["login"]["token"] = "wrong"
        await served.services.secrets.refresh()
        with pytest.raises(SourceError, match=r"spec\.generic\.b: UNAUTHENTICATED") as caught:
            await served.serve(bus, "generic", "b", spec(server, authSecret=secret))
    assert caught.value.reason == "Forbidden"


async def test_a_server_without_this_service_is_said_so() -> None:
    async with eventing(refusal=grpc.StatusCode.UNIMPLEMENTED) as server, serving({}) as served:
        with pytest.raises(SourceError, match="UNIMPLEMENTED: no"):
            await served.serve(WatchedBus(), "generic", "e", spec(server))
    assert len(server.asked) == 1


async def test_tls_is_checked_against_the_systems_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    bus = WatchedBus()
    tls = grpc.ssl_server_credentials([pair])
    async with eventing(tls) as server, serving({}) as served:
        given = spec(server, insecure=False, url=f"dns:///localhost:{server.port}")
        await served.serve(bus, "generic", "e", given)
        server.send(b"x")
        await bus.holds(1)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is required"),
        ("localhost", "must be host:port"),
        ("http://x:1", "must be host:port"),
        ("unix:/run/x", "must be host:port"),
        ("x:1/path", "must be host:port"),
        ("u@x:1", "must be host:port"),
        ("x:many", "must be host:port"),
    ],
)
async def test_a_wrong_address_is_named(url: str, words: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=rf"spec\.generic\.e\.url: {words}"):
            await served.serve(WatchedBus(), "generic", "e", {"url": url})


async def test_a_missing_client_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    async with serving({}) as served:
        with pytest.raises(SourceError, match=r"pip install 'headrace\[grpc\]'"):
            await served.serve(WatchedBus(), "generic", "e", {"url": "x:1"})
