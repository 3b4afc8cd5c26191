"""What may be committed, whatever the order in which events become durable."""

from __future__ import annotations

import asyncio
import random

from events.sources.kafka_progress import Progress


def test_an_offset_counts_once_all_before_it_are_settled() -> None:
    progress = Progress()
    progress.begin(0, 5)
    offsets = [5, 6, 9, 10, 20]  # with gaps
    held = [progress.take(0, offset) for offset in offsets]
    seen = []
    for index in (1, 3, 0, 2, 4):
        progress.settle(held[index], offsets[index])
        seen.append(progress.ahead().get(0))
    assert seen == [None, None, 7, 11, 21]


def test_what_was_committed_is_not_committed_again() -> None:
    progress = Progress()
    progress.begin(0, 0)
    progress.begin(1, 0)
    progress.settle(progress.take(0, 0), 0)
    assert progress.ahead() == {0: 1}
    assert progress.ahead([1]) == {}
    progress.committed({0: 1})
    assert progress.ahead() == {}


def test_a_partition_that_is_gone_is_no_longer_counted() -> None:
    progress = Progress()
    progress.begin(0, 0)
    held = progress.take(0, 0)
    progress.end([0])
    progress.settle(held, 0)
    assert progress.ahead() == {}
    assert progress.take(0, 1) is None


async def test_waiting_for_quiet_ends_with_the_last_in_flight() -> None:
    progress = Progress()
    progress.begin(0, 0)
    first, second = progress.take(0, 0), progress.take(0, 1)
    waiting = asyncio.create_task(progress.quiet([0, 7]))
    progress.settle(second, 1)
    await asyncio.sleep(0)
    assert not waiting.done()
    progress.settle(first, 0)
    async with asyncio.timeout(5):
        await waiting


def test_any_order_ends_at_the_end() -> None:
    order = random.Random(7)
    for _ in range(50):
        progress = Progress()
        progress.begin(0, 0)
        taken = [(offset, progress.take(0, offset)) for offset in range(0, 60, 3)]
        order.shuffle(taken)
        unsettled = {offset for offset, _ in taken}
        for offset, held in taken:
            progress.settle(held, offset)
            unsettled.discard(offset)
            assert progress.position(0) is not None
            assert progress.position(0) <= min(unsettled, default=58)  # type: ignore[operator]
        assert progress.position(0) == 58
