"""`minio` against a server that streams notifications as MinIO does: records, regions, faults."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.events.triggers.recorder import served as http_served

SECRETS = {"minio": {"access": "minio", "secret": "hush\n"}}


@dataclass(slots=True)
class Server:
    """Streams what `send` is given to whoever listens."""

    port: int
    paths: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    region: str = "us-east-1"
    failure: tuple[int, str] | None = None
    listeners: list[asyncio.Queue[bytes | None]] = field(default_factory=list)

    def send(self, *texts: bytes | None) -> None:
        """None ends the connections."""
        for listener in self.listeners:
            for text in texts:
                listener.put_nowait(text)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.raw_path)
        self.credentials.append(request.headers["Authorization"].split(" ")[1])
        if self.failure is not None:
            status, code = self.failure
            return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>")
        if f"/{self.region}/s3/" not in self.credentials[-1]:
            text = f"<Code>AuthorizationHeaderMalformed</Code><Region>{self.region}</Region>"
            return web.Response(status=400, text=text)
        answer = web.StreamResponse()
        await answer.prepare(request)
        listener: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.listeners.append(listener)
        try:
            await answer.write(b" ")
            while (text := await listener.get()) is not None:
                await answer.write(text)
        finally:
            self.listeners.remove(listener)
        return answer


@asynccontextmanager
async def minio(**more: Any) -> AsyncIterator[Server]:
    server = Server(ports.free_port())
    async with http_served(server.handle, server.port, **more):
        yield server
        server.send(None)


def line(key: str, sequencer: str = "1") -> bytes:
    s3 = {"bucket": {"name": "b"}, "object": {"key": key, "size": 3, "sequencer": sequencer}}
    return (
        json.dumps({"EventName": "x", "Records": [{"eventName": "put", "s3": s3}]}).encode() + b"\n"
    )


def spec(server: Server | None = None, **more: Any) -> dict[str, Any]:
    return {
        "endpoint": f"127.0.0.1:{server.port if server else 1}",
        "insecure": True,
        "bucket": {"name": "b"},
        "accessKey": {"name": "minio", "key": "access"},
        "secretKey": {"name": "minio", "key": "secret"},
        **more,
    }


def keys(bus: WatchedBus) -> list[str]:
    return [data["notification"][0]["s3"]["object"]["key"] for data in bus.data()]


async def test_notifications_become_events() -> None:
    bus = WatchedBus()
    async with minio() as server, serving(SECRETS) as served:
        more = {"events": ["s3:ObjectCreated:*"], "filter": {"prefix": "in/", "suffix": ".csv"}}
        await served.serve(bus, "minio", "m", spec(server, metadata={"x": "y"}, **more))
        whole = line("in%2Fa.csv")
        server.send(b"  ", whole[:30], whole[30:] + line("b", "2"), b" ", b'{"Records":null}\n')
        server.send(line("c", "3"))
        await bus.holds(3)
    first = bus.data()[0]
    assert first["metadata"] == {"x": "y"}
    [record] = first["notification"]
    assert record["s3"]["object"] == {"key": "in%2Fa.csv", "size": 3, "sequencer": "1"}
    assert record["requestParameters"] is None
    assert record["source"] == {"host": "", "port": "", "userAgent": ""}
    assert keys(bus) == ["in%2Fa.csv", "b", "c"]
    assert server.paths == ["/b?events=s3%3AObjectCreated%3A%2A&prefix=in%2F&suffix=.csv"]


async def test_every_bucket_and_the_region_the_server_names() -> None:
    bus = WatchedBus()
    async with minio() as server, serving(SECRETS) as served:
        server.region = "eu-north-1"
        await served.serve(bus, "minio", "m", spec(server, bucket=None))
        server.send(line("a"))
        await bus.holds(1)
    assert [path.partition("?")[0] for path in server.paths] == ["/", "/"]
    assert "/eu-north-1/s3/aws4_request" in server.credentials[1]


async def test_a_lost_connection_is_made_again_and_nothing_comes_twice() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with minio() as server, serving(SECRETS) as served:
        await served.serve(bus, "minio", "m", spec(server), notes=notes)
        server.send(line("a"), None)
        await eventually(lambda: len(server.paths) == 2 and bool(server.listeners))
        server.send(line("a"), line("b", "2"))
        await bus.holds(2)
    assert keys(bus) == ["a", "b"]
    assert any("reconnecting" in note for note in notes)


async def test_what_is_no_notification_does_not_stop_the_rest() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with minio() as server, serving(SECRETS) as served:
        await served.serve(bus, "minio", "m", spec(server), notes=notes)
        server.send(b"nope\n", b'{"Records":{}}\n', b'{"Records":[{"s3":1}]}\n', line("a"))
        await bus.holds(1)
    assert keys(bus) == ["a"]
    assert any("is no notification" in note for note in notes)


async def test_rotated_keys_make_the_connection_anew() -> None:
    bus = WatchedBus()
    async with minio() as server, serving(SECRETS) as served:
        await served.serve(bus, "minio", "m", spec(server))
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["minio"]["access"] = "other"
        await served.services.secrets.refresh()
        await eventually(lambda: len(server.listeners) == 2)
        server.send(line("a"))
        await bus.holds(1)
    assert server.credentials[1].startswith("Credential=other/")


async def test_tls_is_checked_with_the_given_authority() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    secrets = {**SECRETS, "tls": {"ca": authority.cert_pem.bytes().decode()}}
    bus = WatchedBus()
    async with minio(ssl_context=context) as server, serving(secrets) as served:
        given = spec(server, insecure=False, caCertificate={"name": "tls", "key": "ca"})
        await served.serve(bus, "minio", "m", given)
        server.send(line("a"))
        await bus.holds(1)
        with pytest.raises(SourceError, match="certificate"):
            await served.serve(bus, "minio", "n", spec(server, insecure=False))


@pytest.mark.parametrize(
    ("failure", "reason"),
    [((403, "AccessDenied"), "Forbidden"), ((404, "NoSuchBucket"), "Refused")],
)
async def test_a_refusal_is_named(failure: tuple[int, str], reason: str) -> None:
    async with minio() as server, serving(SECRETS) as served:
        server.failure = failure
        with pytest.raises(SourceError, match=f"answered {failure[0]} {failure[1]}") as caught:
            await served.serve(WatchedBus(), "minio", "m", spec(server))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"endpoint": ""}, "endpoint: is required"),
        ({"endpoint": "http://x"}, "endpoint: is a host"),
        ({"bucket": {"name": ""}}, "bucket.name: is required"),
        ({"accessKey": None}, "accessKey: is required"),
        ({"caCertificate": {"name": "minio", "key": "access"}}, "caCertificate: is no PEM"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.minio\.m\.{words}"):
            await served.serve(WatchedBus(), "minio", "m", spec(**wrong))
