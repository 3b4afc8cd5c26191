"""Definitions small enough for plain `kubectl apply`.

kubectl keeps a copy of what it applied in an annotation, and all annotations of an object may
have 262,144 bytes together. The full definition of a Workflow has more than twice that: Kubernetes'
pod types are in it eight times. What is left out, in this order:

1. below `templateDefaults` only the names and types of its fields are checked, and what the
   engine writes into `status` is only known to be an object or a list;
2. descriptions, the deepest first, until it fits.

Every other check is that of the full definition, which `crds.definitions` loads. Caller: `files`.
"""

from __future__ import annotations

from typing import Any

from crds.generate import limits
from lang import gojson

Schema = dict[str, Any]

BUDGET = 254_000
"""Bytes, with room for the annotations of other tools."""

_SHALLOW = "templateDefaults"
_WRITTEN_BY_THE_ENGINE = ("artifactRepositoryRef", "outputs", "persistentVolumeClaims")


class TooLargeError(Exception):
    """A definition does not fit even without descriptions."""


def fit(definition: dict[str, Any]) -> dict[str, Any]:
    """`definition`, or one that checks as much as fits."""
    if size(definition) <= BUDGET:
        return definition
    small = _with_schema(definition, _opened(_schema(definition), ()))
    for depth in range(_depth(_schema(small)), -1, -1):
        fitted = _with_schema(small, _described(_schema(small), depth))
        if size(fitted) <= BUDGET:
            return fitted
    raise TooLargeError(definition["metadata"]["name"])


def size(definition: dict[str, Any]) -> int:
    """Bytes of the copy that kubectl keeps: JSON as Go writes it."""
    return len(gojson.marshal(definition).encode())


def _schema(definition: dict[str, Any]) -> Schema:
    [version] = definition["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def _with_schema(definition: dict[str, Any], schema: Schema) -> dict[str, Any]:
    [version] = definition["spec"]["versions"]
    version = {**version, "schema": {"openAPIV3Schema": schema}}
    return {**definition, "spec": {**definition["spec"], "versions": [version]}}


def _opened(schema: Schema, path: tuple[str, ...]) -> Schema:
    """Step 1."""
    if path and path[-1] == _SHALLOW:
        return _map_fields(schema, lambda _, each: _unchecked(each))
    if len(path) == 2 and path[0] == "status" and path[1] in _WRITTEN_BY_THE_ENGINE:
        return _unchecked(schema)
    if "properties" in schema:
        return _map_fields(schema, lambda name, each: _opened(each, (*path, name)))
    return schema


def _unchecked(schema: Schema) -> Schema:
    """What is inside may be anything; the type stays."""
    described = {key: schema[key] for key in ("description",) if key in schema}
    if schema.get("type") == "array" and schema["items"].get("type") in ("object", "array"):
        items = {"x-kubernetes-preserve-unknown-fields": True}
        return {**described, "type": "array", "items": items}
    if schema.get("type") == "object" and "properties" in schema:
        return {**described, **limits.OPEN}
    return schema


def _map_fields(schema: Schema, change: Any) -> Schema:
    fields = {name: change(name, each) for name, each in schema["properties"].items()}
    return {**schema, "properties": fields}


def _described(schema: Schema, depth: int) -> Schema:
    """Step 2: only the first `depth` levels keep their descriptions."""
    found = {key: value for key, value in schema.items() if depth > 0 or key != "description"}
    if "properties" in schema:
        found = _map_fields(found, lambda _, each: _described(each, depth - 1))
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found[key] = _described(schema[key], depth - 1)
    return found


def _depth(schema: Schema) -> int:
    below = list(schema.get("properties", {}).values())
    nested = (schema.get(key) for key in ("items", "additionalProperties"))
    below += [each for each in nested if isinstance(each, dict)]
    return 1 + max(map(_depth, below), default=0)
