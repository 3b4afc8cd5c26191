"""Kubernetes Events of workflows and their nodes, in the words that Argo's users know.

Workflow events are decisions of the core; node events follow from the rows of a status write,
after it, as in Argo's `recordNodePhaseChangeEvents`: a change of phase is told, a node that
appears as Pending is not, and one that was never seen running is told as Running first.
A workflow of thousands of nodes does not flood the cluster: each has a budget.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any

from engine.core.decisions import EmitEvent, EventType
from kube.clock import Clock
from kube.cluster import Object
from kube.eventlog import Entry, EventLog

PREFIX = "workflows.argoproj.io/"
COMPLETED = frozenset({"Succeeded", "Failed", "Error"})
NORMAL = frozenset({"Succeeded", "Running"})
BURST = 200.0  # node events that a workflow may have at once
REFILL = 1.0  # and so many more each second
REMEMBERED = 2_000  # workflows whose budgets are kept

Row = Mapping[str, Any]


class Announcer:
    """Shared by all actors. Nothing here waits or raises."""

    def __init__(self, log: EventLog, clock: Clock, *, nodes: bool = True) -> None:
        self._log = log
        self._clock = clock
        self._nodes = nodes
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def workflow(self, workflow: Object, event: EmitEvent) -> None:
        """What the core asked to tell about a workflow."""
        warning = event.type is EventType.WARNING
        self._log.tell(_typed(workflow), Entry(event.reason, event.message, warning))

    def nodes(
        self, workflow: Object, known: MutableMapping[str, str], rows: Mapping[str, Row | None]
    ) -> None:
        """Tell what `rows`, just written, changed. `known` holds the phases told before."""
        if not self._nodes:
            return
        for node_id, row in rows.items():
            if row is None:
                continue
            phase = str(row.get("phase") or "")
            before = known.get(node_id)
            known[node_id] = phase
            for told in _changes(before, phase):
                if self._may(workflow["metadata"]["uid"], warning=told not in NORMAL):
                    self._log.tell(_typed(workflow), _entry(row, told))

    def _may(self, uid: str, *, warning: bool) -> bool:
        """Take one event from the workflow's budget; warnings may overdraw it five times."""
        now = self._clock.now()
        left, since = self._budgets.pop(uid, (BURST, now))
        left = min(BURST, left + (now - since) * REFILL)
        allowed = left >= 1 or (warning and left > -4 * BURST)
        self._budgets[uid] = (left - 1 if allowed else left, now)
        while len(self._budgets) > REMEMBERED:
            self._budgets.popitem(last=False)
        return allowed


def phases_of(rows: Mapping[str, Row]) -> dict[str, str]:
    """The phases that a recovered workflow's nodes had when its status was written."""
    return {node_id: str(row.get("phase") or "") for node_id, row in rows.items()}


def _changes(before: str | None, phase: str) -> Iterator[str]:
    if before == phase:
        return
    if before in (None, "Pending") and phase in COMPLETED:
        yield "Running"
        yield phase
    elif before is not None or phase == "Running":
        yield phase


def _entry(row: Row, phase: str) -> Entry:
    message = f"{phase} node {row.get('name')}"
    if row.get("message") and phase != "Running":
        message = f"{message}: {row['message']}"
    annotations = {
        f"{PREFIX}node-type": str(row.get("type") or ""),
        f"{PREFIX}node-name": str(row.get("name") or ""),
        f"{PREFIX}node-id": str(row.get("id") or ""),
    }
    if started := row.get("startedAt"):
        nanoseconds = int(datetime.fromisoformat(started).timestamp()) * 1_000_000_000
        annotations[f"{PREFIX}node-start-time"] = str(nanoseconds)
    return Entry(f"WorkflowNode{phase}", message, phase not in NORMAL, annotations)


def _typed(workflow: Object) -> Object:
    """The object with its kind, which items of a list may lack."""
    if workflow.get("kind"):
        return workflow
    return {**workflow, "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
