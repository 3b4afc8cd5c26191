"""What people do to a Workflow, as merge patches on the object: stop, terminate, suspend, resume.

Pure: a workflow in, a patch out. The same patches are what Argo's own clients write, so the
engine sees one kind of change whoever made it. Source: Argo Workflows `workflow/util`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from crds import hydration
from lang import selector

FINISHED = {"Succeeded", "Failed", "Error"}


class OperationError(ValueError):
    """The operation does not fit the workflow's state; the text says which and why."""


def stop(
    workflow: dict[str, Any], now: float, *, node_fields: str = "", message: str = ""
) -> dict[str, Any]:
    """Run exit handlers, start nothing else. With `node_fields`, fail those suspend nodes only."""
    if not node_fields:
        return _shutdown(workflow, "Stop")
    return _end_suspended(workflow, now, node_fields, "Failed", message)


def terminate(workflow: dict[str, Any]) -> dict[str, Any]:
    """End everything at once, exit handlers too."""
    return _shutdown(workflow, "Terminate")


def suspend(workflow: dict[str, Any]) -> dict[str, Any]:
    """Start no further node until resumed."""
    if _phase(workflow) in FINISHED:
        raise OperationError(f"cannot suspend a completed workflow: {_named(workflow)}")
    return {"spec": {"suspend": True}}


def resume(workflow: dict[str, Any], now: float, *, node_fields: str = "") -> dict[str, Any]:
    """Undo `suspend`, and let waiting suspend nodes (all, or those chosen) succeed."""
    if node_fields:
        return _end_suspended(workflow, now, node_fields, "Succeeded", "")
    patch: dict[str, Any] = {"spec": {"suspend": None}}
    if any(map(_waits, hydration.nodes_of(workflow).values())):
        patch.update(_end_suspended(workflow, now, "", "Succeeded", ""))
    return patch


def _shutdown(workflow: dict[str, Any], strategy: str) -> dict[str, Any]:
    if _phase(workflow) in FINISHED:
        raise OperationError(f"cannot shutdown a completed workflow: {_named(workflow)}")
    return {"spec": {"shutdown": strategy}}


def _end_suspended(
    workflow: dict[str, Any], now: float, node_fields: str, phase: str, message: str
) -> dict[str, Any]:
    chosen = _chooser(node_fields)
    nodes = hydration.nodes_of(workflow)
    waiting = {i: node for i, node in nodes.items() if _waits(node) and chosen(node)}
    if not waiting:
        raise OperationError(
            f"no waiting suspend node of {_named(workflow)}"
            + (f" matches {node_fields!r}" if node_fields else "")
        )
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = {i: _ended(node, phase, message, stamp) for i, node in waiting.items()}
    if (workflow.get("status") or {}).get("compressedNodes"):
        table = {i: {**node, **changed.get(i, {})} for i, node in nodes.items()}
        return {"status": {"compressedNodes": hydration.compress(table)}}
    return {"status": {"nodes": changed}}


def _ended(node: dict[str, Any], phase: str, message: str, stamp: str) -> dict[str, Any]:
    change: dict[str, Any] = {"phase": phase, "finishedAt": stamp}
    if message:
        before = node.get("message")
        change["message"] = f"{before}; {message}" if before else message
    parameters = (node.get("outputs") or {}).get("parameters")
    if parameters and phase == "Succeeded":
        filled = [_supplied(parameter) for parameter in parameters]
        change["outputs"] = {**node["outputs"], "parameters": filled}
    return change


def _supplied(parameter: dict[str, Any]) -> dict[str, Any]:
    """A supplied output that nobody supplied takes its default."""
    source = parameter.get("valueFrom") or {}
    if parameter.get("value") is not None or source.get("default") is None:
        return parameter
    kept = {k: v for k, v in parameter.items() if k != "valueFrom"}
    return {**kept, "value": source["default"]}


def _waits(node: dict[str, Any]) -> bool:
    return node.get("type") == "Suspend" and node.get("phase") == "Running"


def _chooser(node_fields: str) -> Callable[[dict[str, Any]], bool]:
    if not node_fields:
        return lambda _: True
    parsed = selector.parse(node_fields)
    return lambda node: parsed.matches(selectable(node))


def selectable(node: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a node that `--node-field-selector` can name."""
    reference = node.get("templateRef") or {}
    names = ("displayName", "templateName", "phase", "name", "id", "type")
    fields = {k: str(node.get(k) or "") for k in names}
    fields["templateRef.name"] = reference.get("name", "")
    fields["templateRef.template"] = reference.get("template", "")
    for parameter in (node.get("inputs") or {}).get("parameters") or []:
        fields[f"inputs.parameters.{parameter['name']}.value"] = str(parameter.get("value", ""))
    return fields


def _phase(workflow: dict[str, Any]) -> str:
    return (workflow.get("status") or {}).get("phase") or ""


def _named(workflow: dict[str, Any]) -> str:
    meta = workflow.get("metadata") or {}
    return f'workflow: "{meta.get("name", "")}", namespace: "{meta.get("namespace", "")}"'
