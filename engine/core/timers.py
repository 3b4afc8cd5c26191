"""Timers of one run: a heap of moments, of which the runtime only knows the first.

Entries are never removed early: one whose node has moved on does nothing when it fires.
"""

from __future__ import annotations

import heapq
from enum import StrEnum

from engine.core.decisions import SetTimer
from engine.core.run import Run


class Timer(StrEnum):
    """What is due."""

    DEADLINE = "deadline"  # the workflow's own
    TIMEOUT = "timeout"  # a node's `timeout` or `pendingTimeout`
    RESUME = "resume"  # a suspend node's duration
    RETRY = "retry"  # the end of a backoff
    CONTINUE = "continue"  # work was left over


def set(run: Run, moment: float, kind: Timer, node_id: str = "") -> None:
    """Remember to look at `node_id` at `moment`."""
    heapq.heappush(run.timers, (moment, run.next(), kind.value, node_id))


def due(run: Run) -> list[tuple[Timer, str]]:
    """Take the entries whose moment has come, in order."""
    found = []
    while run.timers and run.timers[0][0] <= run.now:
        _, _, kind, node_id = heapq.heappop(run.timers)
        found.append((Timer(kind), node_id))
    return found


def arm(run: Run) -> None:
    """Ask for a wake-up at the first moment, unless that is what was asked for last."""
    if run.finished or not run.timers:
        return
    first = run.timers[0][0]
    if run.armed is None or run.armed != first:
        run.armed = first
        run.decide(SetTimer(first))
