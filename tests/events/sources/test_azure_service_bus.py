"""`azureServiceBus` against a server that speaks its HTTPS interface and checks the signatures."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from events.sources import azure_service_bus
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.events.triggers.recorder import served as http_served
from tests.events.triggers.sas import signed_rightly

_BAD_URL = "Endpoint=sb://[x/;SharedAccessKeyName=a;SharedAccessKey=b"
Message = tuple[int, bytes, dict[str, str]]


@dataclass(slots=True)
class Bus:
    """An entity: messages are locked until they are deleted, or `unlock`. What is given back is
    dead at once, as with a MaxDeliveryCount of one."""

    port: int
    path: str = "orders"
    waiting: list[Message] = field(default_factory=list)
    locked: dict[str, Message] = field(default_factory=dict)
    renewed: list[str] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    lost: bool = False  # locks are, as after a failover
    losses: int = 0
    failure: int = 0
    deletes: bool = True
    count: int = 0

    def send(self, *bodies: bytes, **headers: str) -> None:
        for body in bodies:
            self.count += 1
            self.waiting.append((self.count, body, headers))

    def unlock(self) -> None:
        self.waiting += self.locked.values()
        self.locked.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        place = f"http://127.0.0.1:{self.port}/{self.path}"
        if not signed_rightly(request.headers["Authorization"], place.lower(), "reader", "hush"):
            return web.Response(status=401)
        if self.failure:
            return web.Response(status=self.failure)
        lock = request.raw_path
        if self.lost and "/messages/head" not in lock:
            self.losses += 1
            return web.Response(status=404)
        if request.method == "PUT":
            self.dead.append(self.locked.pop(lock))
            return web.Response()
        if request.method == "DELETE":
            if self.deletes:
                self.locked.pop(lock, None)
            return web.Response()
        if "/messages/head" not in request.raw_path:
            self.renewed.append(lock)
            return web.Response()
        assert request.raw_path.startswith(f"/{self.path}/messages/head?timeout=")
        if not self.waiting:
            await asyncio.sleep(0.01)
            return web.Response(status=204)
        message = self.waiting.pop(0)
        number, body, headers = message
        lock = f"/{self.path}/messages/{number}/token"
        self.locked[lock] = message
        properties = {"SequenceNumber": number, "MessageId": f"m-{number}", "Label": "l"}
        properties["EnqueuedTimeUtc"] = "Wed, 06 May 2026 07:08:09 GMT"
        answer = {
            "BrokerProperties": json.dumps(properties | {"LockToken": "token", "State": "Active"}),
            "Location": f"https://elsewhere.example.com{lock}",
            **headers,
        }
        return web.Response(status=201, body=body, headers=answer)


@asynccontextmanager
async def service_bus(**more: Any) -> AsyncIterator[Bus]:
    bus = Bus(ports.free_port(), **more)
    async with http_served(bus.handle, bus.port):
        yield bus


def secrets(server: Bus | None = None) -> dict[str, dict[str, str]]:
    endpoint = f"Endpoint=sb://127.0.0.1:{server.port if server else 1}/"
    keys = "SharedAccessKeyName=reader;SharedAccessKey=hush"
    text = f"{endpoint};{keys};UseDevelopmentEmulator=true\n"
    return {"azure": {"connection": text, "bad": "nonsense", "url": _BAD_URL}}


def spec(**more: Any) -> dict[str, Any]:
    connection = {"name": "azure", "key": "connection"}
    return {"queueName": "orders", "connectionString": connection, **more}


async def test_messages_become_events_and_are_deleted() -> None:
    bus = WatchedBus()
    async with service_bus() as server, serving(secrets(server)) as served:
        headers = {"Content-Type": "application/json", "Priority": '"high"', "Tries": "2"}
        server.send(b'{"n": 1.0}', **headers)
        server.send(*[b'{"n":%d}' % n for n in range(40)])
        given = spec(jsonBody=True, metadata={"x": "y"})
        await served.serve(bus, "azureServiceBus", "q", given)
        await bus.holds(41)
        await eventually(lambda: not server.locked)
    [first] = [data for data in bus.data() if data["sequenceNumber"] == 1]
    assert first == {
        "applicationProperties": {"Priority": "high", "Tries": 2},
        "body": {"n": 1.0},
        "contentType": "application/json",
        "correlationID": None,
        "enqueuedTime": "2026-05-06T07:08:09Z",
        "messageID": "m-1",
        "replyTo": None,
        "sequenceNumber": 1,
        "subject": "l",
        "metadata": {"x": "y"},
    }


async def test_a_subscription_and_a_message_delivered_again() -> None:
    bus = WatchedBus()
    path = "orders/subscriptions/flows"
    async with service_bus(path=path) as server, serving(secrets(server)) as served:
        server.deletes = False
        server.send(b"a")
        given = spec(queueName="", topicName="orders", subscriptionName="flows")
        await served.serve(bus, "azureServiceBus", "q", given)
        await bus.holds(1)
        server.unlock()
        server.send(b"b")
        await bus.holds(2)
    assert [base64.b64decode(data["body"]) for data in bus.data()] == [b"a", b"b"]
    assert {data["applicationProperties"] for data in bus.data()} == {None}


async def test_the_lock_is_renewed_until_the_event_is_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(azure_service_bus, "_RENEW", 0.02)
    bus = WatchedBus()
    bus.away = True
    async with service_bus() as server, serving(secrets(server)) as served:
        server.send(*[b"x"] * 12)
        await served.serve(bus, "azureServiceBus", "q", spec())
        await eventually(lambda: len(set(server.renewed)) == 8)
        assert len(server.locked) == 8
        bus.away = False
        await bus.holds(12)
        await eventually(lambda: not server.locked)


async def test_a_lock_that_is_lost_does_not_end_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(azure_service_bus, "_RENEW", 0.02)
    bus, notes = WatchedBus(), list[str]()
    bus.away = True
    async with service_bus() as server, serving(secrets(server)) as served:
        server.send(b"a")
        await served.serve(bus, "azureServiceBus", "q", spec(), notes=notes)
        await bus.until(lambda: bool(bus.attempts))
        server.lost = True
        await eventually(lambda: server.losses > 0)
        server.unlock()
        await eventually(lambda: bool(server.locked))  # it is taken once more
        server.lost = False
        bus.away = False
        await bus.holds(1)
        await eventually(lambda: not server.locked)
        server.send(b"b")
        await bus.holds(2)
    assert notes == [""]


async def test_what_is_no_json_becomes_a_dead_letter_and_what_is_left_out_is_deleted() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with service_bus() as server, serving(secrets(server)) as served:
        server.send(b"{", b'{"n":1}', b'{"n":2}')
        given = spec(jsonBody=True, filter={"expression": "body.n == 2"})
        await served.serve(bus, "azureServiceBus", "q", given, notes=notes)
        await bus.holds(1)
        await eventually(lambda: not server.locked)
    assert [data["body"] for data in bus.data()] == [{"n": 2}]
    assert [body for _, body, _ in server.dead] == [b"{"]
    assert any("the body is no JSON" in note for note in notes)


async def test_an_outage_is_waited_for_and_a_refusal_named() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with service_bus() as server, serving(secrets(server)) as served:
        await served.serve(bus, "azureServiceBus", "q", spec(), notes=notes)
        server.failure = 503
        await eventually(lambda: any("reconnecting: Service Bus answered 503" in n for n in notes))
        server.failure = 0
        server.send(b"after")
        await bus.holds(1)
        server.failure = 404
        with pytest.raises(SourceError, match=r"spec\.azureServiceBus\.r: .* answered 404"):
            await served.serve(bus, "azureServiceBus", "r", spec())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"connectionString": None}, "connectionString: is required"),
        ({"connectionString": {"name": "azure", "key": "bad"}}, "connectionString: must have"),
        ({"connectionString": {"name": "azure", "key": "url"}}, "connectionString: Endpoint is no"),
        ({"queueName": ""}, "queueName: exactly one"),
        ({"topicName": "t"}, "queueName: exactly one"),
        ({"queueName": "", "topicName": "t"}, "subscriptionName: is required"),
        ({"queueName": "../x"}, "queueName: '../x' is no name"),
        ({"tls": {}}, "tls: "),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(secrets()) as served:
        with pytest.raises(SourceError, match=rf"spec\.azureServiceBus\.q\.{words}"):
            await served.serve(WatchedBus(), "azureServiceBus", "q", spec(**wrong))
