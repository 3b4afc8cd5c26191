"""What somebody else changed on a live Workflow, as facts.

Our own writes come back through the watch as well; the actor drops those by resourceVersion
before it asks here. Suspend nodes are compared because Argo's clients resume by writing them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.core import facts
from engine.core.nodes import Node
from engine.core.phases import NodeType, Phase
from engine.core.run import Run

ENDED = {"Succeeded", "Failed", "Error"}


def facts_of(
    run: Run,
    before: dict[str, Any],
    after: dict[str, Any],
    rows_of: Callable[[dict[str, Any]], Mapping[str, Any]],
) -> Iterator[facts.Fact]:
    """The facts that lead from the object `before` to `after`, in order."""
    spec = after.get("spec") or {}
    edited = spec != (before.get("spec") or {})
    waiting = [n for n in run.nodes.values() if _waits(n)] if after.get("status") else []
    if waiting:
        rows = rows_of(after)
        for node in waiting:
            row = rows.get(node.id)
            if row is not None:
                yield from _suspend_node(node, row)
    if edited:
        yield facts.SpecChanged(spec)


def _waits(node: Node) -> bool:
    return node.type is NodeType.SUSPEND and node.phase is Phase.RUNNING


def _suspend_node(node: Node, row: dict[str, Any]) -> Iterator[facts.Fact]:
    phase = row.get("phase")
    supplied = _supplied(node, row)
    message = row.get("message") or ""
    added = message[len(node.message) :].removeprefix("; ") if message != node.message else ""
    if phase in ENDED:
        yield facts.NodeSet((node.id,), Phase(phase), added, supplied)
    elif supplied or added:
        yield facts.NodeSet((node.id,), None, added, supplied)


def _supplied(node: Node, row: dict[str, Any]) -> dict[str, str]:
    """Output parameters that have a value in the row and had none in the node."""
    known = {p["name"]: p.get("value") for p in (node.outputs or {}).get("parameters") or ()}
    return {
        p["name"]: str(p["value"])
        for p in (row.get("outputs") or {}).get("parameters") or ()
        if p.get("value") is not None and known.get(p["name"]) != p["value"]
    }
