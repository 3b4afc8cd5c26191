"""Strategic merge patches: maps merge, lists with a merge key merge item by item.

Owns the algorithm and its directives (`$patch`, `$retainKeys`, `$setElementOrder/…`,
`$deleteFromPrimitiveList/…`). Semantics: apimachinery's `strategicpatch.StrategicMergePatch`;
patched and new items come where it puts them. Inputs are never changed. Caller:
`strategic_merge`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lang import merge_order
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.merge_schema import ANY, UNKNOWN, Field, Type

_PATCH, _RETAIN = "$patch", "$retainKeys"
_ORDER, _REMOVE = "$setElementOrder/", "$deleteFromPrimitiveList/"

Tree = dict[str, Any]


def apply(original: Mapping[str, Any] | None, patch: Mapping[str, Any], schema: Type) -> Tree:
    """`original` with `patch` applied. Raises LangError(VALUE) for a patch that cannot be."""
    try:
        return _merge_map(dict(original or {}), patch, schema, DEFAULT_LIMITS.nesting)
    except RecursionError:
        raise LangError(ErrorKind.LIMIT, "the patch is nested too deeply") from None


def _merge_map(original: Tree, patch: Mapping[str, Any], schema: Type, depth: int) -> Tree:
    """Merge into `original`, a shallow copy that belongs to the caller."""
    if depth <= 0:
        raise LangError(ErrorKind.LIMIT, "the patch is nested too deeply")
    if _PATCH in patch:
        return _directive(patch)
    keys: Iterable[str] = patch
    if any(key[:1] == "$" for key in patch):
        done = _set_orders(original, patch, schema, depth)
        if _RETAIN in patch:
            _retain_keys(original, patch)
        keys = [key for key in patch if key not in done and key != _RETAIN]
    for key in keys:
        _merge_field(original, key, patch[key], schema, depth)
    return original


def _directive(patch: Mapping[str, Any]) -> Tree:
    match patch[_PATCH]:
        case "replace":
            return {key: value for key, value in patch.items() if key != _PATCH}
        case "delete":
            return {}
        case other:
            raise _error(f"unknown patch type found: {other}")


def _merge_field(original: Tree, key: str, value: Any, schema: Type, depth: int) -> None:
    removes = key.startswith(_REMOVE)
    if removes:
        key = key[len(_REMOVE) :]
    if value is None:
        original.pop(key, None)
        return
    current = original.get(key)
    if type(current) is not type(value):
        if not removes:
            original[key] = _without_directives(value)
        return
    if isinstance(value, dict):
        inner = _field(schema, key).type
        original[key] = _merge_map(dict(current or {}), value, inner, depth - 1)
    elif isinstance(value, list):
        original[key] = _merge_field_list(current or [], value, _field(schema, key), removes, depth)
    else:
        original[key] = value


def _field(schema: Type, key: str) -> Field:
    if schema.kind == "map":
        return Field(schema.element or ANY)
    return schema.fields.get(key, UNKNOWN)


def _merge_field_list(
    original: list[Any], patch: list[Any], field: Field, removes: bool, depth: int
) -> list[Any]:
    if removes:
        return [item for item in original if item not in patch]
    if field.merge_key is None:
        return [_without_directives(item) for item in patch]
    return _merge_list(original, patch, field, depth)


def _merge_list(original: list[Any], patch: list[Any], field: Field, depth: int) -> list[Any]:
    """Both lists have the strategy `merge`: by the key for maps, as sets for scalars."""
    if not original and not patch:
        return original
    key = field.merge_key or ""
    if not all(isinstance(item, dict) for item in (*original, *patch)):
        if any(isinstance(item, dict | list) for item in (*original, *patch)):
            raise _error("list elements are of different types")
        merged = list(dict.fromkeys([*original, *patch]))
        return merge_order.scalars(merged, patch, original)
    if not key:
        raise _error("cannot merge lists without merge key")
    original, patch = _special_items(list(original), patch, key)
    element = field.type.element or ANY
    merged = list(original)
    for item in patch:
        value = _key_of(item, key)
        at = _index(merged, key, value)
        if at < 0:
            merged.append(_without_directives(item))
        else:
            merged[at] = _merge_map(dict(merged[at]), item, element, depth - 1)
    return merge_order.maps(merged, patch, original, key)


def _special_items(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Apply `$patch` items; what stays of the original and of the patch."""
    plain: list[Any] = []
    replace = False
    for item in patch:
        match item.get(_PATCH):
            case None:
                plain.append(item)
            case "delete":
                value = _key_of(item, key)
                original = [other for other in original if other.get(key) != value]
            case "replace":
                replace = True
            case "merge":
                raise _error("merging lists cannot yet be specified in the patch")
            case other:
                raise _error(f"unknown patch type found: {other}")
    return ([], plain) if replace else (original, plain)


def _set_orders(original: Tree, patch: Mapping[str, Any], schema: Type, depth: int) -> set[str]:
    """Lists whose order the patch gives: merge and sort them here. The keys dealt with."""
    done: set[str] = set()
    for directive, order in patch.items():
        if not directive.startswith(_ORDER):
            continue
        key = directive[len(_ORDER) :]
        done |= {directive, key}
        if not isinstance(order, list):
            raise _error(f"invalid value for {directive}")
        field = _field(schema, key)
        current, changes = original.get(key), patch.get(key)
        if current is None and changes is None:
            continue
        merged = _ordered_source(current, changes, field, depth)
        before: Sequence[Any] = current if isinstance(current, list) else []
        if field.merge_key:
            original[key] = merge_order.maps(merged, order, before, field.merge_key)
        else:
            original[key] = merge_order.scalars(merged, order, before)
    return done


def _ordered_source(current: Any, changes: Any, field: Field, depth: int) -> list[Any]:
    if not isinstance(changes, list):
        return list(current) if isinstance(current, list) else []
    if not isinstance(current, list):
        return list(_without_directives(changes))
    return _merge_field_list(current, changes, field, False, depth)


def _retain_keys(original: Tree, patch: Mapping[str, Any]) -> None:
    kept = patch[_RETAIN]
    if not isinstance(kept, list):
        raise _error("invalid value for $retainKeys")
    for key, value in patch.items():
        if value is not None and key[:1] != "$" and key not in kept:
            raise _error("$retainKeys list does not contain all fields present in the patch")
    for key in [key for key in original if key not in kept]:
        del original[key]


def _key_of(item: Mapping[str, Any], key: str) -> Any:
    if key not in item:
        raise _error(f"map: {dict(item)} does not contain declared merge key: {key}")
    return item[key]


def _index(items: list[Any], key: str, value: Any) -> int:
    for index, item in enumerate(items):
        if key in item and item[key] == value and type(item[key]) is type(value):
            return index
    return -1


def _without_directives(value: Any) -> Any:
    """New content of a patch: nulls and directives are nothing to store."""
    if isinstance(value, dict):
        return {
            key: _without_directives(inner)
            for key, inner in value.items()
            if inner is not None and not key.startswith((_ORDER, _REMOVE)) and key != _RETAIN
        }
    if isinstance(value, list):
        return [_without_directives(item) for item in value]
    return value


def _error(message: str) -> LangError:
    return LangError(ErrorKind.VALUE, message)
