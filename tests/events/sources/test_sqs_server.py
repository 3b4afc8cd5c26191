"""`sqs` against ElasticMQ, a real server of queues: attributes, deletions, order, a restart.

Excluded: signatures and roles, which it does not look at; see test_sqs.
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from events.sources import queue_link
from events.sources.contract import SourceError
from tests.events.sources.elasticmq import ElasticMQ, elasticmq
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

SECRETS = {"aws": {"access": "AKIAEXAMPLE", "secret": "hush"}}


@pytest.fixture(scope="module")
def server() -> Iterator[ElasticMQ]:
    with elasticmq() as found:
        yield found


def spec(server: ElasticMQ, queue: str, **more: Any) -> dict[str, Any]:
    return {
        "region": "elasticmq",
        "queue": queue,
        "endpoint": f"http://127.0.0.1:{server.port}",
        "accessKey": {"name": "aws", "key": "access"},
        "secretKey": {"name": "aws", "key": "secret"},
        "waitTimeSeconds": 1,
        **more,
    }


async def made(server: ElasticMQ, end: str = "", **attributes: str) -> str:
    """A new queue, since the tests share the server."""
    name = f"q{uuid.uuid4().hex[:8]}{end}"
    await server.make(name, **attributes)
    return name


async def settled(server: ElasticMQ, queue: str, hidden: int = 0) -> None:
    """Wait until nothing waits and so many messages are received and not deleted."""
    async with asyncio.timeout(15):
        while await server.left(queue) != (0, hidden):
            await asyncio.sleep(0.02)


async def test_messages_become_events_and_are_deleted(server: ElasticMQ) -> None:
    bus = WatchedBus()
    async with serving(SECRETS) as served:
        queue = await made(server)
        attributes = {
            "n": {"DataType": "Number", "StringValue": "1.5"},
            "raw": {"DataType": "Binary", "BinaryValue": base64.b64encode(b"\0<").decode()},
        }
        await server.send(queue, '{"n": 1.0}', MessageAttributes=attributes)
        given = spec(server, queue, jsonBody=True, metadata={"x": "y"})
        await served.serve(bus, "sqs", "q", given)
        await bus.holds(1)
        await server.send(queue, *[f'{{"n":{n}}}' for n in range(2, 1002)])
        await bus.holds(1001)
        await settled(server, queue)
    first = bus.data()[0]
    absent = {"BinaryListValues": None, "StringListValues": None}
    assert first["messageAttributes"] == {
        "n": {**absent, "DataType": "Number", "StringValue": "1.5", "BinaryValue": None},
        "raw": {**absent, "DataType": "Binary", "StringValue": None, "BinaryValue": "ADw="},
    }
    assert (first["body"], first["metadata"]) == ({"n": 1.0}, {"x": "y"})
    assert sorted(data["body"]["n"] for data in bus.data()) == list(range(1, 1002))
    assert len(set(bus.attempts)) == len(bus.attempts) == 1001


async def test_a_fifo_queue_keeps_its_order(server: ElasticMQ) -> None:
    bus = WatchedBus()
    async with serving(SECRETS) as served:
        queue = await made(server, ".fifo", FifoQueue="true")
        await server.send(queue, *map(str, range(300)), group="one")
        await served.serve(bus, "sqs", "q", spec(server, queue))
        await bus.holds(300)
        await settled(server, queue)
    bodies = [int(base64.b64decode(data["body"])) for data in bus.data()]
    assert bodies == list(range(300))


@pytest.mark.parametrize("dlq", [False, True])
async def test_what_is_no_json_is_deleted_unless_it_shall_stay(
    server: ElasticMQ, dlq: bool
) -> None:
    bus = WatchedBus()
    async with serving(SECRETS) as served:
        queue = await made(server)
        await server.send(queue, "{", '{"n":1}')
        await served.serve(bus, "sqs", "q", spec(server, queue, jsonBody=True, dlq=dlq))
        await bus.holds(1)
        await settled(server, queue, int(dlq))


async def test_it_comes_back_when_server_and_queue_are_there_again(
    server: ElasticMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_link, "_LONGEST_AWAY", 0.1)
    bus, notes = WatchedBus(), list[str]()
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=r"spec\.sqs\.q\.queue: .*QueueDoesNotExist"):
            await served.serve(bus, "sqs", "q", spec(server, "none"))
        queue = await made(server)
        await served.serve(bus, "sqs", "q", spec(server, queue), notes=notes)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await eventually(lambda: any("QueueDoesNotExist" in note for note in notes))
        await server.make(queue)
        await server.send(queue, "after")
        await bus.holds(1)
        await settled(server, queue)
    assert notes[-1] == ""
