"""Wake-ups in virtual time."""

from __future__ import annotations

import asyncio

from engine.runtime.timers import Timers


class StepClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def sleep_until(self, moment: float) -> None:
        self.time = max(self.time, moment)


async def test_a_wake_up_comes_when_its_moment_is_there() -> None:
    clock = StepClock()
    timers = Timers(clock)
    fired = asyncio.Event()
    timers.set("a", 100.0, fired.set)
    await timers.start()
    await asyncio.wait_for(fired.wait(), 2)
    await timers.stop()


async def test_a_new_moment_replaces_the_old_one() -> None:
    clock = StepClock()
    timers = Timers(clock)
    seen: list[str] = []
    done = asyncio.Event()

    def replaced() -> None:
        seen.append("new")
        done.set()

    timers.set("a", 99.0, lambda: seen.append("old"))
    timers.set("a", 98.0, replaced)
    await timers.start()
    await asyncio.wait_for(done.wait(), 2)
    assert seen == ["new"]
    await timers.stop()


async def test_a_cancelled_wake_up_never_comes() -> None:
    clock = StepClock()
    timers = Timers(clock)
    seen: list[str] = []
    done = asyncio.Event()
    timers.set("a", 98.0, lambda: seen.append("a"))
    timers.set("b", 99.0, done.set)
    timers.cancel("a")
    await timers.start()
    await asyncio.wait_for(done.wait(), 2)
    assert seen == []
    await timers.stop()


async def test_an_earlier_wake_up_set_while_waiting_is_not_missed() -> None:
    clock = StepClock()
    timers = Timers(clock)
    await timers.start()
    timers.set("late", 10_000.0, lambda: None)
    soon = asyncio.Event()
    timers.set("soon", 100.0, soon.set)
    await asyncio.wait_for(soon.wait(), 2)
    await timers.stop()
