"""The workflow as a whole: how it begins, what it waits for, and how it ends.

Semantics: Argo's `operate`: spec → validation → variables → locks → volumes → entrypoint → hooks →
exit handler → the end. Everything here happens once per workflow.
"""

from __future__ import annotations

import re

from crds import decode
from crds.workflow import Workflow
from engine.core import (
    arguments,
    artifacts,
    checking,
    expressions,
    finishing,
    hooks,
    locks,
    merging,
    metrics,
    timers,
    values,
    variables,
    volumes,
    workflow_hooks,
)
from engine.core.adopt import adopt_status
from engine.core.callspec import compile_hook
from engine.core.decisions import CreateDisruptionBudget, EmitEvent, EventType
from engine.core.errors import CoreError, SpecError
from engine.core.expressions import Site
from engine.core.facts import Submitted
from engine.core.frames import Root
from engine.core.phases import COMPLETED, Phase, Shutdown
from engine.core.run import Run
from engine.core.timers import Timer
from engine.core.work import Call, Reference, Source, Start
from lang import naming, tags
from lang.errors import LangError

LABEL = "workflows.argoproj.io/"
_LONGEST_LABEL = 63
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
    "'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NOT_SPEC = ("templates", "arguments", "templateDefaults", "workflowMetadata", "metrics")


def submit(run: Run, fact: Submitted) -> None:
    """Take the workflow up, for the first time or again."""
    if run.name:
        return
    run.manifest, run.library, run.config = fact.workflow, fact.library, fact.config
    metadata = values.mapping(fact.workflow.get("metadata"))
    run.name = str(metadata.get("name") or "")
    run.namespace = str(metadata.get("namespace") or "default")
    run.uid = str(metadata.get("uid") or "")
    run.labels = dict(values.mapping(metadata.get("labels")))
    run.annotations = dict(values.mapping(metadata.get("annotations")))
    run.created_at = values.moment(metadata.get("creationTimestamp")) or run.now
    run.pod_name_version = naming.pod_name_version(run.annotations)
    held_back = run.message if run.postponed else ""
    adopt_status(run, values.mapping(fact.workflow.get("status")))
    if run.phase in COMPLETED:
        return
    if run.postponed and run.started_at is None:
        run.phase, run.message = Phase.PENDING, held_back
    try:
        _prepare(run)
    except SpecError as error:
        finishing.finish(run, Phase.FAILED, f"invalid spec: {error.message}")
        return
    except (CoreError, LangError) as error:
        finishing.finish(run, Phase.ERROR, error.message)
        return
    _ask_for_locks(run)


def _prepare(run: Run) -> None:
    wrong, _ = decode.inspect({"spec": run.manifest.get("spec") or {}}, Workflow)
    if wrong:
        raise SpecError(str(wrong[0]))
    merging.set_spec(run)
    templates = [values.mapping(t) for t in run.spec.get("templates") or ()]
    run.own_templates = {str(t.get("name") or ""): dict(t) for t in templates}
    if not values.mapping(run.manifest.get("status")).get("phase"):
        checking.check(run)
    variables.set_basics(run)
    variables.set_parameters(run)
    variables.set_outputs(run)
    _set_metadata(run)
    _set_pod_parts(run)
    run.suspended = bool(run.spec.get("suspend"))
    if run.spec.get("shutdown"):
        run.shutdown = Shutdown(str(run.spec["shutdown"]))
    set_parallelism(run)
    if run.artifact_repository is None:
        run.artifact_repository = artifacts.resolve_repository(run)
    run.hooks = tuple(
        compile_hook(name, hook)
        for name, hook in sorted(values.mapping(run.spec.get("hooks")).items())
        if name != "exit"
    )


def _set_pod_parts(run: Run) -> None:
    """The spec without its templates: rendered once, or for each pod where that is needed."""
    fields = {k: v for k, v in run.spec.items() if k not in _NOT_SPEC}
    parts = tags.compile(fields)
    run.pod_spec_parts = parts.render(run.globals, allow_unresolved=True)
    if parts.expressions or any(not name.startswith("workflow.") for name in parts.names):
        run.pod_spec_template = parts
        run.volumes_template = tags.compile(list(fields.get("volumes") or ()))


def set_parallelism(run: Run) -> None:
    """The limit on active pods, as the spec says now."""
    limit = run.spec.get("parallelism")
    # Zero would let nothing ever start; the schema refuses it.
    run.limit.ceiling = values.integer(limit, "spec.parallelism") if limit else None


def _set_metadata(run: Run) -> None:
    """Labels and annotations that the spec itself puts on the workflow."""
    block = values.mapping(run.spec.get("workflowMetadata"))
    scope = run.globals
    for key, value in values.mapping(block.get("labels")).items():
        label = str(tags.render(values.text(value), scope, allow_unresolved=True))
        _check_label(label, f'invalid label value "{label}" for label "{key}"')
        run.labels[key] = label
    for key, value in values.mapping(block.get("annotations")).items():
        run.annotations[key] = tags.render(values.text(value), scope, allow_unresolved=True)
    variables.set_metadata(run)
    for key, source in values.mapping(block.get("labelsFrom")).items():
        run.labels[key] = _computed_label(run, key, str(source.get("expression") or ""))
    variables.set_metadata(run)


def _computed_label(run: Run, key: str, source: str) -> str:
    try:
        value = expressions.evaluate(source, run.globals, Site.LABELS)
    except LangError as error:
        raise CoreError(
            f'failed to compile function for expression "{source}": {error.message}'
        ) from None
    if not isinstance(value, str):
        kind = expressions.type_name(value)
        raise CoreError(
            f'failed to evaluate label "{key}" expression "{source}" evaluted to {kind} '
            "but must be a string"
        )
    what = f'invalid label value "{value}" for label "{key}" and expression "{source}"'
    _check_label(value, what)
    return value


def _check_label(value: str, what: str) -> None:
    if len(value.encode()) > _LONGEST_LABEL:
        raise CoreError(f"{what}: must be no more than {_LONGEST_LABEL} bytes")
    if not _LABEL_VALUE.fullmatch(value):
        raise CoreError(f"{what}: {_LABEL_RULE}")


def _ask_for_locks(run: Run) -> None:
    wanted = locks.requests(run, run.pod_spec_parts.get("synchronization"))
    if not wanted:
        _start(run)
        return
    run.waits_for = "lock"
    locks.ask(run, locks.workflow_holder(run), wanted)


def lock_waiting(run: Run, lock: str, message: str) -> None:
    """The workflow is in the queue for its own locks."""
    if run.waits_for == "lock":
        run.phase, run.message = Phase.PENDING, message
        run.locks[locks.workflow_holder(run)]["waiting"] = lock
        run.head_dirty = True


def lock_granted(run: Run) -> None:
    """The workflow holds its locks."""
    locks.granted(run, locks.workflow_holder(run))
    if run.waits_for == "lock":
        run.waits_for = ""
        _start(run)


def lock_refused(run: Run, message: str) -> None:
    """The workflow can never have its locks."""
    run.waits_for = ""
    text = f"Failed to acquire the synchronization lock. {message}"
    finishing.finish(run, Phase.FAILED, text)


def postpone(run: Run, message: str) -> None:
    """Too many workflows run already."""
    if run.started_at is None and not run.finished:
        run.postponed = True
        run.phase, run.message = Phase.PENDING, message
        run.head_dirty = True


def admit(run: Run) -> None:
    """There is room for this workflow."""
    if run.postponed:
        run.postponed = False
        run.message = ""
        if not run.waits_for:
            _start(run)


def _start(run: Run) -> None:
    if run.postponed or run.finished:
        return
    first = run.started_at is None
    run.phase, run.message = Phase.RUNNING, ""
    if first:
        run.started_at = run.now
        _announce(run)
    run.labels[f"{LABEL}phase"] = Phase.RUNNING.value
    run.labels[f"{LABEL}completed"] = "false"
    run.head_dirty = True
    set_deadline(run)
    variables.set_progress(run)
    if volumes.ask(run):
        run.waits_for = "volumes"
        return
    begin(run)


def _announce(run: Run) -> None:
    run.decide(EmitEvent(EventType.NORMAL, "WorkflowRunning", "Workflow Running"))
    metrics.workflow_started(run)
    budget = run.pod_spec_parts.get("podDisruptionBudget")
    if budget:
        run.decide(CreateDisruptionBudget(volumes.disruption_budget(run, budget)))


def set_deadline(run: Run) -> None:
    """Arm the workflow's own deadline."""
    seconds = run.spec.get("activeDeadlineSeconds")
    if seconds is None or run.started_at is None:
        run.deadline = None
        return
    run.deadline = run.started_at + values.integer(seconds, "spec.activeDeadlineSeconds")
    timers.set(run, run.deadline, Timer.DEADLINE)


def begin(run: Run) -> None:
    """Start the entrypoint."""
    run.waits_for = ""
    call = entry_call(run)
    try:
        given = hooks.workflow_arguments(run)
        arguments.render(run, call, given, run.globals, strict=())
    except (CoreError, LangError) as error:
        call.error = error.message
    run.agenda.append(Start(call))
    workflow_hooks.resume(run)


def volumes_refused(run: Run, message: str, *, retryable: bool) -> None:
    """The claims could not be made: wait, or give up."""
    if run.waits_for != "volumes":
        return
    if retryable:
        run.phase = Phase.PENDING
        run.message = f"Waiting for a PVC to be created. {message}"
        run.head_dirty = True
    else:
        finishing.finish(run, Phase.ERROR, f"pvc create error: {message}")


def entry_call(run: Run) -> Call:
    """The call of the entrypoint."""
    return Call(
        name=run.name,
        reference=Reference(template=str(run.spec.get("entrypoint") or "")),
        source=Source("local", "" if run.stored else run.name),
        owner=Root(),
    )


def settled(run: Run, owner: Root, call: Call) -> None:
    """The entrypoint, the exit handler or a workflow hook is over."""
    if owner.hook == "":
        run.entry_done = True
        if call.error:
            finishing.abort(run, f"error in entry template execution: {call.error}")
            return
        node = run.nodes[call.node_id]
        run.entry_phase = node.phase
        variables.set_progress(run)
        workflow_hooks.evaluate(run)
    elif owner.hook == "exit":
        run.exit_done = True
        if call.error:
            finishing.abort(run, f"error in exit template execution : {call.error}")
            return
    else:
        run.hooks_running -= 1
    finishing.conclude(run)
