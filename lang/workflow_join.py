"""A Workflow's spec over its WorkflowTemplate's over the controller's defaults.

Owns the rules on top of the strategic merge: arguments are taken whole from one layer, hooks by
name, `suspend` from the Workflow itself. Semantics: Argo's `JoinWorkflowSpec`. Caller:
`strategic_merge`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lang import merge_patch, workflow_schema

Layers = Sequence[Mapping[str, Any]]

_LOCATIONS = frozenset(
    {"archiveLogs", "s3", "git", "http", "artifactory", "hdfs", "raw", "oss", "gcs", "azure"}
    | {"plugin"}
)
_SOURCES = ("value", "valueFrom", "default")


def join(layers: Layers) -> dict[str, Any]:
    """The spec of `layers`, the strongest first. Raises LangError(VALUE)."""
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        patch = {key: value for key, value in layer.items() if key != "hooks"}
        merged = merge_patch.apply(
            merged, _without_labels_from(patch), workflow_schema.WORKFLOW_SPEC
        )
    _set(merged, "hooks", _by_key([layer.get("hooks") for layer in layers]))
    labels = _by_key([(x.get("workflowMetadata") or {}).get("labelsFrom") for x in layers])
    if labels:
        merged["workflowMetadata"] = {
            **(merged.get("workflowMetadata") or {}),
            "labelsFrom": labels,
        }
    if merged.get("arguments"):
        merged["arguments"] = _arguments(merged["arguments"], layers)
    _set(merged, "suspend", layers[0].get("suspend"))
    return merged


def _without_labels_from(spec: dict[str, Any]) -> dict[str, Any]:
    metadata = spec.get("workflowMetadata")
    if not metadata or "labelsFrom" not in metadata:
        return spec
    rest = {key: value for key, value in metadata.items() if key != "labelsFrom"}
    return {**spec, "workflowMetadata": rest}


def _by_key(maps: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """The union of maps, the first one that has a key giving its whole value."""
    result: dict[str, Any] = {}
    for layer in maps:
        for key, value in (layer or {}).items():
            result.setdefault(key, value)
    return result


def _set(spec: dict[str, Any], key: str, value: Any) -> None:
    if value:
        spec[key] = value
    else:
        spec.pop(key, None)


def _arguments(merged: Mapping[str, Any], layers: Layers) -> dict[str, Any]:
    result = dict(merged)
    if merged.get("parameters"):
        result["parameters"] = [_parameter(p, layers) for p in merged["parameters"]]
    if merged.get("artifacts"):
        result["artifacts"] = [_artifact(a, layers) for a in merged["artifacts"]]
    return result


def _mentions(kind: str, name: str, layers: Layers) -> list[Mapping[str, Any]]:
    """The entries of one name, the strongest layer's first."""
    return [
        entry
        for layer in layers
        for entry in (layer.get("arguments") or {}).get(kind) or ()
        if entry.get("name") == name
    ]


def _parameter(merged: Mapping[str, Any], layers: Layers) -> Mapping[str, Any]:
    """The whole parameter of the first layer that gives it a value: never a mixture."""
    for entry in _mentions("parameters", merged["name"], layers):
        if any(entry.get(source) is not None for source in _SOURCES):
            return entry
    return merged


def _artifact(merged: Mapping[str, Any], layers: Layers) -> Mapping[str, Any]:
    """The first layer's artifact; locations merge with those of the layers below."""
    first = _mentions("artifacts", merged["name"], layers)[0]
    if not _LOCATIONS & first.keys():
        return first
    own = {key: value for key, value in first.items() if key not in _LOCATIONS}
    return own | {key: value for key, value in merged.items() if key in _LOCATIONS}
