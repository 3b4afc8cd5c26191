"""OpenAPI documents, for `kubectl explain` and for clients that validate before they send."""

from __future__ import annotations

import hashlib
from typing import Any

from headrace.local.apiserver import types
from headrace.local.apiserver.kinds import Kind, Kinds

PREFIX = "#/components/schemas/"


def root(kinds: Kinds) -> dict[str, Any]:
    """`/openapi/v3`: where each group version's document is."""
    paths = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            stamp = hashlib.sha256(f"{path} {kinds.version}".encode()).hexdigest()[:32].upper()
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={stamp}"}
    return {"paths": paths}


def document(kinds: Kinds, group: str, version: str) -> dict[str, Any] | None:
    """One group version's document, None for an unknown one."""
    found = [k for k in kinds.all() if (k.resource.group, k.resource.version) == (group, version)]
    if not found:
        return None
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for kind in found:
        name = _name(kind)
        schemas[name] = _schema(kind)
        path = kind.resource.path("NAMESPACE").replace("/NAMESPACE/", "/{namespace}/")
        paths[path] = _operations(kind, name)
    waiting = list(schemas.values())
    while waiting:
        for reference in _references(waiting.pop()):
            if reference not in schemas and types.known(reference):
                schemas[reference] = types.schema(reference, PREFIX)
                waiting.append(schemas[reference])
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "headrace"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _name(kind: Kind) -> str:
    r = kind.resource
    return ".".join([*reversed((r.group or "core.k8s.io").split(".")), r.version, r.kind])


def _schema(kind: Kind) -> dict[str, Any]:
    r = kind.resource
    if kind.custom:
        found = dict(kind.document or {"type": "object"})
        properties = dict(found.get("properties") or {})
        properties["metadata"] = {"allOf": [{"$ref": f"{PREFIX}ObjectMeta"}], "default": {}}
        for field in ("apiVersion", "kind"):
            properties.setdefault(field, {"type": "string"})
        found["properties"] = properties
    elif types.known(r.kind):
        found = types.schema(r.kind, PREFIX)
    else:
        found = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    gvk = {"group": r.group, "version": r.version, "kind": r.kind}
    return {**found, "x-kubernetes-group-version-kind": [gvk]}


def _operations(kind: Kind, name: str) -> dict[str, Any]:
    """Enough for clients that look a kind up by its paths."""
    r = kind.resource
    gvk = {"group": r.group, "version": r.version, "kind": r.kind}
    content = {"application/json": {"schema": {"$ref": f"{PREFIX}{name}"}}}
    options = [
        {"name": n, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for n in ("dryRun", "fieldManager", "fieldValidation")
    ]
    operation = {
        "operationId": f"{r.group}.{r.version}.{r.kind}",
        "parameters": options,
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-group-version-kind": gvk,
    }
    return {
        "get": {**operation, "x-kubernetes-action": "list"},
        "post": {**operation, "x-kubernetes-action": "post"},
        "patch": {**operation, "x-kubernetes-action": "patch"},
    }


def _references(schema: Any) -> list[str]:
    found = []
    stack = [schema]
    while stack:
        at = stack.pop()
        if isinstance(at, dict):
            reference = at.get("$ref")
            if isinstance(reference, str):
                found.append(reference.removeprefix(PREFIX))
            stack.extend(at.values())
        elif isinstance(at, list):
            stack.extend(at)
    return found


def swagger(kinds: Kinds) -> dict[str, Any]:
    """`/openapi/v2` for clients that know nothing newer: definitions without descriptions."""
    definitions: dict[str, Any] = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            found = document(kinds, group, version) or {}
            definitions.update((found.get("components") or {}).get("schemas") or {})
    text = {"swagger": "2.0", "info": {"title": "Kubernetes", "version": "headrace"}}
    return {**text, "paths": {}, "definitions": _moved(definitions)}


def _moved(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: v.replace(PREFIX, "#/definitions/") if k == "$ref" else _moved(v)
            for k, v in value.items()
        }
    return [_moved(item) for item in value] if isinstance(value, list) else value
