"""PersistentVolumeClaims and the PodDisruptionBudget of a workflow.

Semantics: Argo's `volumeClaimTemplates` (claim `<workflow>-<name>`, deleted at the end as
`volumeClaimGC` says) and `podDisruptionBudget`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.decisions import CreateVolumes, DeleteDisruptionBudget, DeleteVolumes
from engine.core.phases import Phase
from engine.core.run import Run
from engine.core.values import Json

LABEL = "workflows.argoproj.io/workflow"


def ask(run: Run) -> bool:
    """Ask for the claims; False when there is nothing to wait for."""
    wanted = run.pod_spec_parts.get("volumeClaimTemplates") or ()
    if not wanted or run.claims:
        return False
    names = tuple(str(values.mapping(claim.get("metadata")).get("name")) for claim in wanted)
    run.decide(CreateVolumes(tuple(_claim(run, claim) for claim in wanted), names))
    return True


def _claim(run: Run, raw: Mapping[str, Any]) -> Json:
    metadata = dict(values.mapping(raw.get("metadata")))
    metadata["name"] = f"{run.name}-{metadata.get('name')}"
    metadata["namespace"] = run.namespace
    metadata["labels"] = {**values.mapping(metadata.get("labels")), LABEL: run.name}
    metadata["ownerReferences"] = owners(run)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": dict(values.mapping(raw.get("spec"))),
    }


def owners(run: Run) -> list[Json]:
    """The owner reference of everything that is made for this workflow."""
    return [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "name": run.name,
            "uid": run.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def disruption_budget(run: Run, spec: Mapping[str, Any]) -> Json:
    """The budget that covers this workflow's pods."""
    selector = spec.get("selector") or {"matchLabels": {LABEL: run.name}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": run.name,
            "namespace": run.namespace,
            "labels": {LABEL: run.name},
            "ownerReferences": owners(run),
        },
        "spec": {**spec, "selector": selector},
    }


def release(run: Run) -> None:
    """The workflow is over: delete what need not stay."""
    if run.pod_spec_parts.get("podDisruptionBudget") and run.started_at is not None:
        run.decide(DeleteDisruptionBudget(run.name))
    strategy = values.mapping(run.spec.get("volumeClaimGC")).get("strategy")
    keep = strategy != "OnWorkflowCompletion" and run.phase is not Phase.SUCCEEDED
    if run.claims and not keep:
        run.decide(DeleteVolumes(tuple(run.claims.values())))
        run.claims = {}
        run.head_dirty = True
