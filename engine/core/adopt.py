"""Adopting a status: nodes that were there before are taken up again instead of started again.

This is recovery, and it is also how a retried workflow goes on. The rows are loaded as they are;
the calls are then made anew from the entrypoint down, and each finds its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.nodes import Node
from engine.core.phases import ACTIVE, LEAF_TYPES, NodeType, Phase
from engine.core.run import Run
from engine.core.values import Json

_COUNTED = frozenset({NodeType.POD, NodeType.STEPS, NodeType.DAG})

_KNOWN = frozenset(
    {
        "id", "name", "displayName", "type", "phase", "boundaryID", "message", "templateName",
        "templateRef", "templateScope", "startedAt", "finishedAt", "inputs", "outputs",
        "children", "outboundNodes", "nodeFlag", "daemoned", "podIP", "hostNodeName", "progress",
        "resourcesDuration", "memoizationStatus", "synchronizationStatus",
    }
)  # fmt: skip


def adopt_status(run: Run, status: Mapping[str, Any]) -> None:
    """Load what a status holds into an empty run."""
    run.phase = Phase(str(status.get("phase") or ""))
    run.message = str(status.get("message") or "")
    run.started_at = values.moment(status.get("startedAt"))
    run.finished_at = values.moment(status.get("finishedAt"))
    run.outputs = _copy(status.get("outputs"))
    run.stored_templates = _copy(status.get("storedTemplates"))
    stored = status.get("storedWorkflowTemplateSpec")
    run.stored_spec = dict(stored) if stored else None
    repository = status.get("artifactRepositoryRef")
    run.artifact_repository = dict(repository) if repository else None
    for volume in status.get("persistentVolumeClaims") or ():
        claim = values.mapping(volume.get("persistentVolumeClaim")).get("claimName")
        run.claims[str(volume.get("name"))] = str(claim or "")
    for condition in status.get("conditions") or ():
        run.conditions[str(condition.get("type"))] = dict(condition)
    run.resources_duration = _copy(status.get("resourcesDuration"))
    for node_id, row in values.mapping(status.get("nodes")).items():
        run.nodes[str(node_id)] = node = parse(row)
        if node.type in LEAF_TYPES:
            run.all_leaves += 1
            run.done_leaves += node.phase is Phase.SUCCEEDED
        if node.phase in ACTIVE and node.type in _COUNTED and not node.waiting_lock:
            _count(run, node)


def _count(run: Run, node: Node) -> None:
    """An active row takes its place before anything new may start."""
    if node.daemoned:
        return
    run.adopted.add(node.id)
    known = run.adopted_children.get(node.boundary_id, 0)
    run.adopted_children[node.boundary_id] = known + (not node.hooked)
    if node.type is NodeType.POD:
        run.adopted_pods.add(node.id)
        run.limit.active += 1


def _copy(value: Any) -> Json:
    return {k: (list(v) if isinstance(v, list) else v) for k, v in values.mapping(value).items()}


def parse(row: Mapping[str, Any]) -> Node:
    """The node of a row of `status.nodes`."""
    flag = values.mapping(row.get("nodeFlag"))
    children = row.get("children")
    outbound = row.get("outboundNodes")
    waiting = values.mapping(row.get("synchronizationStatus")).get("waiting")
    return Node(
        id=str(row.get("id")),
        name=str(row.get("name")),
        display_name=str(row.get("displayName") or row.get("name")),
        type=NodeType(str(row.get("type"))),
        phase=Phase(str(row.get("phase") or "")),
        boundary_id=str(row.get("boundaryID") or ""),
        message=str(row.get("message") or ""),
        template_name=str(row.get("templateName") or ""),
        template_ref=dict(row["templateRef"]) if row.get("templateRef") else None,
        template_scope=str(row.get("templateScope") or ""),
        started_at=values.moment(row.get("startedAt")),
        finished_at=values.moment(row.get("finishedAt")),
        inputs=dict(row["inputs"]) if row.get("inputs") else None,
        outputs=dict(row["outputs"]) if row.get("outputs") else None,
        children=dict.fromkeys(children) if children else None,
        outbound=list(outbound) if outbound else None,
        hooked=bool(flag.get("hooked")),
        retried=bool(flag.get("retried")),
        daemoned=bool(row.get("daemoned")),
        pod_ip=str(row.get("podIP") or ""),
        host_node_name=str(row.get("hostNodeName") or ""),
        progress=str(row.get("progress") or ""),
        resources_duration=row.get("resourcesDuration"),
        memoization=row.get("memoizationStatus"),
        waiting_lock=str(waiting or ""),
        extra={k: v for k, v in row.items() if k not in _KNOWN} or None,
    )
