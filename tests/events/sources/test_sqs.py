"""`sqs` against a server that speaks its JSON protocol: ten at a time, deletions, roles, faults."""

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

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.events.triggers.recorder import served as http_served

SECRETS = {"aws": {"access": "AKIAEXAMPLE", "secret": "hush\n"}}


@dataclass(slots=True)
class Queue:
    """A queue; what was received is hidden until `show`."""

    port: int
    waiting: list[dict[str, Any]] = field(default_factory=list)
    hidden: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    failure: tuple[int, str] | None = None
    deletes: bool = True
    some: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, *bodies: str, **more: Any) -> None:
        for body in bodies:
            number = len(self.waiting) + len(self.hidden) + len(self.calls)
            self.waiting.append({"MessageId": f"m-{number}-{body[:9]}", "Body": body, **more})
        self.some.set()

    def show(self) -> None:
        self.waiting += self.hidden.values()
        self.hidden.clear()
        self.some.set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if b"AssumeRole" in await request.read():
            keys = "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            return web.Response(text=f"<r>{keys}<SessionToken>t</SessionToken></r>")
        action = request.headers["X-Amz-Target"].removeprefix("AmazonSQS.")
        body = json.loads(await request.read())
        self.calls.append((action, body))
        self.access.append(request.headers["Authorization"].partition("/")[0])
        if self.failure is not None:
            status, code = self.failure
            return web.json_response({"__type": f"com.amazonaws.sqs#{code}"}, status=status)
        match action:
            case "GetQueueUrl":
                return web.json_response({"QueueUrl": "https://sqs.example.com/1/q"})
            case "DeleteMessageBatch":
                for entry in body["Entries"] if self.deletes else ():
                    self.hidden.pop(entry["ReceiptHandle"], None)
                return web.json_response({})
        while not self.waiting:
            self.some.clear()
            try:
                async with asyncio.timeout(body["WaitTimeSeconds"]):
                    await self.some.wait()
            except TimeoutError:
                return web.json_response({})
        batch, self.waiting = self.waiting[:10], self.waiting[10:]
        for message in batch:
            message["ReceiptHandle"] = f"r-{message['MessageId']}"
            self.hidden[message["ReceiptHandle"]] = message
        return web.json_response({"Messages": batch})


@asynccontextmanager
async def sqs() -> AsyncIterator[Queue]:
    queue = Queue(ports.free_port())
    async with http_served(queue.handle, queue.port):
        yield queue


def spec(server: Queue | None = None, **more: Any) -> dict[str, Any]:
    return {
        "region": "eu-central-1",
        "queue": "orders",
        "endpoint": f"http://127.0.0.1:{server.port if server else 1}",
        "accessKey": {"name": "aws", "key": "access"},
        "secretKey": {"name": "aws", "key": "secret"},
        "waitTimeSeconds": 1,
        **more,
    }


async def test_messages_become_events_and_are_deleted() -> None:
    bus = WatchedBus()
    async with sqs() as queue, serving(SECRETS) as served:
        attribute = {"DataType": "String", "StringValue": "<x>"}
        queue.send('{"n": 1.0}', MessageAttributes={"b": attribute, "a": {"DataType": "N"}})
        queue.send(*[f'{{"n":{n}}}' for n in range(30)])
        given = spec(queue, jsonBody=True, metadata={"x": "y"}, queueAccountId="123")
        await served.serve(bus, "sqs", "q", given)
        await bus.holds(31)
        await eventually(lambda: not queue.hidden)
    first = bus.events()[0].data.decode()
    shown = '{"BinaryListValues":null,"BinaryValue":null,"DataType":"%s","StringListValues":null'
    attributes = (
        f'{{"a":{shown % "N"},"StringValue":null}},'
        f'"b":{shown % "String"},"StringValue":"\\u003cx\\u003e"}}}}'
    )
    assert first == (
        f'{{"messageId":"m-0-{{\\"n\\": 1.0","messageAttributes":{attributes},'
        '"body":{"n":1.0},"metadata":{"x":"y"}}'
    )
    assert bus.data()[1]["messageAttributes"] is None
    assert queue.calls[0] == (
        "GetQueueUrl",
        {"QueueName": "orders", "QueueOwnerAWSAccountId": "123"},
    )
    assert queue.calls[1][1] == {
        "MaxNumberOfMessages": 10,
        "MessageAttributeNames": ["All"],
        "QueueUrl": "https://sqs.example.com/1/q",
        "VisibilityTimeout": 120,
        "WaitTimeSeconds": 1,
    }
    assert set(queue.access) == {"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE"}


async def test_a_message_shown_again_is_the_same_event() -> None:
    bus = WatchedBus()
    async with sqs() as queue, serving(SECRETS) as served:
        queue.deletes = False
        queue.send("text")
        await served.serve(bus, "sqs", "q", spec(queue))
        await bus.holds(1)
        queue.show()
        queue.send("more")
        await bus.holds(2)
    bodies = [base64.b64decode(data["body"]) for data in bus.data()]
    assert bodies == [b"text", b"more"]
    assert bus.attempts[0] == bus.attempts[1]


async def test_nothing_is_deleted_before_it_is_durable() -> None:
    bus = WatchedBus()
    bus.away = True
    async with sqs() as queue, serving(SECRETS) as served:
        queue.send(*map(str, range(300)))
        await served.serve(bus, "sqs", "q", spec(queue))
        await bus.until(lambda: len(set(bus.attempts)) == 256)
        assert not [action for action, _ in queue.calls if action == "DeleteMessageBatch"]
        bus.away = False
        await bus.holds(300)
        await eventually(lambda: not queue.hidden)


@pytest.mark.parametrize("dlq", [False, True])
async def test_what_is_no_json_is_deleted_unless_it_shall_stay(dlq: bool) -> None:
    bus, notes = WatchedBus(), list[str]()
    async with sqs() as queue, serving(SECRETS) as served:
        queue.send("{", '{"n":1}', '{"n":2}')
        given = spec(queue, jsonBody=True, dlq=dlq, filter={"expression": "body.n == 2"})
        await served.serve(bus, "sqs", "q", given, notes=notes)
        await bus.holds(1)
        await eventually(lambda: len(queue.hidden) == int(dlq))
    assert [data["body"] for data in bus.data()] == [{"n": 2}]
    assert any("the body is no JSON" in note for note in notes)


async def test_rotated_keys_count_with_the_next_call() -> None:
    bus = WatchedBus()
    async with sqs() as queue, serving(SECRETS) as served:
        await served.serve(bus, "sqs", "q", spec(queue, waitTimeSeconds=0))
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["aws"]["access"] = "AKIAROTATED"
        await served.services.secrets.refresh()
        await eventually(lambda: queue.access[-1].endswith("AKIAROTATED"))
        queue.send("after")
        await bus.holds(1)


async def test_a_role_is_assumed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = WatchedBus()
    async with sqs() as queue, serving(SECRETS) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{queue.port}")
        queue.send("a")
        await served.serve(bus, "sqs", "q", spec(queue, roleARN="arn:aws:iam::1:role/r"))
        await bus.holds(1)
    assert set(queue.access) == {"AWS4-HMAC-SHA256 Credential=ASIAROLE"}


async def test_a_server_that_fails_for_a_while_is_asked_again() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with sqs() as queue, serving(SECRETS) as served:
        await served.serve(bus, "sqs", "q", spec(queue, waitTimeSeconds=0), notes=notes)
        queue.failure = (503, "ServiceUnavailable")
        await eventually(lambda: any("reconnecting: sqs answered 503" in note for note in notes))
        queue.failure = None
        queue.send("after")
        await bus.holds(1)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [((403, "AccessDenied"), "Forbidden"), ((400, "QueueDoesNotExist"), "Refused")],
)
async def test_a_refusal_is_named(failure: tuple[int, str], reason: str) -> None:
    async with sqs() as queue, serving(SECRETS) as served:
        queue.failure = failure
        words = rf"spec\.sqs\.q\.queue: sqs answered {failure[0]} {failure[1]}"
        with pytest.raises(SourceError, match=words) as caught:
            await served.serve(WatchedBus(), "sqs", "q", spec(queue))
    assert caught.value.reason == reason
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"region": ""}, "region: is required"),
        ({"region": "a/b"}, "region: 'a/b' is no region"),
        ({"queue": ""}, "queue: is required"),
        ({"accessKey": None}, "accessKey: is required"),
        ({"waitTimeSeconds": 21}, "waitTimeSeconds: must be 0 to 20"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.sqs\.q\.{words}"):
            await served.serve(WatchedBus(), "sqs", "q", spec(**wrong))
