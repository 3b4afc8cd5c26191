"""Stop and terminate: what runs is ended, what waits is failed, what is left does not begin.

`Stop` spares exit handlers, `Terminate` nothing. Messages are those of the reference, two spaces
included.
"""

from __future__ import annotations

from engine.core import leaf, retry, settle, suspend
from engine.core.decisions import StopReason
from engine.core.phases import Phase, Shutdown
from engine.core.run import Run
from engine.core.work import Call


def request(run: Run, strategy: Shutdown) -> None:
    """Take up a shutdown; a stop can still become a terminate."""
    if run.finished or strategy is Shutdown.NONE or run.shutdown is Shutdown.TERMINATE:
        return
    if strategy is run.shutdown:
        return
    run.shutdown = strategy
    run.head_dirty = True
    _leaves(run)
    message = f"Stopped with strategy '{strategy.value}'"
    for call in list(run.suspends.values()):
        if _hit(run, call):
            suspend.end(run, call, Phase.FAILED, message)
    for frame in list(run.retries.values()):
        if _hit(run, frame.call):
            retry.end(run, frame, retry.last_phase(run, frame), message)
    for call in list(run.holders.values()):
        node = run.nodes.get(call.node_id)
        if _hit(run, call) and not call.granted and node is not None:
            settle.done(run, call, node, Phase.FAILED, message)
    _wake(run)


def _hit(run: Run, call: Call) -> bool:
    return run.shutdown is Shutdown.TERMINATE or not call.on_exit


def _leaves(run: Run) -> None:
    message = f"workflow shutdown with strategy:  {run.shutdown.value}"
    for frame in list(run.leaves.values()):
        if not _hit(run, frame.call):
            continue
        pending = run.nodes[frame.node_id].phase is Phase.PENDING
        reason = StopReason.DELETE if pending else StopReason.TERMINATE
        leaf.stop(run, frame, Phase.FAILED, message, reason)


def _wake(run: Run) -> None:
    """Whatever waits for a place finds out that it will not start."""
    while run.limit.waiting:
        run.agenda.append(run.limit.waiting.pop(0)[2])
    for call in list(run.calls.values()):
        flow = call.flow
        if flow is not None and flow.limit.waiting:
            waiting, flow.limit.waiting = flow.limit.waiting, []
            run.agenda.extend(work for _, _, work in sorted(waiting, key=lambda w: w[:2]))
