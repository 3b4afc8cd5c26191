"""What people do to a finished workflow: retry it, resubmit it. Functions on the object.

Nothing is started here: the object that comes out is written, and the engine takes it up like any
other (its rows are adopted). Semantics: Argo's `FormulateRetryWorkflow` and
`FormulateResubmitWorkflow`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core import values, variables
from engine.core.phases import BAD, Phase
from engine.core.values import Json
from lang import naming, selector
from lang.errors import LangError

LABEL = "workflows.argoproj.io/"
_LEAVES = frozenset({"Pod", "HTTP", "Plugin", "Suspend", "Skipped", "Container"})
_GROUPS = frozenset({"Steps", "StepGroup", "DAG", "TaskGroup", "Retry"})


class OperationRefused(ValueError):
    """The workflow is in no state for it; the text says why."""


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
    """The workflow as it goes on after a retry: what failed is forgotten, what is good stays.

    `workflow` is the whole object with its nodes. Raises OperationRefused.
    """
    options = options or RetryOptions()
    status = values.mapping(workflow.get("status"))
    _check(str(status.get("phase") or ""), options)
    rows = dict(values.mapping(status.get("nodes")))
    parents = _parents(rows)
    doomed = _doomed(rows, options)
    doomed |= _exit_handlers(workflow, rows)
    kept = {node_id: row for node_id, row in rows.items() if node_id not in doomed}
    reset = _ancestors(doomed, parents, rows)
    nodes = {
        node_id: _reset(row, now) if node_id in reset else _without(row, doomed)
        for node_id, row in kept.items()
    }
    nodes = {node_id: _without(row, doomed) for node_id, row in nodes.items()}
    pods = tuple(_pod_name(workflow, rows[n]) for n in sorted(doomed) if _is_pod(rows[n]))
    return Retried(_again(workflow, nodes, now, options.parameters), pods)


def _check(phase: str, options: RetryOptions) -> None:
    if phase in (Phase.FAILED, Phase.ERROR):
        return
    if phase == Phase.SUCCEEDED and options.restart_successful and options.node_fields:
        return
    if phase == Phase.SUCCEEDED:
        raise OperationRefused(
            "To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector"
        )
    raise OperationRefused(f"Cannot retry a workflow in phase {phase}")


def _parents(rows: Mapping[str, Json]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node_id, row in rows.items():
        for child in row.get("children") or ():
            found.setdefault(child, []).append(node_id)
    return found


def _doomed(rows: Mapping[str, Json], options: RetryOptions) -> set[str]:
    """Bad leaves, chosen ones, and everything behind them."""
    chosen = _chosen(rows, options)
    start = [
        node_id
        for node_id, row in rows.items()
        if node_id in chosen or (row.get("phase") in BAD and row.get("type") in _LEAVES)
    ]
    start += [n for n, row in rows.items() if row.get("phase") == Phase.OMITTED]
    found: set[str] = set()
    while start:
        node_id = start.pop()
        if node_id not in found and node_id in rows:
            found.add(node_id)
            start.extend(rows[node_id].get("children") or ())
            start.extend(_attempts_after(rows, node_id))
    return found


def _attempts_after(rows: Mapping[str, Json], node_id: str) -> list[str]:
    """With one attempt of a retried node goes every other: it begins from the first again."""
    row = rows[node_id]
    if not values.mapping(row.get("nodeFlag")).get("retried"):
        return []
    base = str(row.get("name", "")).rpartition("(")[0]
    return [
        other
        for other, found in rows.items()
        if values.mapping(found.get("nodeFlag")).get("retried")
        and str(found.get("name", "")).rpartition("(")[0] == base
    ]


def _chosen(rows: Mapping[str, Json], options: RetryOptions) -> set[str]:
    if not (options.restart_successful and options.node_fields):
        return set()
    try:
        wanted = selector.parse(options.node_fields)
    except LangError as error:
        raise OperationRefused(error.message) from None
    return {node_id for node_id, row in rows.items() if wanted.matches(_fields(row))}


def _fields(row: Mapping[str, Any]) -> dict[str, str]:
    found = {
        key: str(row.get(key) or "")
        for key in ("displayName", "templateName", "phase", "name", "id", "type")
    }
    reference = values.mapping(row.get("templateRef"))
    found["templateRef.name"] = str(reference.get("name") or "")
    found["templateRef.template"] = str(reference.get("template") or "")
    for parameter in values.mapping(row.get("inputs")).get("parameters") or ():
        found[f"inputs.parameters.{parameter['name']}.value"] = str(parameter.get("value") or "")
    return found


def _exit_handlers(workflow: Json, rows: Mapping[str, Json]) -> set[str]:
    prefix = f"{workflow['metadata']['name']}.onExit"
    return {n for n, row in rows.items() if str(row.get("name", "")).startswith(prefix)}


def _ancestors(
    doomed: set[str], parents: Mapping[str, list[str]], rows: Mapping[str, Json]
) -> set[str]:
    """Groups and flows above what is forgotten: they run again."""
    found: set[str] = set()
    todo = list(doomed)
    while todo:
        node_id = todo.pop()
        above = list(parents.get(node_id, ()))
        boundary = rows.get(node_id, {}).get("boundaryID")
        if boundary:
            above.append(boundary)
        for parent in above:
            row = rows.get(parent)
            if row is None or parent in found or parent in doomed:
                continue
            if row.get("type") in _GROUPS:
                found.add(parent)
                todo.append(parent)
    bad = {n for n, r in rows.items() if r.get("type") in _GROUPS and r.get("phase") in BAD}
    return found | (bad - doomed)


def _reset(row: Mapping[str, Any], now: float) -> Json:
    drop = ("message", "finishedAt", "outputs", "outboundNodes")
    found = {key: value for key, value in row.items() if key not in drop}
    found["phase"] = Phase.RUNNING.value
    found["startedAt"] = values.rfc3339(now)
    return found


def _without(row: Mapping[str, Any], doomed: set[str]) -> Json:
    found = dict(row)
    children = [child for child in row.get("children") or () if child not in doomed]
    if children:
        found["children"] = children
    else:
        found.pop("children", None)
    return found


def _is_pod(row: Mapping[str, Any]) -> bool:
    return row.get("type") == "Pod"


def _pod_name(workflow: Json, row: Mapping[str, Any]) -> str:
    metadata = workflow["metadata"]
    template = variables.template_name(str(row.get("templateName") or ""), row.get("templateRef"))
    version = naming.pod_name_version(values.mapping(metadata.get("annotations")))
    return naming.pod_name(metadata["name"], str(row["name"]), template, version=version)


def _again(workflow: Json, nodes: Json, now: float, parameters: Sequence[str]) -> Json:
    """The object with its phase, labels and spec set back."""
    metadata = dict(workflow["metadata"])
    labels = dict(values.mapping(metadata.get("labels")))
    for name in ("completed", "workflow-archiving-status", "phase"):
        labels.pop(f"{LABEL}{name}", None)
    metadata["labels"] = labels
    status = dict(workflow["status"])
    for key in ("message", "finishedAt", "persistentVolumeClaims", "compressedNodes"):
        status.pop(key, None)
    status["phase"] = ""
    status["startedAt"] = values.rfc3339(now)
    status["nodes"] = nodes
    status["conditions"] = [
        c for c in status.get("conditions") or () if c.get("type") != "Completed"
    ]
    if status.get("storedWorkflowTemplateSpec"):
        stored = status["storedWorkflowTemplateSpec"]
        status["storedWorkflowTemplateSpec"] = _spec(stored, parameters)
    found = {**workflow, "metadata": metadata, "status": status}
    found["spec"] = _spec(workflow.get("spec") or {}, parameters)
    return found


def _spec(spec: Mapping[str, Any], parameters: Sequence[str]) -> Json:
    found = {key: value for key, value in spec.items() if key != "shutdown"}
    if found.get("activeDeadlineSeconds") == 0:
        found.pop("activeDeadlineSeconds")
    if parameters:
        found["arguments"] = _overridden(values.mapping(spec.get("arguments")), parameters)
    return found


def _overridden(arguments: Mapping[str, Any], parameters: Sequence[str]) -> Json:
    given = []
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise OperationRefused(f"expected parameter of the form: NAME=VALUE. Received: {text}")
        given.append({"name": name, "value": value})
    names = {parameter["name"] for parameter in given}
    others = [p for p in arguments.get("parameters") or () if p.get("name") not in names]
    return {**arguments, "parameters": [*given, *others]}


def resubmit(workflow: Json) -> Json:
    """A new workflow like an old one, to be created under a generated name."""
    metadata = values.mapping(workflow.get("metadata"))
    drop = ("creator", "phase", "completed", "workflow-archiving-status")
    dropped = {f"{LABEL}{name}" for name in drop}
    labels = {
        key: value
        for key, value in values.mapping(metadata.get("labels")).items()
        if key not in dropped and not key.startswith(f"{LABEL}creator-")
    }
    labels[f"{LABEL}resubmitted-from-workflow"] = str(metadata.get("name"))
    base = str(metadata.get("generateName") or f"{metadata.get('name')}-")
    found: Json = {
        "apiVersion": workflow.get("apiVersion", "argoproj.io/v1alpha1"),
        "kind": "Workflow",
        "metadata": {
            "generateName": base,
            "namespace": metadata.get("namespace"),
            "labels": labels,
            "annotations": dict(values.mapping(metadata.get("annotations"))),
        },
        "spec": _spec(values.mapping(workflow.get("spec")), ()),
    }
    if metadata.get("ownerReferences"):
        found["metadata"]["ownerReferences"] = metadata["ownerReferences"]
    return found
