"""The status as users see it, whole or what changed since the last time.

`delta` costs what changed, not what there is. Empty fields are left out, as in the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.core import values
from engine.core.nodes import Node
from engine.core.phases import LEAF_TYPES, Phase
from engine.core.run import Run
from engine.core.values import Json


@dataclass(frozen=True, slots=True)
class StatusPatch:
    """What changed: `head` holds the status without its nodes (None: unchanged), `nodes` whole
    rows by id, `labels` the labels the Workflow object should have."""

    head: Json | None
    nodes: dict[str, Json] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.head is not None or bool(self.nodes)


def delta(run: Run) -> StatusPatch:
    """What changed since the last call; the changes count as written from then on."""
    nodes = {node_id: row(run.nodes[node_id]) for node_id in run.dirty}
    changed = run.head_dirty or bool(nodes)
    run.dirty = {}
    run.head_dirty = False
    return StatusPatch(head(run) if changed else None, nodes, dict(run.labels))


def status(run: Run) -> Json:
    """The whole status."""
    found = head(run)
    if run.nodes:
        found["nodes"] = {node_id: row(node) for node_id, node in run.nodes.items()}
    return found


def head(run: Run) -> Json:
    """The status without its nodes."""
    return _filled(
        {
            "phase": run.phase.value,
            "message": run.message,
            "startedAt": values.rfc3339(run.started_at),
            "finishedAt": values.rfc3339(run.finished_at),
            "progress": f"{run.done_leaves}/{run.all_leaves}",
            "outputs": run.outputs,
            "conditions": list(run.conditions.values()),
            "resourcesDuration": run.resources_duration,
            "storedTemplates": run.stored_templates,
            "storedWorkflowTemplateSpec": run.stored_spec,
            "artifactRepositoryRef": run.artifact_repository,
            "persistentVolumeClaims": [
                {"name": name, "persistentVolumeClaim": {"claimName": claim}}
                for name, claim in run.claims.items()
            ],
            "synchronization": _synchronization(run),
        }
    )


def row(node: Node) -> Json:
    """A node as a row of `status.nodes`."""
    found = _filled(
        {
            "id": node.id,
            "name": node.name,
            "displayName": node.display_name,
            "type": node.type.value,
            "templateName": node.template_name,
            "templateRef": node.template_ref,
            "templateScope": node.template_scope,
            "phase": node.phase.value,
            "boundaryID": node.boundary_id,
            "message": node.message,
            "startedAt": values.rfc3339(node.started_at),
            "finishedAt": values.rfc3339(node.finished_at),
            "progress": _progress(node),
            "resourcesDuration": node.resources_duration,
            "podIP": node.pod_ip if node.daemoned else "",
            "daemoned": node.daemoned,
            "nodeFlag": _filled({"hooked": node.hooked, "retried": node.retried}),
            "inputs": node.inputs,
            "outputs": node.outputs,
            "children": list(node.children) if node.children else None,
            "outboundNodes": node.outbound,
            "hostNodeName": node.host_node_name,
            "memoizationStatus": node.memoization,
            "synchronizationStatus": {"waiting": node.waiting_lock} if node.waiting_lock else None,
        }
    )
    if node.extra:
        return {**node.extra, **found}
    return found


def _progress(node: Node) -> str:
    if node.type not in LEAF_TYPES:
        return ""
    return node.progress or ("1/1" if node.phase is Phase.SUCCEEDED else "0/1")


def _filled(fields: dict[str, Any]) -> Json:
    return {key: value for key, value in fields.items() if value}


def _synchronization(run: Run) -> Json:
    """Who holds and who waits, in the words of `status.synchronization`."""
    found: Json = {}
    for holder, entry in run.locks.items():
        for lock in entry["requests"]:
            kind = "mutex" if lock.mutex else "semaphore"
            block = found.setdefault(kind, {})
            if entry["held"]:
                _holding(block, kind, lock.key, holder)
            elif entry["waiting"] == lock.key:
                block.setdefault("waiting", []).append({kind: lock.key, "holder": holder})
    return found


def _holding(block: Json, kind: str, key: str, holder: str) -> None:
    rows = block.setdefault("holding", [])
    if kind == "mutex":
        rows.append({"mutex": key, "holder": holder})
        return
    known = next((r for r in rows if r["semaphore"] == key), None)
    if known is None:
        rows.append({"semaphore": key, "holders": [holder]})
    else:
        known["holders"].append(holder)
