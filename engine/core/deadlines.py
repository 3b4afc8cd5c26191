"""Deadlines: of the workflow, and `timeout` / `pendingTimeout` of single nodes.

Semantics: Argo's, except that a pod which never left Pending is ended on the workflow's deadline
too, and that a short `timeout` does not refuse the pod.
"""

from __future__ import annotations

from engine.core import leaf, locks, retry, settle, suspend, values
from engine.core.decisions import StopReason
from engine.core.phases import NodeType, Phase
from engine.core.run import Run

EXCEEDED = "Step exceeded its deadline"


def workflow_expired(run: Run) -> None:
    """The workflow's own deadline is over: everything but exit handlers ends."""
    if run.deadline is None or run.deadline > run.now:
        return
    for frame in list(run.leaves.values()):
        if not frame.call.on_exit:
            leaf.stop(run, frame, Phase.FAILED, EXCEEDED, StopReason.TERMINATE)
    for call in list(run.suspends.values()):
        if not call.on_exit:
            suspend.end(run, call, Phase.FAILED, EXCEEDED)
    for call in list(run.holders.values()):
        node = run.nodes.get(call.node_id)
        if node is not None and not call.granted and not call.on_exit:
            settle.done(run, call, node, Phase.FAILED, EXCEEDED)
    for waiting in list(run.retries.values()):
        if not waiting.call.on_exit:
            moment = values.rfc3339(run.deadline)
            message = f"retry exceeded workflow deadline {moment}"
            retry.end(run, waiting, retry.last_phase(run, waiting), message)


def node_expired(run: Run, node_id: str) -> None:
    """A node's timeout is over. A running pod is ended by its own deadline, not here."""
    frame = run.leaves.get(node_id)
    if frame is None:
        call = locks.of_node(run, node_id)
        if call is not None:
            call.timed_out = True
            settle.done(run, call, run.nodes[node_id], Phase.FAILED, "timeout")
        return
    node = run.nodes[node_id]
    if not frame.started:
        leaf.stop(run, frame, Phase.FAILED, EXCEEDED, StopReason.DELETE)
        return
    if node.phase is Phase.PENDING or node.type is not NodeType.POD:
        frame.call.timed_out = True
        leaf.stop(run, frame, Phase.FAILED, "timeout", StopReason.DELETE)
