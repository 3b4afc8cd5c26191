"""The work queue: one turn of a key at a time, and what each result means."""

from __future__ import annotations

import asyncio

import pytest

from kube.queueing import Backoff, Done, RequeueAfter, Result, Retry, Terminal, WorkQueue

SOON = Backoff(first=0.001, most=0.01)


class Worker:
    """Gives scripted results and remembers the turns."""

    def __init__(self, *results: Result) -> None:
        self._results = list(results)
        self.turns: list[str] = []
        self.busy: set[str] = set()
        self.idle = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, key: str) -> Result:
        assert key not in self.busy
        self.busy.add(key)
        self.turns.append(key)
        await self.go.wait()
        self.busy.discard(key)
        if not self._results:
            self.idle.set()
            return Done()
        return self._results.pop(0)


async def running(worker: Worker, workers: int = 4) -> WorkQueue:
    queue = WorkQueue("test", worker, workers=workers, backoff=SOON)
    await queue.start()
    return queue


async def test_a_key_that_waits_is_there_once() -> None:
    worker = Worker()
    queue = await running(worker)
    for _ in range(5):
        queue.add("a")
    async with asyncio.timeout(20):
        await worker.idle.wait()
    await asyncio.sleep(0)
    assert worker.turns == ["a"]
    await queue.stop()


async def test_a_key_that_is_added_during_its_turn_comes_again() -> None:
    worker = Worker(Done())
    worker.go.clear()
    queue = await running(worker)
    queue.add("a")
    while not worker.turns:
        await asyncio.sleep(0)
    queue.add("a")
    worker.go.set()
    async with asyncio.timeout(20):
        await worker.idle.wait()
    assert worker.turns == ["a", "a"]
    await queue.stop()


@pytest.mark.parametrize("result", [RequeueAfter(0.001), Retry(ValueError("x"))])
async def test_again_later(result: Result) -> None:
    worker = Worker(result, result)
    queue = await running(worker)
    queue.add("a")
    async with asyncio.timeout(20):
        await worker.idle.wait()
    assert worker.turns == ["a", "a", "a"]
    await queue.stop()


async def test_terminal_is_the_end_until_it_is_added_again() -> None:
    worker = Worker(Terminal(ValueError("bad")))
    queue = await running(worker)
    queue.add("a")
    while not worker.turns or worker.busy:
        await asyncio.sleep(0)
    queue.add("a")
    async with asyncio.timeout(20):
        await worker.idle.wait()
    assert worker.turns == ["a", "a"]
    await queue.stop()


async def test_one_key_does_not_hold_another() -> None:
    worker = Worker()
    worker.go.clear()
    queue = await running(worker)
    queue.add("a")
    queue.add("b")
    while len(worker.turns) < 2:
        await asyncio.sleep(0)
    assert set(worker.turns) == {"a", "b"}
    worker.go.set()
    await queue.stop()


async def test_a_crash_of_one_turn_is_a_retry() -> None:
    turns: list[str] = []
    done = asyncio.Event()

    async def work(key: str) -> Result:
        turns.append(key)
        if len(turns) == 1:
            raise RuntimeError("a bug")
        done.set()
        return Done()

    queue = WorkQueue("test", work, backoff=SOON)
    await queue.start()
    queue.add("a")
    async with asyncio.timeout(20):
        await done.wait()
    assert turns == ["a", "a"]
    await queue.stop()
