"""`azureQueueStorage` against a server that speaks its REST API and checks the signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from events.azure import storage
from events.sources import http_queue
from events.sources.contract import SourceError
from events.sources.queue_link import ConnectionLost
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.sources.xml_queue import XmlQueue, xml_queue
from tests.events.support import serving
from tests.events.triggers.recorder import Got

KEY = base64.b64encode(b"a key of the account").decode()
BAD_URL = f"AccountName=acme;AccountKey={KEY};QueueEndpoint=http://[::"
CONNECTION = {"name": "azure", "key": "connection"}


def signed(got: Got) -> str:
    """As the documentation of Shared Key says, worked out anew."""
    path, _, query = got.path.partition("?")
    fields = sorted((name, values[0]) for name, values in parse_qs(query).items())
    text = f"{got.method}\n" + "\n" * 11
    text += f"x-ms-date:{got.headers['x-ms-date']}\nx-ms-version:{got.headers['x-ms-version']}\n"
    text += f"/acme{path}" + "".join(f"\n{name}:{value}" for name, value in fields)
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    return f"SharedKey acme:{base64.b64encode(digest).decode()}"


def message(name: str, body: str) -> str:
    inserted = "Wed, 06 May 2026 07:08:09 GMT"
    return (
        f"<QueueMessage><MessageId>{name}</MessageId><InsertionTime>{inserted}</InsertionTime>"
        f"<PopReceipt>r+/{name}=</PopReceipt><MessageText>{body}</MessageText></QueueMessage>"
    )


def handle_of(got: Got) -> str:
    path, _, query = got.path.partition("?")
    name = path.rpartition("/")[2]
    assert unquote(query) == f"popreceipt=r+/{name}="
    return name


@asynccontextmanager
async def azure(**more: Any) -> AsyncIterator[XmlQueue]:
    def wrap(text: str) -> str:
        return f'﻿<?xml version="1.0"?><QueueMessagesList>{text}</QueueMessagesList>'

    async with xml_queue(
        message=message, wrap=wrap, empty=None, handle_of=handle_of, signed=signed, batch=32, **more
    ) as queue:
        yield queue


def secrets(queue: XmlQueue | None = None) -> dict[str, dict[str, str]]:
    url = queue.url if queue else "http://127.0.0.1:1"
    text = f"AccountName=acme;AccountKey={KEY};QueueEndpoint={url}/acme/\n"
    return {"azure": {"connection": text, "bad": "nonsense", "url": BAD_URL}}


def spec(**more: Any) -> dict[str, Any]:
    return {"queueName": "orders", "connectionString": CONNECTION, "waitTimeInSeconds": 0, **more}


async def test_messages_become_events_and_are_deleted() -> None:
    bus = WatchedBus()
    async with azure() as queue, serving(secrets(queue)) as served:
        queue.send('{"n": 1.0, "t": "<&>"}', *[f'{{"n":{n}}}' for n in range(70)])
        given = spec(jsonBody=True, metadata={"x": "y"})
        await served.serve(bus, "azureQueueStorage", "q", given)
        await bus.holds(71)
        await eventually(lambda: not queue.hidden)
    assert bus.events()[0].data.decode() == (
        '{"body":{"n":1.0,"t":"\\u003c\\u0026\\u003e"},"messageID":"m-1",'
        '"insertionTime":"2026-05-06T07:08:09Z","metadata":{"x":"y"}}'
    )
    assert queue.got[0].path == "/acme/orders/messages?numofmessages=32&visibilitytimeout=120"


async def test_a_message_shown_again_is_the_same_event() -> None:
    bus = WatchedBus()
    async with azure() as queue, serving(secrets(queue)) as served:
        queue.deletes = False
        queue.send("text")
        await served.serve(bus, "azureQueueStorage", "q", spec())
        await bus.holds(1)
        queue.show()
        queue.send("more")
        await bus.holds(2)
    assert [base64.b64decode(data["body"]) for data in bus.data()] == [b"text", b"more"]


async def test_nothing_is_deleted_before_it_is_durable() -> None:
    bus = WatchedBus()
    bus.away = True
    async with azure() as queue, serving(secrets(queue)) as served:
        queue.send(*map(str, range(300)))
        await served.serve(bus, "azureQueueStorage", "q", spec())
        await bus.until(lambda: len(set(bus.attempts)) == 256)
        assert not [got for got in queue.got if got.method == "DELETE"]
        bus.away = False
        await bus.holds(300)
        await eventually(lambda: not queue.hidden)


@pytest.mark.parametrize("dlq", [False, True])
async def test_what_is_none_is_deleted_unless_it_shall_stay(dlq: bool) -> None:
    bus, notes = WatchedBus(), list[str]()
    good = [base64.b64encode(text).decode() for text in (b"{", b'{"n":1}', b'{"n":2}')]
    async with azure() as queue, serving(secrets(queue)) as served:
        queue.send("???", *good)
        more = {"jsonBody": True, "decodeMessage": True, "filter": {"expression": "body.n == 2"}}
        given = spec(dlq=dlq, **more)
        await served.serve(bus, "azureQueueStorage", "q", given, notes=notes)
        await bus.holds(1)
        await eventually(lambda: len(queue.hidden) == (2 if dlq else 0))
    assert [data["body"] for data in bus.data()] == [{"n": 2}]
    assert any("is no base64" in note for note in notes)


async def test_a_shared_access_signature_goes_into_the_url() -> None:
    bus = WatchedBus()
    async with azure() as queue:
        queue.signed = lambda got: "" if "&sv=1&sig=x%2F" in got.path else "no"
        text = f"QueueEndpoint={queue.url}/acme;SharedAccessSignature=?sv=1&sig=x%2F"
        async with serving({"azure": {"connection": text}}) as served:
            queue.send("a")
            await served.serve(bus, "azureQueueStorage", "q", spec())
            await bus.holds(1)


async def test_an_outage_is_waited_for_and_a_refusal_named() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with azure() as queue, serving(secrets(queue)) as served:
        await served.serve(bus, "azureQueueStorage", "q", spec(), notes=notes)
        queue.failure = (503, "", {})
        await eventually(lambda: any("reconnecting: Azure answered 503" in n for n in notes))
        queue.failure = None
        queue.send("after")
        await bus.holds(1)
        queue.failure = (404, "", {"x-ms-error-code": "QueueNotFound"})
        with pytest.raises(SourceError, match=r"queueName: Azure answered 404 QueueNotFound"):
            await served.serve(bus, "azureQueueStorage", "r", spec())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nope",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>",
        b"<!-- <a --><!DOCTYPE b><b/>",
    ],
)
def test_an_answer_that_is_none_is_an_outage(text: bytes) -> None:
    with pytest.raises(ConnectionLost, match="the answer is no"):
        http_queue.xml(text)


@pytest.mark.parametrize(
    ("text", "base"),
    [
        (f"AccountName=acme;AccountKey={KEY}", "https://acme.queue.core.windows.net"),
        (
            f"DefaultEndpointsProtocol=http;AccountName=acme;AccountKey={KEY};EndpointSuffix=x.cn",
            "http://acme.queue.x.cn",
        ),
        ("UseDevelopmentStorage=true", "http://127.0.0.1:10001/devstoreaccount1"),
    ],
)
def test_connection_strings(text: str, base: str) -> None:
    account = storage.parse(text)
    assert account.base == base
    assert KEY not in repr(account)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"queueName": ""}, "queueName: is required"),
        ({"connectionString": None, "storageAccountName": "a"}, "connectionString: is required"),
        ({"connectionString": {"name": "azure", "key": "bad"}}, "connectionString: must have"),
        (
            {"connectionString": {"name": "azure", "key": "url"}},
            "connectionString: QueueEndpoint is",
        ),
        ({"waitTimeInSeconds": -1}, "waitTimeInSeconds: is negative"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(secrets()) as served:
        with pytest.raises(SourceError, match=rf"spec\.azureQueueStorage\.q\.{words}"):
            await served.serve(WatchedBus(), "azureQueueStorage", "q", spec(**wrong))
