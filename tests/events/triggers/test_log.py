"""`log`: one line per event, not more often than wanted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from events.triggers.log import LogTrigger
from kube.clock import Clock
from tests.events.triggers.firing import DATA, context, event


class Hands(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    async def sleep_until(self, moment: float) -> None:
        raise AssertionError("a log line waits for nothing")


async def lines(trigger: LogTrigger, clock: Hands, spec: Any, **more: Any) -> list[Any]:
    given = context(**more)
    given = replace(given, services=replace(given.services, clock=clock))
    with capture_logs() as found:
        await trigger.fire(given, spec)
    return list(found)


async def test_each_event_of_the_firing_is_a_line() -> None:
    events = {"b": event(name="b"), "a": event("x" * 5000, name="a")}
    first, second = await lines(LogTrigger(), Hands(), {}, events=events)
    assert (first["dependency"], second["dependency"]) == ("a", "b")
    assert (second["sensor"], second["trigger"]) == ("argo/ci", "t")
    assert second["context"]["subject"] == "b"
    assert json.loads(second["data"]) == DATA
    assert len(first["data"]) == 4096


@pytest.mark.parametrize(("interval", "count"), [(0, 3), (None, 3), (10, 2)])
async def test_the_interval_counts_for_each_trigger(interval: int | None, count: int) -> None:
    trigger, clock, found = LogTrigger(), Hands(), []
    for later in (0.0, 9.0, 2.0):
        clock.time += later
        found += await lines(trigger, clock, {"intervalSeconds": interval})
    assert len(found) == count
    assert not trigger.check({"intervalSeconds": interval})
    other = replace(context(), trigger="other")
    with capture_logs() as more:
        await trigger.fire(other, {"intervalSeconds": 10})
    assert len(more) == 1
