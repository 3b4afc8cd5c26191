"""Deletions: several calls at a time, and reading that waits for them."""

from __future__ import annotations

import asyncio

from events.sources import http_queue
from events.sources.http_queue import Deletions


async def test_several_messages_are_deleted_at_a_time() -> None:
    together = asyncio.Barrier(4)
    gone = list[str]()

    async def delete(handles: list[str]) -> None:
        async with asyncio.timeout(15):
            await together.wait()
        gone.extend(handles)

    async with Deletions(delete, calls=4) as deletions:
        for number in range(8):
            deletions.add(str(number))
        async with asyncio.timeout(15):
            while len(gone) < 8:
                await asyncio.sleep(0)
    assert sorted(gone) == [str(number) for number in range(8)]


async def test_reading_waits_for_deletions() -> None:
    may = asyncio.Semaphore(0)

    async def delete(handles: list[str]) -> None:
        await may.acquire()

    async with Deletions(delete) as deletions:
        for number in range(http_queue._OUTSTANDING + 5):
            deletions.add(str(number))
        waiting = asyncio.create_task(deletions.room())
        for _ in range(5):
            may.release()
            await asyncio.sleep(0)
        assert not waiting.done()
        for _ in range(http_queue._OUTSTANDING):
            may.release()
        async with asyncio.timeout(15):
            await waiting


async def test_what_is_left_is_deleted_at_the_end() -> None:
    gone = list[str]()

    async def delete(handles: list[str]) -> None:
        gone.extend(handles)

    async with Deletions(delete, batch=2, calls=2) as deletions:
        for number in range(5):
            deletions.add(str(number))
    assert sorted(gone) == [str(number) for number in range(5)]
