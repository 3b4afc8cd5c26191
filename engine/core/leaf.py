"""Leaves: pods, HTTP requests and plugin calls, from their node to their end.

A leaf's body is rendered once for each attempt; what comes back are `LeafChanged` facts. Facts
that come before the leaf is known (recovery) are kept until it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.core import (
    artifacts,
    containerset,
    execute,
    hooks,
    leafoutputs,
    memo,
    parallelism,
    podgc,
    podspec,
    retry,
    settle,
    table,
    timers,
    values,
)
from engine.core.decisions import Capture, StartLeaf, StopLeaf, StopReason
from engine.core.errors import CoreError
from engine.core.facts import LeafChanged
from engine.core.frames import LeafFrame, RetryFrame
from engine.core.nodes import Node
from engine.core.phases import COMPLETED, NodeType, Phase
from engine.core.prepared import TemplateType
from engine.core.run import Run
from engine.core.timers import Timer
from engine.core.values import Json
from engine.core.work import Call
from lang import duration
from lang.errors import LangError


def begin(run: Run, call: Call, extra: Mapping[str, Any] | None = None) -> None:
    """Make the node and start the leaf. `extra`: variables of the attempt (`retries`, …)."""
    assert call.template is not None
    if execute.forbidden(run, call) and call.node_id not in run.nodes:
        _refuse(run, call)
        return
    node = table.create(run, call, execute.node_type(call.template), Phase.PENDING)
    block = call.head.get("memoize")
    if block is not None and node.memoization is None:
        node.memoization = memo.status(block, hit=False)
    if node.waiting_lock:
        node.waiting_lock = ""
        table.move(run, node, Phase.PENDING)
    frame = LeafFrame(call, node.id)
    run.leaves[node.id] = frame
    settle.track(run, call, node)
    node.daemoned = False  # an adopted daemon says again when it is ready
    if node.type is NodeType.POD:
        frame.counted = True
        if node.id in run.adopted_pods:
            run.adopted_pods.discard(node.id)
        else:
            parallelism.enter_pod(run)
    hooks.observe(run, call, node)
    try:
        _launch(run, frame, node, extra or {})
    except (CoreError, LangError) as error:
        _drop(run, frame)
        call.error = error.message
        settle.fail(run, call, error.message)
        return
    early = run.early.pop(node.id, None)
    if early is not None:
        changed(run, early)


def _refuse(run: Run, call: Call) -> None:
    assert call.template is not None
    node = table.create(run, call, execute.node_type(call.template), Phase.PENDING)
    message = f"workflow shutdown with strategy: {run.shutdown.value}"
    settle.done(run, call, node, Phase.FAILED, message)


def _launch(run: Run, frame: LeafFrame, node: Node, extra: Mapping[str, Any]) -> None:
    call = frame.call
    assert call.template is not None
    assert call.template.body is not None
    scope = execute.scope(run, call, extra)
    body: Json = call.template.body.render(scope, allow_unresolved=True)
    body["name"] = call.template.name
    if call.inputs:
        body["inputs"] = call.inputs
    frame.pod_name = table.pod_name(run, node)
    frame.outputs = body.get("outputs") or {}
    deadline = _deadlines(run, call, node, body)
    if run.deadline is not None and run.deadline < run.now + 1 and not call.on_exit:
        # Less than a whole second is left: too late to start it. The deadline will end it.
        timers.set(run, max(run.now, run.deadline), Timer.TIMEOUT, node.id)
        return
    if call.template.type is TemplateType.CONTAINER_SET:
        containerset.begin(run, frame, node, body)
    capture = artifacts.capture(run, call, body, frame.pod_name)
    frame.outputs = body.get("outputs") or {}
    pod = None
    if node.type is NodeType.POD:
        pod = podspec.build(run, call, node, body, extra)
        if deadline is not None:
            pod["spec"]["activeDeadlineSeconds"] = deadline
    frame.started = True
    known = run.early.get(node.id)
    if known is None or known.phase not in COMPLETED:
        _start(run, frame, node, body, capture, pod)


def _start(
    run: Run, frame: LeafFrame, node: Node, body: Json, capture: Capture, pod: Json | None
) -> None:
    run.decide(
        StartLeaf(
            node.id,
            node.name,
            node.type,
            body,
            frame.pod_name if node.type is NodeType.POD else "",
            pod,
            capture,
            frame.deadline,
        )
    )


def _deadlines(run: Run, call: Call, node: Node, body: Json) -> int | None:
    """Arm the node's timeouts; the pod's own deadline in whole seconds, or None."""
    assert node.started_at is not None
    seconds: int | None = None
    if body.get("activeDeadlineSeconds") is not None:
        seconds = values.integer(body["activeDeadlineSeconds"], "activeDeadlineSeconds")
    if run.deadline is not None and not call.on_exit:
        left = _whole(run.deadline - run.now)
        seconds = left if seconds is None else min(seconds, left)
    run.leaves[node.id].deadline = call.max_until
    for field in ("timeout", "pendingTimeout"):
        text = call.head.get(field)
        if not text:
            continue
        moment = node.started_at + duration.parse(str(text))
        if field == "timeout":
            if moment <= run.now:
                raise CoreError(f"{node.name} exceeded its deadline")
            seconds = _whole(moment - run.now)
            run.leaves[node.id].deadline = moment
        timers.set(run, moment, Timer.TIMEOUT, node.id)
    return seconds


def _whole(left: float) -> int:
    """Seconds a pod may still run: the whole seconds before the moment, at least one."""
    return max(1, math.ceil(left) - 1)


def changed(run: Run, fact: LeafChanged) -> None:
    """A leaf moved on. Facts about leaves that are over change nothing."""
    frame = run.leaves.get(fact.node_id)
    if frame is None:
        known = run.nodes.get(fact.node_id)
        if known is None or not known.completed:
            run.early[fact.node_id] = fact
        return
    node = run.nodes[frame.node_id]
    _note(run, node, fact)
    if fact.containers:
        containerset.changed(run, frame, node, fact)
    if fact.phase in COMPLETED:
        _over(run, frame, node, fact)
        return
    if fact.phase is Phase.PENDING and node.phase is Phase.RUNNING:
        return
    if fact.phase is Phase.RUNNING and not frame.running:
        frame.running = True
        run.running += 1
    moved = table.move(run, node, fact.phase, fact.message)
    if moved:
        hooks.observe(run, frame.call, node)
    if fact.ready and frame.call.head.get("daemon") and not node.daemoned:
        _serve(run, frame, node)


def _note(run: Run, node: Node, fact: LeafChanged) -> None:
    """Copy what the fact says besides the phase."""
    before = (node.host_node_name, node.pod_ip, node.progress)
    node.host_node_name = fact.host_node_name or node.host_node_name
    node.progress = fact.progress or node.progress
    node.pod_ip = fact.pod_ip or node.pod_ip
    if before != (node.host_node_name, node.pod_ip, node.progress):
        run.touch(node)


def _serve(run: Run, frame: LeafFrame, node: Node) -> None:
    """A daemon is ready: who depends on it goes on, the pod stays."""
    node.daemoned = True
    run.touch(node)
    run.daemons.setdefault(node.boundary_id, {})[node.id] = None
    _uncount(run, frame)
    settle.forget(run, frame.call)
    settle.settle(run, frame.call, node)


def _over(run: Run, frame: LeafFrame, node: Node, fact: LeafChanged) -> None:
    call = frame.call
    if fact.finished_at is not None:
        node.finished_at = fact.finished_at
    if fact.resources_duration:
        node.resources_duration = dict(fact.resources_duration)
        for name, amount in fact.resources_duration.items():
            run.resources_duration[name] = run.resources_duration.get(name, 0) + amount
    node.outputs = leafoutputs.collect(frame.outputs, fact)
    containerset.over(run, frame, node, fact)
    served = node.daemoned
    _drop(run, frame)
    podgc.pod_over(run, call, node, frame.pod_name, fact.phase)
    if served:
        # Its dependants have gone on long ago: only the row changes.
        node.daemoned = False
        run.daemons.get(node.boundary_id, {}).pop(node.id, None)
        phase = Phase.FAILED if fact.phase is Phase.SUCCEEDED else fact.phase
        _served_over(run, call, node, phase, fact.message)
        return
    settle.done(run, call, node, fact.phase, fact.message)


def refused(run: Run, node_id: str, message: str) -> None:
    """The API will never take the pod."""
    frame = run.leaves.get(node_id)
    if frame is None:
        return
    _drop(run, frame)
    settle.fail(run, frame.call, message)


def stop(run: Run, frame: LeafFrame, phase: Phase, message: str, reason: StopReason) -> None:
    """End a leaf from our side: its node gets `phase` now, its pod is stopped."""
    node = run.nodes[frame.node_id]
    if frame.started:
        run.decide(StopLeaf(node.id, frame.pod_name, reason, node.type))
    _drop(run, frame)
    containerset.stopped(run, frame, node, phase, message)
    if node.daemoned:
        node.daemoned = False
        _served_over(run, frame.call, node, phase, message)
        return
    settle.done(run, frame.call, node, phase, message)


def _served_over(run: Run, call: Call, node: Node, phase: Phase, message: str) -> None:
    """A daemon that served is over; a retried one may begin again."""
    run.calls.pop(node.id, None)
    table.finish(run, node, phase, message)
    if isinstance(call.owner, RetryFrame):
        retry.daemon_over(run, call.owner, node)


def _drop(run: Run, frame: LeafFrame) -> None:
    run.leaves.pop(frame.node_id, None)
    if frame.running:
        frame.running = False
        run.running -= 1
    _uncount(run, frame)


def _uncount(run: Run, frame: LeafFrame) -> None:
    if frame.counted:
        frame.counted = False
        parallelism.leave_pod(run)


def stop_daemons(run: Run, boundary_id: str) -> None:
    """The flow is over: its daemons are no longer needed."""
    done = list(run.daemons.pop(boundary_id, {}))
    for node_id in done:
        node, call = run.nodes[node_id], run.calls.get(node_id)
        if node.type is NodeType.RETRY and call is not None:
            retry.end_served(run, node, call, Phase.SUCCEEDED)
            # One that is being started again is no longer needed either.
            done.extend(child for child in node.children or () if child not in done)
    for node_id in done:
        frame = run.leaves.get(node_id)
        if frame is not None and not frame.call.hooked:
            stop(run, frame, Phase.SUCCEEDED, "", StopReason.DAEMON_DONE)
