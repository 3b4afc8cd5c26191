"""The write throttle gives way when answers get slow, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from kube.errors import TooManyRequests
from kube.throttle import Limits, Throttle

LIMITS = Limits(start=8, least=1, most=64, pause=0)


async def test_good_answers_widen_the_window() -> None:
    throttle = Throttle(LIMITS)
    for _ in range(200):
        throttle.observe(0.005, slowed=False)
    assert throttle.window > 8


async def test_a_429_halves_it_and_never_below_the_least() -> None:
    throttle = Throttle(LIMITS)
    throttle.observe(0.005, slowed=True)
    assert throttle.window == 4
    for _ in range(20):
        throttle.observe(0.005, slowed=True)
    assert throttle.window == 1


async def test_slow_answers_count_as_too_many() -> None:
    throttle = Throttle(LIMITS)
    for _ in range(50):
        throttle.observe(0.01, slowed=False)
    before = throttle.window
    throttle.observe(2.0, slowed=False)
    assert throttle.window == before / 2


async def test_no_more_than_the_window_at_once_and_every_key_gets_its_turn() -> None:
    throttle = Throttle(Limits(start=2, least=1, most=2, pause=0))
    active = most = 0
    order: list[str] = []

    async def write(key: str) -> None:
        nonlocal active, most
        async with throttle.slot(key):
            active += 1
            most = max(most, active)
            order.append(key)
            await asyncio.sleep(0)
            active -= 1

    async with asyncio.timeout(20):
        await asyncio.gather(*(write("greedy") for _ in range(20)), write("modest"))
    assert most == 2
    assert order.index("modest") < 6


async def test_an_error_inside_frees_the_slot_and_teaches() -> None:
    throttle = Throttle(Limits(start=2, least=1, most=2, pause=0))
    with pytest.raises(TooManyRequests):
        async with throttle.slot("a"):
            raise TooManyRequests("slow down")
    assert throttle.window == 1
    async with asyncio.timeout(20), throttle.slot("a"):
        pass


async def test_growth_stops_when_our_own_writes_stand_in_the_servers_queue() -> None:
    """A server that works on sixteen requests at once, 10 ms each: more than that only wait."""
    throttle = Throttle(Limits(start=8, least=1, most=512, pause=0))
    for _ in range(5_000):
        throttle.observe(0.01 * max(1.0, throttle.window / 16), slowed=False)
    assert 16 <= throttle.window <= 16 + 2 * Limits().queued + 1


async def test_a_server_that_is_slow_by_nature_is_not_taken_for_a_full_one() -> None:
    throttle = Throttle(Limits(start=8, least=1, most=64, pause=0))
    for _ in range(5_000):
        throttle.observe(0.4, slowed=False)
    assert throttle.window == 64
