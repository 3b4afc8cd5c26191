"""Strategic merges of the objects this project merges: PodSpecs, templates, workflow specs.

Owns the doors; the algorithm is `merge_patch`, the merge keys are in `pod_schema_table` and
`workflow_schema`. Inputs are never changed. Callers: the pod executor, the engine core.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang import merge_patch, pod_schema, workflow_join, workflow_schema

# The order in which Argo looks for a template's type.
TEMPLATE_TYPES = (
    *("container", "containerSet", "steps", "dag", "script"),
    *("resource", "data", "suspend", "http", "plugin"),
)


def pod_spec(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `patch` applied, both PodSpecs. Raises LangError(VALUE)."""
    return merge_patch.apply(base, patch, pod_schema.POD_SPEC)


def workflow_spec(
    workflow: Mapping[str, Any],
    template: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A Workflow's spec over its WorkflowTemplate's spec over `workflowDefaults.spec`."""
    layers = [layer for layer in (workflow, template, defaults) if layer is not None]
    return workflow_join.join(layers)


def template_type(template: Mapping[str, Any]) -> str | None:
    """The field that says what a template is: `container`, `dag`, …"""
    return next((name for name in TEMPLATE_TYPES if template.get(name) is not None), None)


def template_defaults(template: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """`templateDefaults` under a template; bodies of other types than its own are dropped."""
    own = template_type(template)
    base = {k: v for k, v in defaults.items() if k not in TEMPLATE_TYPES or k == own}
    base.pop("name", None)
    body = base.get(own or "")
    if isinstance(body, dict) and own in ("container", "script"):
        base[own] = {key: value for key, value in body.items() if key != "name"}
    return merge_patch.apply(base, template, workflow_schema.TEMPLATE)
