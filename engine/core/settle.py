"""The end of a node: everything that happens once when a call's node is fulfilled.

Locks are given back, the memo is kept, global outputs are published, places are freed, hooks run;
then the owner is told through a `Settled` work item.
"""

from __future__ import annotations

from engine.core import hooks, memo, metrics, outputs, parallelism, table
from engine.core.decisions import ReleaseLocks
from engine.core.nodes import Node
from engine.core.phases import BAD, NodeType, Phase
from engine.core.run import Run
from engine.core.work import Call, Caller

COUNTED = frozenset({NodeType.POD, NodeType.STEPS, NodeType.DAG})
"""Types of children that template `parallelism` counts."""


def done(run: Run, call: Call, node: Node, phase: Phase, message: str = "") -> None:
    """Finish the node of a call and settle it."""
    table.finish(run, node, phase, message)
    settle(run, call, node)


def fail(run: Run, call: Call, message: str, phase: Phase = Phase.ERROR) -> None:
    """Executing a call went wrong: its node (made if need be) gets `phase` and the message."""
    call.error = message
    if call.caller is Caller.TASK and not call.retried and phase is Phase.ERROR:
        message = f"task '{call.name}' errored: {message}"
    node = table.existing(run, call.name)
    if node is None:
        node = table.create(run, call, NodeType.SKIPPED, phase, message)
        node.inputs = None
    call.node_id = node.id
    done(run, call, node, phase, message)


def settle(run: Run, call: Call, node: Node) -> None:
    """A call's node is fulfilled (or a daemon serves): free what it holds, run hooks, report."""
    call.node_id = node.id
    if call.holder and not node.daemoned:
        release(run, call)
    if not node.daemoned:
        run.calls.pop(node.id, None)
        forget(run, call)
    if call.flow is not None and node.phase in BAD and not call.retried and not call.hooked:
        call.flow.bad += 1
    if node.outputs:
        outputs.publish(run, node.outputs)
    memo.save(run, call, node)
    if not node.daemoned:
        metrics.of_node(run, call, node)
    hooks.completed(run, call, node)


def track(run: Run, call: Call, node: Node) -> None:
    """Count an active child of its flow."""
    call.node_id = node.id
    known = node.id in run.calls or node.id in run.adopted
    run.calls[node.id] = call
    if not known and not call.retried:
        metrics.node_started(run, call, node)
    if node.type in COUNTED and not call.counted:
        call.counted = True
        adopted = node.id in run.adopted
        run.adopted.discard(node.id)
        parallelism.enter(call.flow, call.key, again=adopted)


def forget(run: Run, call: Call) -> None:
    """Stop counting it."""
    if call.counted:
        call.counted = False
        parallelism.leave(run, call.flow, call.key)


def release(run: Run, call: Call) -> None:
    """Give back the locks of a call."""
    run.decide(ReleaseLocks(call.holder))
    run.holders.pop(call.holder, None)
    run.locks.pop(call.holder, None)
    run.head_dirty = True
    call.holder = ""
    call.granted = False
