"""Ending what runs: a cancellation that a library loses is not the end of it."""

from __future__ import annotations

import asyncio

import pytest

from kube import service
from kube.service import Service, answered, end


async def deaf(times: int, ended: list[str]) -> None:
    """Loses `times` cancellations, as `asyncio.wait_for` of Python 3.11 may."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if times == 0:
                ended.append("ended")
                raise
            times -= 1


async def test_a_task_that_loses_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_PATIENCE", 0.01)
    ended: list[str] = []
    task = asyncio.create_task(deaf(2, ended))
    await asyncio.sleep(0)
    await end(task)
    assert ended == ["ended"]
    await end(task)  # over already


async def test_a_service_that_loses_its_cancellation_stops_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_PATIENCE", 0.01)
    ended: list[str] = []

    class Deaf(Service):
        async def run(self) -> None:
            self.mark_started()
            await deaf(1, ended)

    running = Deaf("deaf")
    await running.start()
    await running.stop()
    assert ended == ["ended"]
    await running.stop()


async def test_a_failed_service_stops_without_raising_again() -> None:
    class Broken(Service):
        async def run(self) -> None:
            self.mark_started()
            raise RuntimeError("broken")

    running = Broken("broken")
    with pytest.raises(RuntimeError, match="broken"):
        await running.start()
    await running.stop()


async def test_a_cancellation_that_came_with_the_answer_is_not_lost() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    reached: list[str] = []

    async def swallowing() -> str:
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            return answer.result()

    async def work() -> None:
        reached.append(await answered(swallowing()))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    answer.set_result("here")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not reached


async def test_an_answer_without_a_cancellation_is_just_that() -> None:
    async def quick() -> str:
        return "here"

    async with asyncio.timeout(5):
        assert await answered(quick()) == "here"
