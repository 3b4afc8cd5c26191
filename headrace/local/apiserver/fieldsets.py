"""Sets of fields as `managedFields` writes them (fieldsV1): who owns which part of an object.

A set is a nested dict: `f:name` a member, `k:{...}` an item of a keyed list, `v:...` a value of a
set, `.` the place itself. Leaves are empty dicts. Source: structured-merge-diff.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from headrace.local.apiserver.shape import Shape

FieldSet = dict[str, Any]
SKIPPED = {"apiVersion", "kind"}
SKIPPED_META = {
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
    "selfLink",
    "managedFields",
}


def of_object(obj: dict[str, Any], shape: Shape) -> FieldSet:
    """Every field of an object that somebody can own."""
    kept = {k: v for k, v in obj.items() if k not in SKIPPED}
    meta = {k: v for k, v in (obj.get("metadata") or {}).items() if k not in SKIPPED_META}
    kept.pop("metadata", None)
    found = of_value(kept, shape)
    if meta:
        found["f:metadata"] = of_value(meta, shape.member("metadata"))
    return found


def of_value(value: Any, shape: Shape) -> FieldSet:
    """The fields below a value; a leaf has none."""
    if isinstance(value, dict) and not shape.atomic:
        return {f"f:{name}": of_value(v, shape.member(name)) for name, v in value.items()}
    if isinstance(value, list) and (shape.keys or shape.is_set):
        found: FieldSet = {}
        for item in value:
            inner = of_value(item, shape.item()) if shape.keys else {}
            found[identity(item, shape)] = {".": {}, **inner} if shape.keys else inner
        return found
    return {}


def identity(item: Any, shape: Shape) -> str:
    """`k:{...}` or `v:...` of a list item."""
    if shape.keys and isinstance(item, dict):
        keys = {k: item.get(k) for k in shape.keys}
        return "k:" + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()
    return "v:" + orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()


def minus(first: FieldSet, second: FieldSet) -> FieldSet:
    """What is in the first and not in the second."""
    left: FieldSet = {}
    for name, inner in first.items():
        if name not in second:
            left[name] = inner
        elif inner:
            rest = minus(inner, second[name]) if second[name] else inner
            if rest:
                left[name] = rest
    return left


def plus(first: FieldSet, second: FieldSet) -> FieldSet:
    """What is in either."""
    result = dict(first)
    for name, inner in second.items():
        result[name] = plus(result[name], inner) if name in result else inner
    return result


def leaves(fields: FieldSet, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all leaves."""
    for name, inner in fields.items():
        here = (*path, name)
        if inner:
            yield from leaves(inner, here)
        else:
            yield here


def has(fields: FieldSet, path: tuple[str, ...]) -> bool:
    """Whether the path is owned, itself or a part below it."""
    at = fields
    for name in path:
        if name not in at:
            return False
        at = at[name]
    return True


def shown(path: tuple[str, ...]) -> str:
    """`.spec.list[name="a"].value`, as conflicts are told."""
    text = ""
    for part in path:
        if part.startswith("f:"):
            text += f".{part[2:]}"
        elif part.startswith("k:"):
            keys = orjson.loads(part[2:])
            inner = ",".join(f"{k}={orjson.dumps(v).decode()}" for k, v in keys.items())
            text += f"[{inner}]"
        elif part.startswith("v:"):
            text += f"[={part[2:]}]"
    return text


def get(obj: Any, path: tuple[str, ...], shape: Shape) -> tuple[bool, Any]:
    """Whether the object has something at the path, and what."""
    at = obj
    for part in path:
        if part == ".":
            continue
        if part.startswith("f:"):
            if not isinstance(at, dict) or part[2:] not in at:
                return False, None
            at, shape = at[part[2:]], shape.member(part[2:])
        else:
            if not isinstance(at, list):
                return False, None
            found = [item for item in at if identity(item, shape) == part]
            if not found:
                return False, None
            at, shape = found[0], shape.item()
    return True, at


def remove(obj: Any, path: tuple[str, ...], shape: Shape) -> None:
    """Take a leaf out of the object, in place."""
    at = obj
    for part in path[:-1]:
        if part.startswith("f:"):
            if not isinstance(at, dict) or part[2:] not in at:
                return
            at, shape = at[part[2:]], shape.member(part[2:])
        else:
            found = [i for i in at if identity(i, shape) == part] if isinstance(at, list) else []
            if not found:
                return
            at, shape = found[0], shape.item()
    last = path[-1]
    if last.startswith("f:") and isinstance(at, dict):
        at.pop(last[2:], None)
    elif isinstance(at, list):
        at[:] = [item for item in at if identity(item, shape) != last]
