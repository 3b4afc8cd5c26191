"""`mns` against a server that speaks its REST API and checks the signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from events.sources import mns
from events.sources.contract import SourceError
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.sources.xml_queue import XmlQueue, xml_queue
from tests.events.support import serving
from tests.events.triggers.recorder import Got

SECRETS = {"mns": {"access": "id", "secret": "hush\n", "other": "id2"}}
SPACE = ' xmlns="http://mns.aliyuncs.com/doc/v1/"'


def signed(got: Got) -> str:
    """As the documentation says, worked out anew."""
    headers = got.headers
    text = f"{got.method}\n\n{headers['content-type']}\n{headers['date']}\n"
    text += f"x-mns-version:2015-06-06\n{got.path}"
    digest = hmac.new(b"hush", text.encode(), hashlib.sha1).digest()
    return f"MNS id:{base64.b64encode(digest).decode()}"


def message(name: str, body: str) -> str:
    return (
        f"<Message><MessageId>{name}</MessageId><ReceiptHandle>1-{name}/+</ReceiptHandle>"
        f"<MessageBody>{body}</MessageBody></Message>"
    )


@asynccontextmanager
async def queue_of_mns(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[XmlQueue]:
    monkeypatch.setattr(mns, "_WAIT", 0)
    none = f'<?xml version="1.0"?><Error{SPACE}><Code>MessageNotExist</Code></Error>'
    async with xml_queue(
        message=message,
        wrap=lambda text: f'<?xml version="1.0"?><Messages{SPACE}>{text}</Messages>',
        empty=web.Response(status=404, text=none),
        handle_of=lambda got: parse_qs(got.path.partition("?")[2])["ReceiptHandle"][0][2:-2],
        signed=signed,
    ) as queue:
        yield queue


def spec(queue: XmlQueue | None = None, **more: Any) -> dict[str, Any]:
    return {
        "queue": "orders",
        "endpoint": queue.url if queue else "http://127.0.0.1:1",
        "accessKey": {"name": "mns", "key": "access"},
        "secretKey": {"name": "mns", "key": "secret"},
        **more,
    }


async def test_messages_become_events_and_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = WatchedBus()
    async with queue_of_mns(monkeypatch) as queue, serving(SECRETS) as served:
        await served.serve(bus, "mns", "q", spec(queue, filter={"expression": 'body != "no"'}))
        queue.send("a <b>", "no", *map(str, range(40)))
        await bus.holds(41)
        await eventually(lambda: not queue.hidden)
    assert bus.events()[0].data == b'{"messageId":"m-1","body":"a \\u003cb\\u003e"}'
    assert queue.got[0].path == "/queues/orders/messages?numOfMessages=16&waitseconds=0"


async def test_a_message_shown_again_is_the_same_event(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = WatchedBus()
    async with queue_of_mns(monkeypatch) as queue, serving(SECRETS) as served:
        queue.deletes = False
        await served.serve(bus, "mns", "q", spec(queue))
        queue.send("a")
        await bus.holds(1)
        queue.show()
        queue.send("b")
        await bus.holds(2)
    assert [data["body"] for data in bus.data()] == ["a", "b"]


async def test_nothing_is_deleted_before_it_is_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = WatchedBus()
    bus.away = True
    async with queue_of_mns(monkeypatch) as queue, serving(SECRETS) as served:
        await served.serve(bus, "mns", "q", spec(queue))
        queue.send(*map(str, range(300)))
        await bus.until(lambda: len(set(bus.attempts)) == 256)
        assert not [got for got in queue.got if got.method == "DELETE"]
        bus.away = False
        await bus.holds(300)
        await eventually(lambda: not queue.hidden)


async def test_a_missing_queue_and_wrong_keys_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with queue_of_mns(monkeypatch) as queue, serving(SECRETS) as served:
        given = spec(queue, accessKey={"name": "mns", "key": "other"})
        with pytest.raises(SourceError, match=r"queue: MNS answered 403 AccessDenied") as caught:
            await served.serve(WatchedBus(), "mns", "q", given)
        assert caught.value.reason == "Forbidden"
        queue.failure = (404, "<Error><Code>QueueNotExist</Code></Error>", {})
        with pytest.raises(SourceError, match=r"spec\.mns\.q\.queue: MNS answered 404 QueueNotE"):
            await served.serve(WatchedBus(), "mns", "q", spec(queue))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"queue": ""}, "queue: is required"),
        ({"endpoint": ""}, "endpoint: is required"),
        ({"endpoint": "mns.example.com"}, "endpoint: must be an http"),
        ({"endpoint": "http://[::"}, "endpoint: must be an http"),
        ({"secretKey": None}, "secretKey: is required"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.mns\.q\.{words}"):
            await served.serve(WatchedBus(), "mns", "q", {**spec(), **wrong})
