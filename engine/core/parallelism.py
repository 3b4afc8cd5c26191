"""Limits on what runs at once: of the workflow (pods), of a flow and of a task (children).

Work that finds the house full is parked at the limit that stopped it and woken, one at a time,
when a place is given back. Deeper work goes first, so flows that began are finished before new
ones begin. Semantics: Argo's `parallelism` and template `failFast`; one check, never a walk.
"""

from __future__ import annotations

import heapq

from engine.core.frames import DagFrame, Flow, Limit
from engine.core.run import Run
from engine.core.work import Attempt, Expand, Proceed, Start, Work


def blocked_by(run: Run, flow: Flow | None, key: str = "") -> Limit | None:
    """The limit that keeps a child of `flow` from starting now, or None.

    `key` is the task it belongs to, for the limit of a single task.
    """
    if _full(run.limit):
        return run.limit
    if flow is None:
        return None
    if _full(flow.limit) or stopped_by_failure(flow):
        return flow.limit
    if isinstance(flow, DagFrame):
        own = flow.task_limits.get(key)
        if own is not None and _full(own):
            return own
    return None


def stopped_by_failure(flow: Flow) -> bool:
    """The flow's template says `failFast`, and a child has failed: nothing new starts."""
    return flow.bad > 0 and bool(flow.call.head.get("failFast"))


def park(run: Run, limit: Limit, work: Work) -> None:
    """Keep `work` until the limit has room."""
    heapq.heappush(limit.waiting, (-_depth(work), run.next(), work))


def enter(flow: Flow | None, key: str, *, again: bool = False) -> None:
    """Count one more active child of a flow; `again`: the flow counts it already (recovery)."""
    if flow is None:
        return
    flow.limit.active += 0 if again else 1
    if isinstance(flow, DagFrame) and key in flow.task_limits:
        flow.task_limits[key].active += 1


def leave(run: Run, flow: Flow | None, key: str) -> None:
    """Count one less, and wake who waited for it."""
    if flow is None:
        return
    flow.limit.active -= 1
    wake(run, flow.limit)
    if isinstance(flow, DagFrame) and key in flow.task_limits:
        limit = flow.task_limits[key]
        limit.active -= 1
        wake(run, limit)


def wake(run: Run, limit: Limit) -> None:
    """Put the first waiting work on the agenda if there is room for it.

    Work that does not use its place (it was skipped, or waits elsewhere) is followed by the
    next: `advance` calls this again after every piece of woken work.
    """
    if limit.waiting and not _full(limit):
        _, _, work = heapq.heappop(limit.waiting)
        run.woken.append((work, limit))


def wake_all(run: Run, limit: Limit) -> None:
    """The flow will start nothing more: let everything that waits in it find out."""
    while limit.waiting:
        _, _, work = heapq.heappop(limit.waiting)
        run.agenda.append(work)


def enter_pod(run: Run) -> None:
    """Count one more active pod of the workflow."""
    run.limit.active += 1


def leave_pod(run: Run) -> None:
    """Count one less, and wake who waited for it."""
    run.limit.active -= 1
    wake(run, run.limit)


def _full(limit: Limit) -> bool:
    return limit.ceiling is not None and limit.active >= limit.ceiling


def _depth(work: Work) -> int:
    match work:
        case Start(call=call) | Proceed(call=call):
            return call.depth
        case Attempt(frame=frame):
            return frame.call.depth + 1
        case Expand(loop=loop):
            return loop.flow.call.depth + 1
        case _:
            return 0
