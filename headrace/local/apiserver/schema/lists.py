"""Lists that are sets, and lists that are maps: no entry twice. Source: Kubernetes' list types."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headrace.local.apiserver.schema import errors
from headrace.local.apiserver.schema.errors import FieldError
from headrace.local.apiserver.schema.paths import Path, text_of

Check = Callable[[Any, Path, list[FieldError]], None]


def checks(kind: str, schema: dict[str, Any]) -> list[Check]:
    """The checks of `x-kubernetes-list-type`: none for atomic lists."""
    match kind:
        case "set":
            return [_set]
        case "map":
            return [_map(schema.get("x-kubernetes-list-map-keys") or [], schema)]
        case _:
            return []


def _set(value: Any, path: Path, out: list[FieldError]) -> None:
    if not isinstance(value, list):
        return
    seen: set[str] = set()
    for index, each in enumerate(value):
        key = json.dumps(each, sort_keys=True)
        if key in seen:
            out.append(errors.duplicate(text_of((path, index)), each))
        seen.add(key)


def _map(keys: list[str], schema: dict[str, Any]) -> Check:
    properties = (schema.get("items") or {}).get("properties") or {}
    defaults = {k: properties[k]["default"] for k in keys if "default" in properties.get(k, {})}

    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if not isinstance(value, list):
            return
        seen: set[str] = set()
        for index, each in enumerate(value):
            if not isinstance(each, dict):
                continue
            entry = {k: each.get(k, defaults.get(k)) for k in keys if k in each or k in defaults}
            key = json.dumps(entry, sort_keys=True)
            if key in seen:
                out.append(errors.duplicate(text_of((path, index)), entry))
            seen.add(key)

    return check
