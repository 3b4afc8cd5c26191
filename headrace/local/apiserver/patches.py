"""The three patch dialects that change what is there: JSON patch, merge patch, strategic merge.

Each takes the present object and gives a new one; the given one stays as it is.
Sources: RFC 6902 (through jsonpatch), RFC 7396, Kubernetes `strategicpatch`.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch

from headrace.local.apiserver import refusals
from headrace.local.apiserver.shape import Shape
from kube import errors
from kube.cluster import Object

MOST_OPERATIONS = 10_000
ORDER, DELETE_FROM, RETAIN = "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys"


def json_patch(obj: Object, operations: Any) -> Object:
    """RFC 6902. Raises BadRequest for what is no patch, Invalid for one that does not fit."""
    if not isinstance(operations, list):
        raise refusals.bad_request("error decoding patch: json: a JSON patch is an array")
    if len(operations) > MOST_OPERATIONS:
        text = f"The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}"
        raise refusals.raised(errors.Invalid, text)
    try:
        changed: Object = jsonpatch.JsonPatch(operations).apply(obj)
    except jsonpatch.InvalidJsonPatch as error:
        raise refusals.bad_request(f"error decoding patch: {error}") from error
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        text = f"the server rejected our request due to an error in our request: {error}"
        raise refusals.raised(errors.Invalid, text, {}) from error
    return changed


def merge_patch(obj: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(obj) if isinstance(obj, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic(obj: Any, patch: Any, shape: Shape) -> Any:
    """A strategic merge: keyed lists merge by key; `$patch`, `$retainKeys` and order directives.

    Raises BadRequest for directives that make no sense.
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    base = dict(obj) if isinstance(obj, dict) and directive != "replace" else {}
    if RETAIN in patch:
        kept = set(patch[RETAIN])
        base = {k: v for k, v in base.items() if k in kept}
    for name, value in patch.items():
        if name in {"$patch", RETAIN} or name.startswith((ORDER, DELETE_FROM)):
            continue
        base = _member(base, name, value, shape.member(name))
    for name, value in patch.items():
        if name.startswith(DELETE_FROM):
            field = name.removeprefix(DELETE_FROM)
            base[field] = [x for x in base.get(field) or [] if x not in value]
        elif name.startswith(ORDER):
            field = name.removeprefix(ORDER)
            if isinstance(base.get(field), list):
                base[field] = _ordered(base[field], value, shape.member(field))
    return base


def _member(base: dict[str, Any], name: str, value: Any, shape: Shape) -> dict[str, Any]:
    if value is None:
        base.pop(name, None)
    elif isinstance(value, dict):
        base[name] = strategic(base.get(name), value, shape)
    elif isinstance(value, list):
        base[name] = _list(base.get(name), value, shape)
    else:
        base[name] = value
    return base


def _list(present: Any, patch: list[Any], shape: Shape) -> list[Any]:
    directives = [p for p in patch if isinstance(p, dict) and p.get("$patch") == "replace"]
    plain = [p for p in patch if not (isinstance(p, dict) and "$patch" in p)]
    if any(set(d) == {"$patch"} for d in directives):
        return copy.deepcopy(plain)
    if shape.is_set:
        kept = list(present or ())
        return kept + [x for x in patch if x not in kept]
    if not shape.keys:
        return copy.deepcopy(plain)
    return _keyed(list(present or ()), patch, shape)


def _keyed(items: list[Any], patch: list[Any], shape: Shape) -> list[Any]:
    key = shape.keys[0]
    for change in patch:
        if not isinstance(change, dict) or key not in change:
            raise refusals.bad_request(f"map: {change} does not contain declared merge key: {key}")
        at = next((i for i, item in enumerate(items) if item.get(key) == change[key]), None)
        if change.get("$patch") == "delete":
            if at is not None:
                del items[at]
        elif at is None:
            items.append(strategic({}, change, shape.item()))
        else:
            items[at] = strategic(items[at], change, shape.item())
    return items


def _ordered(items: list[Any], order: list[Any], shape: Shape) -> list[Any]:
    """The items named in `order` in that order; the others keep their place among them."""
    key = shape.keys[0] if shape.keys else None

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(entry) for entry in order]
    places = {value: i for i, value in enumerate(wanted) if not isinstance(value, (dict, list))}
    known = sorted(
        (i for i in items if identity(i) in places), key=lambda item: places[identity(item)]
    )
    others = [i for i in items if identity(i) not in places]
    return known + others
