"""Resubmitting: a new workflow like an old one, from scratch or with what it did already.

Pure: an object in, the object to create out. Source: Argo Workflows `FormulateResubmitWorkflow`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crds.operations import OperationError
from crds.retrying import LABEL, revived
from lang import naming

Json = dict[str, Any]

_DROPPED = ("creator", "phase", "completed", "workflow-archiving-status")


def resubmit(workflow: Mapping[str, Any], parameters: Sequence[str] = ()) -> Json:
    """A new workflow under a generated name. `parameters` are `NAME=VALUE`.

    Raises OperationError for a parameter of another form.
    """
    metadata = workflow.get("metadata") or {}
    name = str(metadata.get("name") or "")
    dropped = {f"{LABEL}{each}" for each in _DROPPED}
    labels = {
        key: value
        for key, value in (metadata.get("labels") or {}).items()
        if key not in dropped and not key.startswith(f"{LABEL}creator-")
    }
    labels[f"{LABEL}resubmitted-from-workflow"] = name
    made: Json = {
        "generateName": str(metadata.get("generateName") or f"{name}-"),
        "namespace": metadata.get("namespace"),
        "labels": labels,
        "annotations": dict(metadata.get("annotations") or {}),
    }
    if metadata.get("ownerReferences"):
        made["ownerReferences"] = metadata["ownerReferences"]
    return {
        "apiVersion": workflow.get("apiVersion", "argoproj.io/v1alpha1"),
        "kind": "Workflow",
        "metadata": made,
        "spec": revived(workflow.get("spec") or {}, parameters),
    }


def memoized(
    workflow: Mapping[str, Any], name: str, now: float, parameters: Sequence[str] = ()
) -> Json:
    """A new workflow called `name` that skips the pods which were good in the old one.

    Raises OperationError unless the old one is Failed or Error.
    """
    status = workflow.get("status") or {}
    phase = str(status.get("phase") or "")
    if phase not in ("Failed", "Error"):
        raise OperationError(
            "workflow must be Failed/Error to resubmit in memoized mode"
            if phase
            else "Cannot resubmit a workflow that has not run"
        )
    made = resubmit(workflow, parameters)
    made["metadata"] = {k: v for k, v in made["metadata"].items() if k != "generateName"}
    made["metadata"]["name"] = name
    copy = _Copy(str(workflow["metadata"]["name"]), name, status.get("nodes") or {}, now)
    made["status"] = {"phase": "", "nodes": copy.nodes()}
    if status.get("storedTemplates"):
        made["status"]["storedTemplates"] = dict(status["storedTemplates"])
    return made


class _Copy:
    """The node table under the new name: good pods as skipped rows, the rest to run again."""

    def __init__(self, old: str, new: str, rows: Mapping[str, Json], now: float) -> None:
        self._old, self._new, self._rows = old, new, rows
        self._stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def nodes(self) -> Json:
        exit_handler = f"{self._old}.onExit"
        kept = [r for r in self._rows.values() if not str(r["name"]).startswith(exit_handler)]
        copies = [self._row(row) for row in kept if self._stays(row)]
        known = {row["id"] for row in copies}
        for row in copies:
            for field in ("children", "outboundNodes"):
                if row.get(field):
                    row[field] = [node_id for node_id in row[field] if node_id in known]
        return {row["id"]: row for row in copies}

    def _stays(self, row: Mapping[str, Any]) -> bool:
        """Bad leaves, and what was skipped because of them, come anew."""
        if row.get("type") in ("Pod", "HTTP", "Plugin", "Suspend", "Container"):
            return row.get("phase") == "Succeeded"
        return row.get("type") != "Skipped" or row.get("phase") == "Skipped"

    def _row(self, row: Mapping[str, Any]) -> Json:
        found = {k: v for k, v in row.items() if k not in ("message", "finishedAt")}
        name = self._new + str(row["name"]).removeprefix(self._old)
        found |= {"id": naming.node_id(self._new, name), "name": name, "startedAt": self._stamp}
        if row["name"] == self._old:
            found["displayName"] = name
        if row.get("boundaryID"):
            found["boundaryID"] = self._id(row["boundaryID"])
        for field in ("children", "outboundNodes"):
            if row.get(field):
                found[field] = [self._id(node_id) for node_id in row[field]]
        if row.get("type") in ("Pod", "Skipped"):
            found |= {"type": "Skipped", "phase": "Skipped", "finishedAt": self._stamp}
            if row.get("type") == "Pod":
                found["message"] = f"original pod: {row['id']}"
        elif row.get("phase") != "Succeeded" or row.get("type") not in ("HTTP", "Plugin"):
            found["phase"] = "Running"
        return found

    def _id(self, node_id: str) -> str:
        row = self._rows.get(node_id)
        if row is None:
            return node_id
        return naming.node_id(self._new, self._new + str(row["name"]).removeprefix(self._old))
