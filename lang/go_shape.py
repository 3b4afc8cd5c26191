"""Templates and specs with the empty fields that Argo's Go structures print unasked.

Owns `inputs: {}`, `resources: {}`, `name: ""` and the like: clients of Argo see them in every
object it returns. Callers: the API server (parity with Argo's output), input resolution's tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang import gojson, workflow_schema
from lang.merge_schema import Type

_TYPES = workflow_schema.TYPES
_CONTAINERS = (
    *("Container", "EphemeralContainer", "ScriptTemplate", "UserContainer", "ContainerNode"),
)
# Structures whose required texts and structures are printed when empty.
_UNASKED: Mapping[str, Mapping[str, Any]] = {
    "WorkflowSpec": {"arguments": {}},
    "Template": {"inputs": {}, "outputs": {}, "metadata": {}},
    "PodSpec": {"containers": None},
    "WorkflowStep": {"arguments": {}},
    "DAGTask": {"arguments": {}},
    "LifecycleHook": {"arguments": {}},
    "Data": {"source": {}, "transformation": None},
    "PersistentVolumeClaim": {"metadata": {}, "spec": {"resources": {}}, "status": {}},
    **{name: {"name": "", "resources": {}} for name in _CONTAINERS},
}


def template(value: Mapping[str, Any]) -> dict[str, Any]:
    """A Template as Argo prints it."""
    return _struct(value, workflow_schema.TEMPLATE)


def workflow_spec(value: Mapping[str, Any]) -> dict[str, Any]:
    """A WorkflowSpec as Argo prints it."""
    return _struct(value, workflow_schema.WORKFLOW_SPEC)


def pod_spec(value: Mapping[str, Any]) -> dict[str, Any]:
    """A PodSpec as Kubernetes prints it."""
    return _struct(value, _TYPES["PodSpec"])


def _struct(value: Mapping[str, Any], schema: Type) -> dict[str, Any]:
    result = {key: _value(key, inner, schema) for key, inner in value.items() if inner is not None}
    if schema.name == "ScriptTemplate":
        result.setdefault("source", "")
    for key, empty in _UNASKED.get(schema.name, {}).items():
        if key not in result:
            result[key] = dict(empty) if isinstance(empty, dict) else empty
    return result


def _value(key: str, value: Any, schema: Type) -> Any:
    if key == "steps" and schema.name == "Template":
        step = _TYPES["WorkflowStep"]
        return [[_struct(item, step) for item in group] for group in value]
    if schema.name == "Parameter" and key in ("value", "default"):
        return gojson.any_string(value)
    field = schema.fields.get(key)
    return value if field is None else _typed(value, field.type)


def _typed(value: Any, schema: Type) -> Any:
    if schema.kind == "struct" and isinstance(value, dict):
        return _struct(value, schema)
    if schema.element is None:
        return value
    if schema.kind == "list" and isinstance(value, list):
        return [_typed(item, schema.element) for item in value]
    if schema.kind == "map" and isinstance(value, dict):
        return {key: _typed(item, schema.element) for key, item in value.items()}
    return value
