"""What every `Bus` must do. Subclass `BusConformance` and give it a `bus` and a `reopen` fixture.

Excluded: what only a real server can show (restarts, kill -9), see tests/events/test_nats_*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from events.bus import contract, subjects
from events.bus.contract import Bus, Delivered, Message, Range, Subscription

WAIT = 5.0


def message(prefix: str, number: int, *, source: str = "hooks", name: str = "push") -> Message:
    return Message(
        subjects.event(prefix, source, name), f"id-{number}", b'{"n":%d}' % number, {"X-N": "1"}
    )


async def take(subscription: Subscription, count: int) -> list[Delivered]:
    async with asyncio.timeout(WAIT):
        return [await subscription.next() for _ in range(count)]


class BusConformance:
    prefix = "ns_default"

    async def test_a_published_message_reaches_a_subscriber_unchanged(self, bus: Bus) -> None:
        subscription = await bus.subscribe("a")
        receipt = await bus.publish(message(self.prefix, 1))
        [got] = await take(subscription, 1)
        assert (got.message.id, got.message.data) == ("id-1", b'{"n":1}')
        assert got.message.headers["X-N"] == "1"
        assert got.message.subject == f"{self.prefix}.hooks.push"
        assert (got.sequence, got.attempt) == (receipt.sequence, 1)

    async def test_a_known_id_is_not_stored_again(self, bus: Bus) -> None:
        first = await bus.publish(message(self.prefix, 1))
        again = await bus.publish(message(self.prefix, 1))
        assert not first.duplicate
        assert again.duplicate
        assert [d.message.id async for d in bus.replay()] == ["id-1"]

    async def test_many_at_once_with_one_known_id_among_them(self, bus: Bus) -> None:
        await bus.publish(message(self.prefix, 7))
        receipts = await asyncio.gather(*(bus.publish(message(self.prefix, n)) for n in range(40)))
        assert [n for n, r in enumerate(receipts) if r.duplicate] == [7]
        stored = [d.message.id async for d in bus.replay()]
        assert sorted(stored) == sorted(f"id-{n}" for n in range(40))
        assert len({r.sequence for r in receipts}) == 40

    async def test_receipts_name_the_stored_position(self, bus: Bus) -> None:
        receipts = await asyncio.gather(*(bus.publish(message(self.prefix, n)) for n in range(9)))
        by_id = {d.message.id: d.sequence async for d in bus.replay()}
        assert by_id == {f"id-{n}": r.sequence for n, r in enumerate(receipts)}

    async def test_a_new_name_starts_with_what_comes_next(self, bus: Bus) -> None:
        await bus.publish(message(self.prefix, 1))
        subscription = await bus.subscribe("late")
        await bus.publish(message(self.prefix, 2))
        assert [d.message.id for d in await take(subscription, 1)] == ["id-2"]

    async def test_a_known_name_continues_behind_what_was_answered(
        self, bus: Bus, reopen: Callable[[], Awaitable[Bus]]
    ) -> None:
        subscription = await bus.subscribe("a")
        for number in range(3):
            await bus.publish(message(self.prefix, number))
        first, second, third = await take(subscription, 3)
        assert [d.message.id for d in (first, second, third)] == ["id-0", "id-1", "id-2"]
        subscription.ack(first)
        subscription.nak(second, 0)
        subscription.nak(third, 0)
        await subscription.close()
        again = await (await reopen()).subscribe("a")
        assert sorted(d.message.id for d in await take(again, 2)) == ["id-1", "id-2"]

    async def test_a_refused_message_comes_again_and_counts(self, bus: Bus) -> None:
        subscription = await bus.subscribe("a")
        await bus.publish(message(self.prefix, 1))
        [first] = await take(subscription, 1)
        subscription.nak(first, 0.05)
        [second] = await take(subscription, 1)
        assert (second.message.id, second.attempt) == ("id-1", 2)

    async def test_two_names_do_not_share_a_position(self, bus: Bus) -> None:
        one, two = await bus.subscribe("one"), await bus.subscribe("two")
        await bus.publish(message(self.prefix, 1))
        for subscription in (one, two):
            [got] = await take(subscription, 1)
            subscription.ack(got)

    async def test_subjects_limit_a_subscription(self, bus: Bus) -> None:
        subscription = await bus.subscribe("a", [f"{self.prefix}.hooks.*"])
        await bus.publish(message(self.prefix, 1, source="other"))
        await bus.publish(message(self.prefix, 2, name="a b.c>*ä"))
        [got] = await take(subscription, 1)
        assert got.message.id == "id-2"
        assert subjects.name(got.message.subject.split(".")[2]) == "a b.c>*ä"

    async def test_replay_gives_a_stretch_in_order(self, bus: Bus) -> None:
        receipts = [await bus.publish(message(self.prefix, n)) for n in range(5)]
        stretch = Range(first=receipts[1].sequence, last=receipts[3].sequence)
        assert [d.message.id async for d in bus.replay(stretch)] == ["id-1", "id-2", "id-3"]
        times = [d.stored_at async for d in bus.replay()]
        later = Range(since=times[2])
        assert "id-0" not in [d.message.id async for d in bus.replay(later)]
        none = Range(subjects=[f"{self.prefix}.nobody.*"])
        assert [d async for d in bus.replay(none)] == []

    async def test_the_floor_is_what_everything_below_was_answered(self, bus: Bus) -> None:
        assert await bus.floor("a") == 0
        subscription = await bus.subscribe("a")
        first, second, third = [
            (await bus.publish(message(self.prefix, n))).sequence for n in range(3)
        ]
        one, two, three = await take(subscription, 3)
        subscription.ack(one)
        subscription.ack(three)
        async with asyncio.timeout(WAIT):
            while await bus.floor("a") != first:
                await asyncio.sleep(0.01)
        subscription.ack(two)
        async with asyncio.timeout(WAIT):
            while await bus.floor("a") != third:
                await asyncio.sleep(0.01)
        assert second < third

    async def test_the_last_is_the_newest_event(self, bus: Bus) -> None:
        before = await bus.last()
        sent = [await bus.publish(message(self.prefix, n)) for n in range(3)]
        assert before < await bus.last() == sent[-1].sequence

    async def test_a_table_keeps_the_newest_value_of_a_key(
        self, bus: Bus, reopen: Callable[[], Awaitable[Bus]]
    ) -> None:
        table = bus.table("records")
        await table.commit({"join.a": b"1", "join.b": b"2", "fire.x": b"3"})
        await table.commit({"join.a": b"4", "join.b": None})
        again = (await reopen()).table("records")
        assert {k: v async for k, v in again.scan("join.>")} == {"join.a": b"4"}
        assert {k: v async for k, v in again.scan(">")} == {"join.a": b"4", "fire.x": b"3"}

    async def test_concurrent_commits_keep_their_order(self, bus: Bus) -> None:
        table = bus.table("records")
        await asyncio.gather(*(table.commit({"k": b"%d" % n, f"n.{n}": b"x"}) for n in range(50)))
        assert {k: v async for k, v in table.scan("k")} == {"k": b"49"}
        assert len([k async for k, _ in table.scan("n.*")]) == 50

    async def test_a_second_writer_fences_the_first(
        self, bus: Bus, reopen: Callable[[], Awaitable[Bus]]
    ) -> None:
        table = bus.table("records")
        await table.commit({"a": b"1"})
        other = (await reopen()).table("records")
        await other.commit({"a": b"2"})
        with pytest.raises(contract.Fenced):
            await table.commit({"a": b"3"})
        assert {k: v async for k, v in other.scan("a")} == {"a": b"2"}
