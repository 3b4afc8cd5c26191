"""Checking a workflow before it runs, with the very code that lint uses (`crds.validation`).

The first finding decides: the workflow fails with `invalid spec: …`, in the words of lint. Two
things are stricter than in lint: every argument needs a value, and references must exist.
Called once per workflow, before anything of it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds.errors import CrdError
from crds.validation import Library, limits
from crds.validation.report import Report, Site
from crds.validation.workflow import Mode, check_spec, decoded
from crds.workflow import Workflow
from engine.core import facts, values
from engine.core.errors import SpecError
from engine.core.run import Run
from lang import strategic_merge


def check(run: Run) -> None:
    """Raise SpecError for the first mistake in the spec that is to be executed."""
    item = {"metadata": _metadata(run), "spec": _spec(run)}
    try:
        plain, found = decoded(item, Workflow, strict=False)
    except CrdError as error:
        raise SpecError(error.errors[0].message) from None
    if found:
        raise SpecError(found[0].message)
    for _, text in limits.quantity_faults(plain.get("spec") or {}, "spec"):
        raise SpecError(text)
    report = Report()
    check_spec(report, Site("spec"), plain, _Live(run.library), Mode(needs_values=True))
    if report.findings:
        raise SpecError(report.findings[0].message)


def _metadata(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "namespace": run.namespace,
        "labels": run.labels,
        "annotations": run.annotations,
    }


def _spec(run: Run) -> Mapping[str, Any]:
    """Without a reference the spec as it runs; with one, lint joins the two itself."""
    if not run.stored:
        return run.spec
    own = values.mapping(run.manifest.get("spec"))
    defaults = values.mapping(run.config.workflow_defaults.get("spec"))
    return strategic_merge.workflow_spec(own, None, defaults) if defaults else own


class _Live(Library):
    """The stored templates as the cluster holds them now: all of one namespace."""

    def __init__(self, library: facts.Library) -> None:
        super().__init__()
        self._live = library

    def _find(self, name: str, namespace: str, cluster: bool) -> Mapping[str, Any] | None:
        if cluster:
            found = self._live.cluster_workflow_templates.get(name)
        else:
            found = self._live.workflow_templates.get(name)
        kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
        # One that does not exist has no templates: then the message names what was referred to.
        return {**(found or {"spec": {}}), "kind": kind}
