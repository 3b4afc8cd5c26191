"""Retries: the Retry node, its attempts, and whether there is another one.

The order of checks after a bad attempt is Argo's: shutdown and deadline, backoff, policy, limit,
expression. Every kind of template can be retried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.core import (
    expressions,
    hooks,
    memo,
    metrics,
    parallelism,
    settle,
    table,
    timers,
    values,
)
from engine.core.errors import CoreError
from engine.core.expressions import Site
from engine.core.frames import RetryFrame
from engine.core.nodes import Node
from engine.core.phases import FULFILLED, NodeType, Phase, Shutdown
from engine.core.run import Run
from engine.core.timers import Timer
from engine.core.work import Attempt, Call
from lang import duration, naming, retry_scope
from lang.errors import LangError

_GOOD = frozenset({Phase.SUCCEEDED, Phase.SKIPPED, Phase.OMITTED})
_TRANSIENT = re.compile(
    r"connection refused|connection reset|i/o timeout|net/http: TLS handshake timeout"
    r"|request has been throttled|TooManyRequests|exceeded quota|etcdserver: leader changed"
    r"|etcdserver: request timed out|timeout awaiting response headers"
    r"|Unexpected EOF|unexpected EOF|http2: client connection lost"
    r"|context deadline exceeded|no such host|server misbehaving|transport is closing"
    r"|the object has been modified"
)


def begin(run: Run, call: Call) -> None:
    """Make the Retry node and ask for its next attempt."""
    node = table.create(run, call, NodeType.RETRY, Phase.RUNNING)
    if node.waiting_lock or node.phase is Phase.PENDING:
        node.waiting_lock = ""
        table.move(run, node, Phase.RUNNING)
    block = call.head.get("memoize")
    if block is not None and node.memoization is None:
        node.memoization = memo.status(block, hit=False)
    node.daemoned = False  # an adopted daemon says again when it is ready
    frame = RetryFrame(call, node.id)
    settle.track(run, call, node)
    hooks.observe(run, call, node)
    _adopt_attempts(run, frame, node)


def _adopt_attempts(run: Run, frame: RetryFrame, node: Node) -> None:
    """Take up the attempts that a status already holds."""
    index = 0
    while (known := table.existing(run, f"{node.name}({index})")) is not None:
        frame.attempts.append(known.id)
        table.add_child(run, node.id, known.id)
        index += 1
    last = run.nodes[frame.attempts[-1]] if frame.attempts else None
    if last is not None and last.phase in FULFILLED:
        judge(run, frame, last, "")
        return
    if last is not None:
        frame.attempts.pop()
    run.agenda.append(Attempt(frame))


def attempt(run: Run, frame: RetryFrame) -> Call | None:
    """The call of the next attempt, ready to be dispatched; None when it cannot start now."""
    call = frame.call
    if run.nodes[frame.node_id].completed:
        return None
    if run.shutdown is not Shutdown.NONE and _shut_down(run, call):
        end(run, frame, last_phase(run, frame), f"Stopped with strategy '{run.shutdown.value}'")
        return None
    name = f"{call.name}({len(frame.attempts)})"
    node_id = table.identify(run, name)
    if node_id not in run.nodes:
        full = parallelism.blocked_by(run, call.flow, call.key)
        if full is not None:
            parallelism.park(run, full, Attempt(frame))
            return None
        if frame.attempts:
            metrics.of_attempt(run, call, run.nodes[frame.attempts[-1]])
    again = _call(run, frame, name, node_id)
    frame.attempts.append(node_id)
    frame.current = again
    node = run.nodes[frame.node_id]
    if node.message.startswith("Backoff for "):
        table.move(run, node, Phase.RUNNING)
    return again


def _call(run: Run, frame: RetryFrame, name: str, node_id: str) -> Call:
    """The call of an attempt: like the retried one, with a name of its own."""
    call = frame.call
    again = Call(
        name=name,
        reference=call.reference,
        source=call.source,
        owner=frame,
        boundary_id=call.boundary_id,
        flow=call.flow,
        depth=call.depth,
        caller=call.caller,
        label=call.label,
        key=call.key,
        parents=(frame.node_id,),
        outer=call.outer,
        on_exit=call.on_exit,
        hooked=call.hooked,
        retried=True,
    )
    again.template = call.template
    again.head = call.head
    again.inputs = call.inputs
    again.variables = {**call.variables, "pod.name": _pod_name(run, again)}
    again.node_id = node_id
    again.max_until = _max_until(run, frame)
    again.avoid = _avoid(run, frame)
    return again


def _avoid(run: Run, frame: RetryFrame) -> tuple[str, ...]:
    """The hosts of the attempts so far, where `affinity.nodeAntiAffinity` asks for others."""
    affinity = (frame.call.head.get("retryStrategy") or {}).get("affinity") or {}
    if affinity.get("nodeAntiAffinity") is None:
        return ()
    hosts = (run.nodes[node_id].host_node_name for node_id in frame.attempts)
    return tuple(sorted({host for host in hosts if host}))


def _pod_name(run: Run, call: Call) -> str:
    ref = call.reference.ref
    template = str(ref.get("template") if ref else call.reference.template)
    return naming.pod_name(run.name, call.name, template or "", version=run.pod_name_version)


def attempt_variables(run: Run, frame: RetryFrame) -> dict[str, str]:
    """`retries` and `lastRetry.*` inside the template of the attempt about to start."""
    before = frame.attempts[:-1]
    if not before:
        return {
            "retries": "0",
            "lastRetry.exitCode": "0",
            "lastRetry.status": "",
            "lastRetry.duration": "0",
            "lastRetry.message": "",
        }
    found = _scope(run, before)
    return {**found, "retries": str(len(before))}


def _scope(run: Run, attempts: list[str]) -> dict[str, str]:
    last = run.nodes[attempts[-1]]
    statuses = {
        node_id: {
            "phase": last.phase.value,
            "message": last.message,
            "startedAt": values.rfc3339(last.started_at),
            "finishedAt": values.rfc3339(last.finished_at),
            "outputs": last.outputs,
        }
        for node_id in (attempts[-1],)
    }
    found = retry_scope.variables({"children": [attempts[-1]]}, statuses)
    return {**found, "retries": str(len(attempts) - 1)}


def settled(run: Run, frame: RetryFrame, call: Call) -> None:
    """An attempt is over."""
    node = run.nodes[call.node_id]
    if run.nodes[frame.node_id].completed:
        return
    if node.daemoned:
        _serve(run, frame)
        return
    judge(run, frame, node, call.error)


def _serve(run: Run, frame: RetryFrame) -> None:
    """An attempt is a daemon that is ready: so is the Retry node, and who waits goes on."""
    node = run.nodes[frame.node_id]
    node.daemoned = True
    run.touch(node)
    run.daemons.setdefault(node.boundary_id, {})[node.id] = None
    if not frame.serving:
        frame.serving = True
        settle.forget(run, frame.call)
        settle.settle(run, frame.call, node)


def daemon_over(run: Run, frame: RetryFrame, last: Node) -> None:
    """A daemon that served has ended before its flow: perhaps it is started again."""
    if not run.nodes[frame.node_id].completed:
        judge(run, frame, last, "")


def judge(run: Run, frame: RetryFrame, last: Node, error: str) -> None:
    """Decide after an attempt: the end, a backoff, or the next attempt."""
    if last.phase in _GOOD:
        end(run, frame, Phase.SUCCEEDED, "", copy=last)
        return
    strategy = frame.call.head.get("retryStrategy") or {}
    try:
        stop = _verdict(run, frame, last, strategy)
    except (CoreError, LangError) as problem:
        frame.call.error = problem.message
        settle.fail(run, frame.call, problem.message)
        return
    if stop is not None:
        if error and not frame.call.error and not _retries_errors(strategy):
            frame.call.error = error
        end(run, frame, stop[0], stop[1], copy=last if stop[2] else None)
        return
    if frame.wake_at is not None and frame.wake_at > run.now:
        timers.set(run, frame.wake_at, Timer.RETRY, frame.node_id)
        run.retries[frame.node_id] = frame
        return
    frame.wake_at = None
    run.agenda.append(Attempt(frame))


Verdict = tuple[Phase, str, bool]


def _verdict(
    run: Run, frame: RetryFrame, last: Node, strategy: Mapping[str, Any]
) -> Verdict | None:
    """None: try again (perhaps after `frame.wake_at`). Else phase, message, copy outputs."""
    if _shut_down(run, frame.call):
        return last.phase, f"Stopped with strategy '{run.shutdown.value}'", False
    if run.deadline is not None and run.deadline <= run.now and not frame.call.on_exit:
        moment = values.rfc3339(run.deadline)
        return last.phase, f"retry exceeded workflow deadline {moment}", False
    limit = strategy.get("limit")
    count = None if limit is None else values.integer(limit, "retryStrategy.limit")
    late = _backoff(run, frame, last, strategy.get("backoff"), count)
    if late:
        return last.phase, late, True
    if not _policy_allows(run, last, strategy):
        return last.phase, last.message, True
    if count is not None and len(frame.attempts) > count:
        return last.phase, "No more retries left", True
    expression = strategy.get("expression")
    if expression:
        scope = {**run.globals, **frame.call.variables, **_scope(run, frame.attempts)}
        if not expressions.holds(str(expression), scope, Site.RETRY):
            return last.phase, "retryStrategy.expression evaluated to false", True
    return None


def _shut_down(run: Run, call: Call) -> bool:
    return run.shutdown is Shutdown.TERMINATE or (
        run.shutdown is Shutdown.STOP and not call.on_exit
    )


def _backoff(
    run: Run, frame: RetryFrame, last: Node, backoff: Mapping[str, Any] | None, limit: int | None
) -> str:
    """Set `frame.wake_at`; a text when `maxDuration` ends it."""
    frame.wake_at = None
    if not backoff:
        return ""
    if not backoff.get("duration"):
        raise CoreError("no base duration specified for retryStrategy")
    wait = _wait(frame, backoff)
    until = _max_until(run, frame)
    finished = last.finished_at if last.finished_at is not None else run.now
    if until is not None:
        if run.now > until:
            return "Max duration limit exceeded"
        if finished + wait > until:
            return "Backoff would exceed max duration limit"
    if limit is None or len(frame.attempts) > limit:
        return ""
    frame.wake_at = finished + wait
    if frame.wake_at > run.now:
        words = duration.humanize(round((frame.wake_at - run.now) * duration.NANOSECONDS))
        table.move(run, run.nodes[frame.node_id], Phase.RUNNING, f"Backoff for {words}")
    return ""


def _wait(frame: RetryFrame, backoff: Mapping[str, Any]) -> float:
    base = duration.parse(str(backoff["duration"]))
    wait = base
    if backoff.get("factor") is not None:
        factor = values.integer(backoff["factor"], "retryStrategy.backoff.factor")
        if factor > 0:
            wait = base * float(factor) ** (len(frame.attempts) - 1)
    if backoff.get("cap"):
        wait = min(wait, duration.parse(str(backoff["cap"])))
    return wait


def _max_until(run: Run, frame: RetryFrame) -> float | None:
    strategy = frame.call.head.get("retryStrategy") or {}
    text = (strategy.get("backoff") or {}).get("maxDuration")
    if not text:
        return None
    first = run.nodes.get(frame.attempts[0]) if frame.attempts else None
    started = first.started_at if first is not None and first.started_at else run.now
    return started + duration.parse(str(text))


def _policy_allows(run: Run, last: Node, strategy: Mapping[str, Any]) -> bool:
    policy = _policy(strategy)
    match policy:
        case "Always":
            return True
        case "OnFailure":
            return last.phase is Phase.FAILED
        case "OnError":
            return last.phase is Phase.ERROR
        case "OnTransientError":
            return is_transient(last.message, run.config.transient_error_pattern)
        case _:
            raise CoreError(f"{policy} is not a valid RetryPolicy")


def _retries_errors(strategy: Mapping[str, Any]) -> bool:
    """An error while executing an attempt counts as its bad end, not as the caller's."""
    return _policy(strategy) in ("Always", "OnError", "OnTransientError")


def _policy(strategy: Mapping[str, Any]) -> str:
    default = "Always" if strategy.get("expression") else "OnFailure"
    return str(strategy.get("retryPolicy") or default)


def is_transient(message: str, pattern: str = "") -> bool:
    """Whether a message tells of something that may be gone the next time."""
    if _TRANSIENT.search(message):
        return True
    return bool(pattern and re.search(pattern, message))


def last_phase(run: Run, frame: RetryFrame) -> Phase:
    """The phase a Retry node ends with when nothing more is tried."""
    return run.nodes[frame.attempts[-1]].phase if frame.attempts else Phase.FAILED


def end(
    run: Run, frame: RetryFrame, phase: Phase, message: str, *, copy: Node | None = None
) -> None:
    """The Retry node is over."""
    run.retries.pop(frame.node_id, None)
    node = run.nodes[frame.node_id]
    if copy is not None and copy.outputs is not None:
        node.outputs = copy.outputs
    if frame.serving:
        end_served(run, node, frame.call, phase, message)
        return
    settle.done(run, frame.call, node, phase, message)


def end_served(run: Run, node: Node, call: Call, phase: Phase, message: str = "") -> None:
    """A Retry node whose daemon served is over: nobody waits for it any more."""
    node.daemoned = False
    run.daemons.get(node.boundary_id, {}).pop(node.id, None)
    run.calls.pop(node.id, None)
    run.retries.pop(node.id, None)
    if call.holder:
        settle.release(run, call)
    table.finish(run, node, phase, message)
