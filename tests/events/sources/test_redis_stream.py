"""`redisStream` against a real redis-server: groups, acknowledgements, kills and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from events.sources.contract import SourceError
from events.sources.redis_stream import CONSUMER, GROUP
from tests.events.sources.brokers import Broker
from tests.events.sources.redis_server import redis_server
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving


def spec(broker: Broker, **more: Any) -> dict[str, Any]:
    return {"hostAddress": f"127.0.0.1:{broker.port}", "streams": ["orders"], **more}


async def add(broker: Broker, *entries: Mapping[str, str], stream: str = "orders") -> list[str]:
    async with Redis(port=broker.port) as client:
        return [(await client.xadd(stream, dict(entry))).decode() for entry in entries]


async def unanswered(broker: Broker, stream: str = "orders", group: str = GROUP) -> int:
    async with Redis(port=broker.port) as client:
        return int((await client.xpending(stream, group))["pending"])


async def all_answered(broker: Broker, **place: str) -> None:
    async with asyncio.timeout(15):
        while await unanswered(broker, **place):
            await asyncio.sleep(0.01)


async def test_an_entry_becomes_an_event_and_is_acknowledged(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        wanted = spec(broker, streams=["orders", "refunds"], metadata={"a": "b"})
        await served.serve(bus, "redisStream", "e", wanted)
        [first] = await add(broker, {"n": "1", "a": "<x>"})
        await bus.holds(1)
        [second] = await add(broker, {"n": "2"}, stream="refunds")
        assert await bus.holds(2) == [
            {
                "stream": "orders",
                "message_id": first,
                "values": {"a": "<x>", "n": "1"},
                "metadata": {"a": "b"},
            },
            {
                "stream": "refunds",
                "message_id": second,
                "values": {"n": "2"},
                "metadata": {"a": "b"},
            },
        ]
        await all_answered(broker)
        await all_answered(broker, stream="refunds")
    assert {(e.type, e.subject) for e in bus.events()} == {("redisStream", "e")}


async def test_a_group_of_its_own_goes_on_where_it_stopped(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker:
        await add(broker, {"n": "before the group"})
        wanted = spec(broker, consumerGroup="mine", maxMsgCountPerRead=3)
        async with serving({}) as served:
            await served.serve(bus, "redisStream", "e", wanted)
            await add(broker, {"n": "0"})
            await bus.holds(1)
            await all_answered(broker, group="mine")
        await add(broker, *[{"n": str(n)} for n in range(1, 20)])
        async with serving({}) as served:
            await served.serve(bus, "redisStream", "e", wanted)
            data = await bus.holds(20)
            await all_answered(broker, group="mine")
    assert [d["values"]["n"] for d in data] == [str(n) for n in range(20)]


async def test_a_filter_acknowledges_what_it_leaves_out(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        wanted = spec(broker, filter={"expression": 'values.n == "2"'})
        await served.serve(bus, "redisStream", "e", wanted)
        await add(broker, {"n": "1"}, {"n": "2"})
        assert [d["values"]["n"] for d in await bus.holds(1)] == ["2"]
        await all_answered(broker)


async def test_nothing_is_lost_or_doubled_over_kills_of_the_server(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redisStream", "e", spec(broker))
        for round_number in range(3):
            await add(broker, *[{"n": str(round_number * 50 + n)} for n in range(50)])
            await broker.restart()
        data = await bus.holds(150)
        async with asyncio.timeout(15):
            while True:
                try:
                    if not await unanswered(broker):
                        break
                except OSError:
                    pass
                await asyncio.sleep(0.02)
    assert sorted(int(d["values"]["n"]) for d in data) == list(range(150))


async def test_an_entry_is_acknowledged_only_when_it_is_durable(tmp_path: Path) -> None:
    bus = WatchedBus()
    bus.away = True
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redisStream", "e", spec(broker))
        await add(broker, {"n": "1"}, {"n": "2"})
        await bus.until(lambda: len(set(bus.attempts)) == 2)
        assert await unanswered(broker) == 2
        bus.away = False
        await bus.holds(2)
        await all_answered(broker)


async def test_a_crash_after_publishing_brings_the_same_id_again(tmp_path: Path) -> None:
    first = WatchedBus(silent=True)
    async with redis_server(tmp_path) as broker:
        async with serving({}) as served:
            await served.serve(first, "redisStream", "e", spec(broker))
            await add(broker, {"n": "1"}, {"n": "2"})
            await first.holds(2)
        assert await unanswered(broker) == 2
        second = WatchedBus(first.store)
        async with serving({}) as served:
            await served.serve(second, "redisStream", "e", spec(broker))
            await second.until(lambda: len(second.attempts) == 2)
            await all_answered(broker)
    assert sorted(second.attempts) == sorted(first.attempts)
    assert len(second.store.log) == 2


async def test_a_backlog_larger_than_one_read_comes_again_whole(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker:
        async with Redis(port=broker.port) as client:
            await client.xgroup_create("orders", GROUP, id="$", mkstream=True)
            names = [await client.xadd("orders", {"n": str(n)}) for n in range(250)]
            await client.xreadgroup(GROUP, CONSUMER, {"orders": ">"}, count=250)
            await client.xdel("orders", names[7])
        async with serving({}) as served:
            await served.serve(bus, "redisStream", "e", spec(broker))
            data = await bus.holds(249)
            await all_answered(broker)
    assert [int(d["values"]["n"]) for d in data] == [n for n in range(250) if n != 7]


async def test_a_stream_that_was_removed_is_read_from_its_new_beginning(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with redis_server(tmp_path) as broker, serving({}) as served:
        await served.serve(bus, "redisStream", "e", spec(broker))
        async with Redis(port=broker.port) as client, client.pipeline() as both:
            both.delete("orders")
            both.xadd("orders", {"n": "new"})
            await both.execute()
        assert [d["values"]["n"] for d in await bus.holds(1)] == ["new"]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"hostAddress": ""}, r"spec\.redisStream\.e\.hostAddress"),
        ({"streams": []}, r"spec\.redisStream\.e\.streams"),
        ({"tls": {}}, r"spec\.redisStream\.e\.tls"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    async with serving({}) as served:
        given = {"hostAddress": "127.0.0.1:1", "streams": ["a"], **wrong}
        with pytest.raises(SourceError, match=where):
            await served.serve(WatchedBus(), "redisStream", "e", given)
