"""The end of a workflow: exit handler, final phase, and what is given back.

Semantics: the last part of Argo's `operate`.
"""

from __future__ import annotations

from engine.core import leaf, locks, metrics, podgc, table, values, variables, volumes
from engine.core import workflow_hooks as wf_hooks
from engine.core.decisions import EmitEvent, EventType, Finish, ReleaseLocks, StopReason
from engine.core.phases import BAD, NodeType, Phase, Shutdown
from engine.core.run import Run

LABEL = "workflows.argoproj.io/"
_EVENTS = {Phase.SUCCEEDED: "WorkflowSucceeded", Phase.FAILED: "WorkflowFailed"}


def conclude(run: Run) -> None:
    """Something the end waits for is over: go on with the end as far as possible."""
    if not run.entry_done or run.hooks_running > 0 or run.finished:
        return
    if not run.exit_started:
        started = wf_hooks.start_exit(run)
        run.exit_started = True
        if started:
            return
        run.exit_done = True
    if not run.exit_done:
        return
    phase, message = _outcome(run)
    finish(run, phase, message)


def _outcome(run: Run) -> tuple[Phase, str]:
    entry = run.nodes[run.name]
    phase = entry.phase
    message = entry.message
    if phase in (Phase.SKIPPED, Phase.OMITTED) or entry.daemoned:
        phase = Phase.SUCCEEDED
    if phase in BAD and run.shutdown is not Shutdown.NONE:
        message = f"Stopped with strategy '{run.shutdown.value}'"
    handler = table.existing(run, f"{run.name}.onExit")
    if phase is Phase.SUCCEEDED and handler is not None and handler.phase in BAD:
        return handler.phase, handler.message
    return phase, message


def abort(run: Run, message: str) -> None:
    """The entrypoint could not be executed: what still runs is ended with the workflow."""
    for frame in list(run.leaves.values()):
        leaf.stop(run, frame, Phase.FAILED, "the workflow ended", StopReason.TERMINATE)
    run.agenda.clear()
    entry = run.nodes.get(run.name)
    if entry is not None and entry.phase is Phase.RUNNING:
        table.finish(run, entry, Phase.ERROR, "Workflow operation error")
    finish(run, Phase.ERROR, message)


def finish(run: Run, phase: Phase, message: str) -> None:
    """The workflow is over."""
    for boundary_id in list(run.daemons):
        leaf.stop_daemons(run, boundary_id)
    run.phase, run.message = phase, message
    run.finished_at = run.now
    if run.started_at is None:
        run.started_at = run.now
    run.labels[f"{LABEL}phase"] = phase.value
    run.labels[f"{LABEL}completed"] = "true"
    run.conditions["Completed"] = {"type": "Completed", "status": "True"}
    run.head_dirty = True
    variables.set_progress(run)
    metrics.of_workflow(run)
    volumes.release(run)
    podgc.workflow_over(run, _pods(run))
    holder = locks.workflow_holder(run)
    if holder in run.locks:
        run.locks.pop(holder)
        run.decide(ReleaseLocks(holder))
    reason = _EVENTS.get(phase, "WorkflowFailed")
    kind = EventType.NORMAL if phase is Phase.SUCCEEDED else EventType.WARNING
    run.decide(EmitEvent(kind, reason, message or "Workflow completed"))
    run.decide(Finish(phase, message, _ttl(run, phase), _gc_artifacts(run)))


def _pods(run: Run) -> dict[str, str]:
    if not values.mapping(run.spec.get("podGC")).get("strategy"):
        return {}
    return {
        node.id: table.pod_name(run, node)
        for node in run.nodes.values()
        if node.type is NodeType.POD
    }


def _ttl(run: Run, phase: Phase) -> float | None:
    strategy = values.mapping(run.spec.get("ttlStrategy"))
    seconds = None
    if phase is Phase.SUCCEEDED:
        seconds = strategy.get("secondsAfterSuccess")
    elif phase is Phase.FAILED:
        seconds = strategy.get("secondsAfterFailure")
    if seconds is None:
        seconds = strategy.get("secondsAfterCompletion")
    return None if seconds is None else float(seconds)


def _gc_artifacts(run: Run) -> bool:
    return values.mapping(run.spec.get("artifactGC")).get("strategy") == "OnWorkflowCompletion"
