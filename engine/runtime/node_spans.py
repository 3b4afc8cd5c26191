"""A finished workflow and its nodes as spans: each below the node that started it.

Called by the status writer, once the last status is stored. The trace is the one that the
trigger, or whoever submitted, put into the workflow's annotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.core.podspec import TRACE
from kube import spans
from kube.cluster import Object

_FAILED = frozenset({"Failed", "Error"})


def export(workflow: Object) -> None:
    """Hand the spans to the exporter, if there is one."""
    status = workflow.get("status") or {}
    times = _times(status)
    if not spans.exporting() or times is None:
        return
    meta = workflow["metadata"]
    attributes = {
        "workflow.namespace": meta["namespace"],
        "workflow.name": meta["name"],
        "workflow.uid": meta["uid"],
        "workflow.phase": status.get("phase", ""),
    }
    given = (meta.get("annotations") or {}).get(TRACE, "")
    root = spans.record(f"workflow {meta['name']}", given, times, attributes, _fault(status))
    known: dict[str, str] = {}
    nodes = [node for node in (status.get("nodes") or {}).values() if _times(node)]
    for node in sorted(nodes, key=lambda each: (each["startedAt"], bool(each.get("boundaryID")))):
        known[node["id"]] = _node(node, known.get(node.get("boundaryID", ""), root))


def _node(node: Mapping[str, Any], parent: str) -> str:
    times = _times(node)
    assert times is not None
    attributes = {
        "workflow.node.id": node["id"],
        "workflow.node.type": node.get("type", ""),
        "workflow.node.phase": node.get("phase", ""),
        "workflow.template": node.get("templateName", ""),
    }
    name = f"{node.get('type', 'node')} {node.get('displayName', node['id'])}"
    return spans.record(name, parent, times, attributes, _fault(node))


def _times(status: Mapping[str, Any]) -> tuple[float, float] | None:
    """Start and end; None for what never ran."""
    texts = status.get("startedAt"), status.get("finishedAt")
    if not all(texts):
        return None
    start, end = (datetime.fromisoformat(str(text)).timestamp() for text in texts)
    return start, max(start, end)


def _fault(status: Mapping[str, Any]) -> str:
    phase = status.get("phase", "")
    return str(status.get("message") or phase) if phase in _FAILED else ""
