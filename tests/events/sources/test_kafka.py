"""`kafka` against a real broker: groups, partitions, commits, login, TLS, kills, Avro."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from events.sources import kafka_reading
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.cable import cable
from tests.events.sources.kafka_server import PASSWORD, USER, Kafka, kafka
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

AUTHORITY = trustme.CA()
QUICK = "consumer: {group: {session: {timeout: 2s}, heartbeat: {interval: 200ms}}}"


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    with kafka(AUTHORITY) as found:
        yield found


def url(broker: Kafka) -> str:
    return f"127.0.0.1:{broker.port}"


async def topic(broker: Kafka, partitions: int = 1) -> str:
    """A new topic, since the tests share the broker."""
    name = f"t{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=url(broker))
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1)])
    await admin.close()
    return name


def group(broker: Kafka, name: str, **more: Any) -> dict[str, Any]:
    """A spec with a group that begins with the oldest message."""
    return {
        "url": url(broker),
        "topic": name,
        "consumerGroup": {"groupName": f"g-{name}", "oldest": True},
        "config": QUICK,
        "connectionBackoff": {"duration": "50ms", "steps": 300},
        **more,
    }


@asynccontextmanager
async def producer(broker: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    found = AIOKafkaProducer(bootstrap_servers=url(broker))
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


async def send(broker: Kafka, name: str, *bodies: bytes, partition: int = 0) -> None:
    async with producer(broker) as found:
        for body in bodies:
            await found.send(name, body, partition=partition)
        await found.flush()


async def committed(broker: Kafka, name: str, partition: int = 0) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=url(broker), group_id=f"g-{name}")
    await consumer.start()
    try:
        return await consumer.committed(TopicPartition(name, partition)) or 0
    finally:
        await consumer.stop()


def bodies(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


async def test_a_message_becomes_an_event(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    async with serving({}) as served:
        spec = group(broker, name, jsonBody=True, metadata={"team": "a"})
        await served.serve(bus, "kafka", "e", spec, source="src")
        async with producer(broker) as found:
            await found.send_and_wait(
                name,
                b'{"n": 1.50}',
                key=b"k",
                headers=[("h", b"v"), ("h2", b"\xff")],
                timestamp_ms=1_700_000_000_120,
            )
            await found.send_and_wait(name, None, key=b"gone")
        await bus.holds(2)
    first, second = bus.events()
    assert json.loads(first.data) == {
        "topic": name,
        "key": "k",
        "partition": 0,
        "body": {"n": 1.5},
        "timestamp": "2023-11-14 22:13:20.12 +0000 UTC",
        "headers": {"h": "v", "h2": "�"},
        "metadata": {"team": "a"},
    }
    assert b'"body":{"n":1.50}' in first.data
    assert (json.loads(second.data)["body"], json.loads(second.data)["headers"]) == (None, {})
    assert [e.id for e in bus.events()] == [f"src:e:{url(broker)}:{name}:0:{n}" for n in (0, 1)]
    assert {(e.type, e.subject) for e in bus.events()} == {("kafka", "e")}
    assert await committed(broker, name) == 2


async def test_a_time_nobody_can_mean_does_not_block_the_topic(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    async with serving({}) as served, producer(broker) as found:
        await served.serve(bus, "kafka", "e", group(broker, name))
        for moment in (1_700_000_000_120_000, None):
            await found.send_and_wait(name, b"x", timestamp_ms=moment)
        data = await bus.holds(2)
    assert data[0]["timestamp"] == "55840-11-08 22:15:20 +0000 UTC"


async def test_without_json_the_body_is_base64(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    await send(broker, name, b"{", b"\xff")
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", group(broker, name))
        assert bodies(await bus.holds(2)) == [b"{", b"\xff"]


async def test_a_new_group_begins_with_the_newest_and_then_misses_nothing(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    await send(broker, name, b"before")
    spec = group(broker, name, consumerGroup={"groupName": f"g-{name}"})
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", spec)
    await send(broker, name, b"meanwhile")
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", spec)
        assert bodies(await bus.holds(1)) == [b"meanwhile"]


async def test_what_cannot_be_read_does_not_stop_the_rest(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    await send(broker, name, b"{", b'{"n":1}', b'{"n":2}')
    async with serving({}) as served:
        spec = group(broker, name, jsonBody=True, filter={"expression": "body.n > 1"})
        await served.serve(bus, "kafka", "e", spec)
        assert [d["body"]["n"] for d in await bus.holds(1)] == [2]
    assert await committed(broker, name) == 3


@pytest.mark.parametrize("strategy", ["", "sticky", "roundrobin"])
async def test_members_of_a_group_share_the_partitions(broker: Kafka, strategy: str) -> None:
    bus, name = WatchedBus(), await topic(broker, 2)
    spec = group(broker, name)
    spec["consumerGroup"]["rebalanceStrategy"] = strategy
    async with serving({}) as served:
        await served.serve(bus, "kafka", "a", spec)
        await send(broker, name, b"0", partition=0)
        await send(broker, name, b"1", partition=1)
        await bus.holds(2)
        await served.serve(bus, "kafka", "b", spec)
        await send(broker, name, b"2", partition=0)
        await send(broker, name, b"3", partition=1)
        data = await bus.holds(4)
    assert sorted(bodies(data)) == [b"0", b"1", b"2", b"3"]
    assert {e.subject for e in bus.events()} == {"a", "b"}
    assert [await committed(broker, name, p) for p in (0, 1)] == [2, 2]


async def test_nothing_is_lost_or_doubled_while_members_come_and_go(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker, 3)
    spec = group(broker, name)

    async def produce() -> None:
        async with producer(broker) as found:
            for n in range(600):
                await found.send(name, b"%d" % n, partition=n % 3)
                await asyncio.sleep(0.003)

    producing = asyncio.create_task(produce())
    async with serving({}) as steady:
        await steady.serve(bus, "kafka", "e", spec)
        while not producing.done():
            async with serving({}) as passing:  # as a second replica of the same event
                await passing.serve(bus, "kafka", "e", spec)
                seen = len(bus.attempts)

                def moved(seen: int = seen) -> bool:
                    return len(bus.attempts) > seen or producing.done()

                await eventually(moved)
        await producing
        data = await bus.holds(600)
    assert sorted(int(body) for body in bodies(data)) == list(range(600))
    assert [await committed(broker, name, p) for p in range(3)] == [200, 200, 200]


async def test_an_offset_is_committed_only_when_all_before_it_are_durable(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    bus.away = True
    await send(broker, name, *[b"%d" % n for n in range(10)])
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", group(broker, name))
        await bus.until(lambda: len(set(bus.attempts)) == 10)
    assert await committed(broker, name) == 0
    bus.away = False
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", group(broker, name))
        await bus.holds(10)
    assert await committed(broker, name) == 10


async def test_a_crash_after_publishing_brings_the_same_id_again(broker: Kafka) -> None:
    first, name = WatchedBus(silent=True), await topic(broker)
    await send(broker, name, b"1", b"2")
    async with serving({}) as served:
        await served.serve(first, "kafka", "e", group(broker, name))
        await first.holds(2)
    second = WatchedBus(first.store)
    async with serving({}) as served:
        await served.serve(second, "kafka", "e", group(broker, name))
        await second.until(lambda: len(second.attempts) == 2)
    assert second.attempts == first.attempts
    assert len(second.store.log) == 2


async def test_nothing_is_lost_or_doubled_when_the_broker_is_killed(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", group(broker, name))
        await send(broker, name, *[b"%d" % n for n in range(50)])
        bus.away = True
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        bus.away = False
        await send(broker, name, b"after")
        data = await bus.holds(51)
    assert sorted(bodies(data)) == sorted([*(b"%d" % n for n in range(50)), b"after"])


async def test_one_partition_is_read_from_its_newest_message(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker, 2)
    await send(broker, name, b"old", partition=1)
    spec = {"url": url(broker), "topic": name, "partition": "1"}
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", spec)
        await send(broker, name, b"other", partition=0)
        await send(broker, name, b"new", partition=1)
        data = await bus.holds(1)
        bad = {**spec, "partition": "7"}
        with pytest.raises(SourceError, match=r"spec\.kafka\.bad\.partition: .* no partition 7"):
            await served.serve(bus, "kafka", "bad", bad)
    assert bodies(data) == [b"new"]
    assert data[0]["partition"] == 1


async def test_one_partition_misses_nothing_over_a_new_connection(broker: Kafka) -> None:
    store = {"login": {"user": USER, "password": PASSWORD}}
    bus, name = WatchedBus(), await topic(broker)
    spec = {"url": f"127.0.0.1:{broker.sasl_port}", "topic": name, "partition": "0"}
    async with serving(store) as served:
        await served.serve(bus, "kafka", "e", {**spec, "sasl": sasl("PLAIN")})
        await send(broker, name, b"1")
        await bus.holds(1)
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["password"] = f"{PASSWORD}\n"  # the same, and yet another value
        await served.services.secrets.refresh()
        await send(broker, name, *[b"%d" % n for n in range(2, 60)])
        data = await bus.holds(59)
    assert bodies(data) == [b"%d" % n for n in range(1, 60)]


async def test_one_partition_misses_nothing_over_an_outage_longer_than_the_attempts(
    broker: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_reading, "_QUIET", 0.5)
    monkeypatch.setattr(kafka_reading, "_ALIVE", 0.5)
    bus, notes, name = WatchedBus(), list[str](), await topic(broker)
    async with cable(broker.port) as wire, serving({}) as served:
        spec = {"url": f"127.0.0.1:{wire.port}", "topic": name, "partition": "0"}
        spec |= {"connectionBackoff": {"duration": "10ms", "steps": 2}}
        await served.serve(bus, "kafka", "e", spec, notes=notes)
        await send(broker, name, b"before")
        await bus.holds(1)
        wire.refusing = True
        await asyncio.to_thread(broker.kill)
        await eventually(lambda: any("lost: spec.kafka.e: " in note for note in notes))
        await asyncio.to_thread(broker.start)
        await send(broker, name, b"meanwhile")
        wire.refusing = False
        data = await bus.holds(2)
        assert notes[-1] == ""
    assert bodies(data) == [b"before", b"meanwhile"]


def sasl(mechanism: str) -> dict[str, Any]:
    return {
        "mechanism": mechanism,
        "userSecret": {"name": "login", "key": "user"},
        "passwordSecret": {"name": "login", "key": "password"},
    }


@pytest.mark.parametrize("mechanism", ["", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_it_logs_in(broker: Kafka, mechanism: str) -> None:
    store = {"login": {"user": USER, "password": f"{PASSWORD}\n"}}
    bus, name = WatchedBus(), await topic(broker)
    await send(broker, name, b"x")
    spec = group(broker, name, sasl=sasl(mechanism), url=f"127.0.0.1:{broker.sasl_port}")
    async with serving(store) as served:
        await served.serve(bus, "kafka", "e", spec)
        await bus.holds(1)
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["wrong"] = {"user": USER, "password": "wr0ng"}
        bad = sasl(mechanism) | {"passwordSecret": {"name": "wrong", "key": "password"}}
        spec |= {"sasl": bad, "connectionBackoff": {"duration": "5ms", "steps": 1}}
        with pytest.raises(SourceError, match="Kafka at") as caught:
            await served.serve(bus, "kafka", "bad", spec)
    assert "wr0ng" not in str(caught.value)


async def test_tls_with_a_client_certificate(broker: Kafka) -> None:
    client = AUTHORITY.issue_cert("client")
    store = {
        "tls": {
            "ca": AUTHORITY.cert_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }
    }
    tls = {
        "caCertSecret": {"name": "tls", "key": "ca"},
        "clientCertSecret": {"name": "tls", "key": "cert"},
        "clientKeySecret": {"name": "tls", "key": "key"},
    }
    bus, name = WatchedBus(), await topic(broker)
    await send(broker, name, b"x")
    spec = group(broker, name, tls=tls, url=f"127.0.0.1:{broker.tls_port}")
    async with serving(store) as served:
        await served.serve(bus, "kafka", "e", spec)
        await bus.holds(1)


async def test_events_a_second_are_limited(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    await send(broker, name, *[b"x"] * 6)
    async with serving({}) as served:
        await served.serve(bus, "kafka", "e", group(broker, name, limitEventsPerSecond=10))
        began = asyncio.get_running_loop().time()
        await bus.holds(6)
        assert asyncio.get_running_loop().time() - began > 0.35


SCHEMA = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "note", "type": ["null", "string"]},
    ],
}


async def test_avro_messages_are_read_with_the_registry_s_schema(broker: Kafka) -> None:
    bus, name = WatchedBus(), await topic(broker)
    asked: list[str] = []

    async def schema(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Basic dTpw":
            return web.Response(status=401)
        asked.append(request.path)
        return web.json_response({"schema": json.dumps(SCHEMA)})

    app = web.Application()
    app.router.add_get("/schemas/ids/7", schema)
    runner = web.AppRunner(app)
    await runner.setup()
    port = ports.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    store = {"login": {"user": "u", "password": "p"}}
    auth = {
        "username": {"name": "login", "key": "user"},
        "password": {"name": "login", "key": "password"},
    }
    registry = {"url": f"http://127.0.0.1:{port}/", "schemaId": 7, "auth": auth}
    head = b"\0\0\0\0\7"
    await send(broker, name, head + b'\x54\x02\x06a"b', b"no avro", head + b"\x02\x00")
    try:
        async with serving(store) as served:
            await served.serve(bus, "kafka", "e", group(broker, name, schemaRegistry=registry))
            data = await bus.holds(2)
    finally:
        await runner.cleanup()
    assert [d["body"] for d in data] == [
        {"id": 42, "note": {"string": 'a"b'}},
        {"id": 1, "note": None},
    ]
    assert asked == ["/schemas/ids/7"]


async def test_settings_without_a_meaning_are_said(broker: Kafka) -> None:
    name = await topic(broker)
    config = "consumer: {fetch: {min: 1}}\nnet: {MaxOpenRequests: 5}\n"
    notes: list[str] = []
    async with serving({}) as served:
        await served.serve(
            WatchedBus(), "kafka", "e", group(broker, name, config=config), notes=notes
        )
    assert "net.MaxOpenRequests" in notes[0]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, r"spec\.kafka\.e\.url"),
        ({"url": 'a"b:9092'}, r"spec\.kafka\.e\.url"),
        ({"topic": ""}, r"spec\.kafka\.e\.topic"),
        ({"consumerGroup": None}, r"spec\.kafka\.e\.partition: partition or consumerGroup"),
        ({"consumerGroup": None, "partition": "x"}, r"spec\.kafka\.e\.partition"),
        ({"consumerGroup": {}}, r"spec\.kafka\.e\.consumerGroup\.groupName"),
        (
            {"consumerGroup": {"groupName": "g", "rebalanceStrategy": "x"}},
            r"spec\.kafka\.e\.consumerGroup\.rebalanceStrategy",
        ),
        ({"sasl": {"mechanism": "MAGIC"}}, r"spec\.kafka\.e\.sasl\.mechanism"),
        ({"sasl": {"userSecret": {"name": "a", "key": "b"}}}, r"spec\.kafka\.e\.sasl"),
        ({"awsMskIamAuth": {"region": "eu"}}, r"spec\.kafka\.e\.awsMskIamAuth"),
        ({"limitEventsPerSecond": -1}, r"spec\.kafka\.e\.limitEventsPerSecond"),
        ({"config": "a: ["}, r"spec\.kafka\.e\.config"),
        ({"config": "consumer: {fetch: {min: x}}"}, r"spec\.kafka\.e\.config\.consumer\.fetch"),
        ({"schemaRegistry": {"url": "x", "schemaId": 1}}, r"spec\.kafka\.e\.schemaRegistry\.url"),
        ({"schemaRegistry": {"url": "http://x"}}, r"spec\.kafka\.e\.schemaRegistry\.schemaId"),
        ({"tls": {}}, r"spec\.kafka\.e\.tls"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    good = {"url": "127.0.0.1:1", "topic": "t", "consumerGroup": {"groupName": "g"}}
    async with serving({}) as served:
        with pytest.raises(SourceError, match=where):
            await served.serve(WatchedBus(), "kafka", "e", good | wrong)


async def test_a_broker_or_topic_that_is_not_there_becomes_the_condition(broker: Kafka) -> None:
    few = {"duration": "5ms", "steps": 1}
    async with serving({}) as served:
        missing = group(broker, "nothing-here", connectionBackoff=few)
        with pytest.raises(SourceError, match="Kafka has no topic 'nothing-here'"):
            await served.serve(WatchedBus(), "kafka", "e", missing)
        nobody = {**missing, "url": f"127.0.0.1:{ports.free_port()}"}
        with pytest.raises(SourceError, match="Kafka at 127") as caught:
            await served.serve(WatchedBus(), "kafka", "e", nobody)
    assert caught.value.reason == "Unavailable"
