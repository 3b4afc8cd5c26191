"""The spec to execute: the workflow's own, over the referenced template's, over the defaults.

Frozen in `storedWorkflowTemplateSpec` at the first look; later edits of the template change
nothing. Semantics: Argo's `setExecWorkflow` and `JoinWorkflowSpec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.errors import CoreError, SpecError
from engine.core.run import Run
from engine.core.values import Json
from lang import strategic_merge

LABEL = "workflows.argoproj.io/"


def set_spec(run: Run) -> None:
    """Fill `run.spec` from the manifest, the library and the controller's defaults.

    Raises SpecError for a spec that may not be combined, CoreError for a missing template.
    """
    own: Json = dict(run.manifest.get("spec") or {})
    reference = own.get("workflowTemplateRef")
    defaults = values.mapping(run.config.workflow_defaults.get("spec"))
    _default_metadata(run)
    if not reference:
        if run.config.templates_must_be_referenced:
            raise CoreError(
                "workflows must use workflowTemplateRef to be executed when the controller is "
                "in reference mode"
            )
        run.spec = strategic_merge.workflow_spec(own, None, defaults or None) if defaults else own
        return
    run.stored = True
    cluster = bool(reference.get("clusterScope"))
    kind = "cluster-workflow-template" if cluster else "workflow-template"
    run.labels[f"{LABEL}{kind}"] = str(reference.get("name"))
    if own.get("templates"):
        raise SpecError(
            "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
        )
    if run.stored_spec is None:
        stored = _stored(run, str(reference.get("name")), cluster=cluster)
        run.stored_spec = strategic_merge.workflow_spec(own, stored, defaults or None)
    # What may be changed on the live object is taken from it again.
    run.spec = dict(run.stored_spec)
    for field in ("entrypoint", "shutdown", "suspend", "activeDeadlineSeconds"):
        if own.get(field) is not None:
            run.spec[field] = own[field]


def _stored(run: Run, name: str, *, cluster: bool) -> Mapping[str, Any]:
    library = run.library.cluster_workflow_templates if cluster else run.library.workflow_templates
    found = library.get(name)
    if found is None:
        kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
        plural = kind.lower() + "s"
        raise CoreError(f'{plural}.argoproj.io "{name}" not found')
    return values.mapping(found.get("spec"))


def _default_metadata(run: Run) -> None:
    block = values.mapping(run.config.workflow_defaults.get("metadata"))
    for entries, own in (("labels", run.labels), ("annotations", run.annotations)):
        for key, value in values.mapping(block.get(entries)).items():
            own.setdefault(key, values.text(value))
