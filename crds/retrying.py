"""Retrying a workflow that is over: what failed is forgotten, what is good stays.

Pure: an object in, the object to write out. Nothing is started here; the engine takes the object
up like any other and adopts its rows. Source: Argo Workflows `FormulateRetryWorkflow`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crds.operations import OperationError, selectable
from lang import naming, selector
from lang.errors import LangError

Json = dict[str, Any]
Rows = Mapping[str, Json]

LABEL = "workflows.argoproj.io/"
_BAD = frozenset({"Failed", "Error"})
_LEAVES = frozenset({"Pod", "HTTP", "Plugin", "Suspend", "Skipped", "Container"})
_GROUPS = frozenset({"Steps", "StepGroup", "DAG", "TaskGroup", "Retry"})


@dataclass(frozen=True, slots=True)
class Retried:
    """The object to write, and the pods to delete before it is written."""

    workflow: Json
    pods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """`--restart-successful`, `--node-field-selector` and `-p name=value`."""

    restart_successful: bool = False
    node_fields: str = ""
    parameters: Sequence[str] = ()


def retry(workflow: Json, now: float, options: RetryOptions | None = None) -> Retried:
    """The workflow as it goes on after a retry.

    `workflow` is the whole object with its nodes (see `crds.hydration`). Raises OperationError
    with Argo's words where its phase or the options do not allow it.
    """
    options = options or RetryOptions()
    status = workflow.get("status") or {}
    _check(str(status.get("phase") or ""), options)
    rows: Rows = status.get("nodes") or {}
    doomed = _doomed(rows, options) | _exit_handlers(workflow, rows)
    reset = _to_reset(doomed, rows)
    nodes = {}
    for node_id, row in rows.items():
        if node_id not in doomed:
            kept = _reset(row, now) if node_id in reset else row
            nodes[node_id] = _without(kept, doomed)
    pods = (_pod_name(workflow, rows[n]) for n in sorted(doomed) if rows[n].get("type") == "Pod")
    return Retried(_again(workflow, nodes, now, options.parameters), tuple(pods))


def _check(phase: str, options: RetryOptions) -> None:
    if phase in _BAD:
        return
    if phase != "Succeeded":
        raise OperationError(f"Cannot retry a workflow in phase {phase}")
    if not (options.restart_successful and options.node_fields):
        raise OperationError(
            "To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector"
        )


def _doomed(rows: Rows, options: RetryOptions) -> set[str]:
    """Bad leaves that nothing good came after, chosen nodes, and everything behind them."""
    chosen = _chosen(rows, options)
    good = _good_behind(rows)
    start = list(chosen)
    for node_id, row in rows.items():
        bad = row.get("phase") in _BAD and row.get("type") in _LEAVES and node_id not in good
        if bad or row.get("phase") == "Omitted":
            start.append(node_id)
    attempts = _attempts(rows)
    found: set[str] = set()
    while start:
        node_id = start.pop()
        if node_id in found or node_id not in rows:
            continue
        found.add(node_id)
        start.extend(rows[node_id].get("children") or ())
        group = attempts.get(node_id)
        if group is not None and (node_id in chosen or rows[group].get("phase") != "Succeeded"):
            # With one attempt go the others: the node begins again from the first.
            start.extend(c for c in rows[group].get("children") or () if attempts.get(c) == group)
    return found


def _good_behind(rows: Rows) -> set[str]:
    """The nodes behind which something succeeded (hooks aside)."""
    above: dict[str, list[str]] = {}
    for node_id, row in rows.items():
        for child in row.get("children") or ():
            above.setdefault(child, []).append(node_id)
    todo = [n for n, row in rows.items() if row.get("phase") == "Succeeded" and not _hooked(row)]
    found: set[str] = set()
    while todo:
        for parent in above.get(todo.pop(), ()):
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return found


def _hooked(row: Mapping[str, Any]) -> bool:
    return bool((row.get("nodeFlag") or {}).get("hooked"))


def _attempts(rows: Rows) -> dict[str, str]:
    """Attempt → its Retry node."""
    return {
        child: node_id
        for node_id, row in rows.items()
        if row.get("type") == "Retry"
        for child in row.get("children") or ()
        if child in rows and not _hooked(rows[child])
    }


def _chosen(rows: Rows, options: RetryOptions) -> set[str]:
    if not (options.restart_successful and options.node_fields):
        return set()
    try:
        wanted = selector.parse(options.node_fields)
    except LangError as error:
        raise OperationError(error.message) from None
    return {node_id for node_id, row in rows.items() if wanted.matches(selectable(row))}


def _exit_handlers(workflow: Json, rows: Rows) -> set[str]:
    prefix = f"{workflow['metadata']['name']}.onExit"
    return {n for n, row in rows.items() if str(row.get("name", "")).startswith(prefix)}


def _to_reset(doomed: set[str], rows: Rows) -> set[str]:
    """Groups and flows above what is forgotten, and every bad one: they run again."""
    parents: dict[str, list[str]] = {}
    for node_id, row in rows.items():
        for child in row.get("children") or ():
            parents.setdefault(child, []).append(node_id)
    found: set[str] = set()
    todo = list(doomed)
    while todo:
        node_id = todo.pop()
        for parent in _above(node_id, rows, parents):
            if parent not in rows or parent in found or parent in doomed:
                continue
            row = rows[parent]
            if row.get("type") in _GROUPS and not _still_good(row, doomed):
                found.add(parent)
                todo.append(parent)
    bad = {n for n, r in rows.items() if r.get("type") in _GROUPS and r.get("phase") in _BAD}
    return found | (bad - doomed)


def _above(node_id: str, rows: Rows, parents: Mapping[str, list[str]]) -> Iterator[str]:
    yield from parents.get(node_id, ())
    boundary = rows.get(node_id, {}).get("boundaryID")
    if boundary:
        yield str(boundary)


def _still_good(row: Mapping[str, Any], doomed: set[str]) -> bool:
    """A Retry node that loses only its bad attempts is as good as before."""
    children = row.get("children") or ()
    return (
        row.get("type") == "Retry"
        and row.get("phase") == "Succeeded"
        and any(child not in doomed for child in children)
    )


def _reset(row: Mapping[str, Any], now: float) -> Json:
    drop = ("message", "finishedAt", "outputs", "outboundNodes")
    found = {key: value for key, value in row.items() if key not in drop}
    return {**found, "phase": "Running", "startedAt": _stamp(now)}


def _without(row: Mapping[str, Any], doomed: set[str]) -> Json:
    found = dict(row)
    for field in ("children", "outboundNodes"):
        kept = [node_id for node_id in row.get(field) or () if node_id not in doomed]
        if kept:
            found[field] = kept
        else:
            found.pop(field, None)
    return found


def _pod_name(workflow: Json, row: Mapping[str, Any]) -> str:
    metadata = workflow["metadata"]
    reference = row.get("templateRef") or {}
    template = str(reference.get("template") or row.get("templateName") or "")
    version = naming.pod_name_version(metadata.get("annotations") or {})
    return naming.pod_name(metadata["name"], str(row["name"]), template, version=version)


def _again(workflow: Json, nodes: Json, now: float, parameters: Sequence[str]) -> Json:
    """The object with its phase, labels and spec set back."""
    metadata = dict(workflow["metadata"])
    dropped = {f"{LABEL}{name}" for name in ("completed", "workflow-archiving-status", "phase")}
    labels = metadata.get("labels") or {}
    metadata["labels"] = {key: value for key, value in labels.items() if key not in dropped}
    status = dict(workflow["status"])
    for key in ("message", "finishedAt", "persistentVolumeClaims", "compressedNodes"):
        status.pop(key, None)
    status |= {"phase": "", "startedAt": _stamp(now), "nodes": nodes}
    status["conditions"] = [
        each for each in status.get("conditions") or () if each.get("type") != "Completed"
    ]
    if status.get("storedWorkflowTemplateSpec"):
        status["storedWorkflowTemplateSpec"] = revived(
            status["storedWorkflowTemplateSpec"], parameters
        )
    spec = revived(workflow.get("spec") or {}, parameters)
    return {**workflow, "metadata": metadata, "status": status, "spec": spec}


def revived(spec: Mapping[str, Any], parameters: Sequence[str]) -> Json:
    """The spec of a workflow that is to run again: no shutdown, and parameters given anew."""
    found = {key: value for key, value in spec.items() if key != "shutdown"}
    if found.get("activeDeadlineSeconds") == 0:
        found.pop("activeDeadlineSeconds")
    if parameters:
        found["arguments"] = _overridden(spec.get("arguments") or {}, parameters)
    return found


def _overridden(arguments: Mapping[str, Any], parameters: Sequence[str]) -> Json:
    given = []
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise OperationError(f"expected parameter of the form: NAME=VALUE. Received: {text}")
        given.append({"name": name, "value": value})
    names = {parameter["name"] for parameter in given}
    others = [p for p in arguments.get("parameters") or () if p.get("name") not in names]
    return {**arguments, "parameters": [*given, *others]}


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
