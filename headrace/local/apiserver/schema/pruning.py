"""Removes what a structural schema does not know, and fills in what it presets.

All functions change the object in place. Source: Kubernetes' structural pruning and defaulting.
"""

from __future__ import annotations

import copy
from typing import Any

from headrace.local.apiserver.schema.paths import Path, text_of

PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"
RESOURCE_FIELDS = frozenset({"apiVersion", "kind", "metadata"})

JsonSchema = dict[str, Any]


def prune(value: Any, schema: JsonSchema, *, root: bool = True) -> list[str]:
    """Remove unknown fields; their paths, sorted. `root`: apiVersion, kind, metadata stay."""
    unknown: list[str] = []
    _prune(value, schema, None, unknown, root)
    return sorted(unknown)


def _prune(value: Any, schema: JsonSchema | None, path: Path, out: list[str], root: bool) -> None:
    if isinstance(value, dict):
        _prune_object(value, schema, path, out, root)
    elif isinstance(value, list):
        items = _child(schema, "items")
        if items is None and schema is not None and schema.get(PRESERVE):
            return
        for index, each in enumerate(value):
            if isinstance(each, dict | list):
                _prune(each, items, (path, index), out, False)


def _prune_object(
    value: dict[str, Any], schema: JsonSchema | None, path: Path, out: list[str], root: bool
) -> None:
    schema = schema or {}
    properties = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    kept = RESOURCE_FIELDS if root or schema.get(EMBEDDED) else frozenset()
    open_ = bool(schema.get(PRESERVE))
    for key in list(value):
        if key in kept:
            continue
        known = properties.get(key)
        if known is not None:
            child = value[key]
            if isinstance(child, dict | list):
                _prune(child, known, (path, key), out, False)
        elif others:
            if isinstance(others, dict):
                _prune(value[key], others, (path, key), out, False)
        elif not open_:
            del value[key]
            out.append(text_of((path, key)))


def _child(schema: JsonSchema | None, name: str) -> JsonSchema | None:
    child = schema.get(name) if schema else None
    return child if isinstance(child, dict) else None


def default(value: Any, schema: JsonSchema) -> None:
    """Set defaults, also inside defaults; then drop nulls of fields that are not nullable."""
    _set_defaults(value, schema)
    _drop_nulls(value, schema)


def has_defaults(schema: JsonSchema) -> bool:
    """Whether anything below the schema has a default: the walk is skipped otherwise."""
    if "default" in schema:
        return True
    children = [*(schema.get("properties") or {}).values()]
    children += [schema[k] for k in ("items", "additionalProperties") if k in schema]
    return any(has_defaults(child) for child in children if isinstance(child, dict))


def _set_defaults(value: Any, schema: JsonSchema) -> None:
    if isinstance(value, dict):
        for key, known in (schema.get("properties") or {}).items():
            if "default" in known:
                present = key in value
                if not present or (value[key] is None and not known.get("nullable")):
                    value[key] = copy.deepcopy(known["default"])
        _into_object(value, schema, _set_defaults)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for each in value:
            _set_defaults(each, items)


def _drop_nulls(value: Any, schema: JsonSchema) -> None:
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        others = schema.get("additionalProperties")
        for key in [key for key, each in value.items() if each is None]:
            known = properties.get(key, others)
            if isinstance(known, dict) and not known.get("nullable"):
                del value[key]
        _into_object(value, schema, _drop_nulls)
    elif isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for each in value:
            _drop_nulls(each, items)


def _into_object(value: dict[str, Any], schema: JsonSchema, visit: Any) -> None:
    properties = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    for key, each in value.items():
        if isinstance(each, dict | list):
            known = properties.get(key, others)
            if isinstance(known, dict):
                visit(each, known)
