"""The window on created pods: how many may wait, and who is next. No pods in here."""

from __future__ import annotations

import asyncio

import pytest

from engine.executors.window import Window


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_full_window_lets_the_next_one_in_when_a_pod_has_started() -> None:
    window = Window(size=1)
    await window.enter("ns/wf", "ns/a")
    second = asyncio.ensure_future(window.enter("ns/wf", "ns/b"))
    await settle()
    assert not second.done()
    window.leave("ns/a")
    await asyncio.wait_for(second, 1)


async def test_workflows_have_windows_of_their_own() -> None:
    window = Window(size=1)
    await window.enter("ns/giant", "ns/a")
    await asyncio.wait_for(window.enter("ns/small", "ns/b"), 1)


async def test_entering_twice_takes_one_place() -> None:
    window = Window(size=2)
    await window.enter("ns/wf", "ns/a")
    await window.enter("ns/wf", "ns/a")
    await asyncio.wait_for(window.enter("ns/wf", "ns/b"), 1)


async def test_leaving_twice_frees_one_place() -> None:
    window = Window(size=1)
    await window.enter("ns/wf", "ns/a")
    window.leave("ns/a")
    window.leave("ns/a")
    await window.enter("ns/wf", "ns/b")
    third = asyncio.ensure_future(window.enter("ns/wf", "ns/c"))
    await settle()
    assert not third.done()
    third.cancel()


async def test_a_cancelled_waiter_hands_its_turn_on() -> None:
    window = Window(size=1)
    await window.enter("ns/wf", "ns/a")
    second = asyncio.ensure_future(window.enter("ns/wf", "ns/b"))
    third = asyncio.ensure_future(window.enter("ns/wf", "ns/c"))
    await settle()
    window.leave("ns/a")  # the turn is b's now, but b goes away before it takes it
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await asyncio.wait_for(third, 1)
