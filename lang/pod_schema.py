"""A PodSpec read as Kubernetes reads it: types checked, unknown fields dropped, zeroes left out.

Owns the decoding of podSpecPatch texts and the canonical form of the result. Semantics and
messages: Go's `encoding/json` into `v1.PodSpec` (0.35). Caller: `pod_patch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang import gojson, merge_schema, pod_schema_table, quantity
from lang.errors import ErrorKind, LangError
from lang.merge_schema import Type

TYPES: Mapping[str, Type] = merge_schema.read(pod_schema_table.TABLE)
POD_SPEC = TYPES["PodSpec"]

# Optional scalars that Go holds by value: their zero is not written.
_BY_VALUE = frozenset(
    {"hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly"}
    | {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold"}
    | {"failureThreshold", "hostPort", "minReadySeconds", "partition"}
)
_INT_BITS = {"int32": 31, "int64": 63}


def check(value: Any) -> None:
    """Raise LangError(TYPE) with the decoder's message where `value` is no PodSpec."""
    if value is None:
        return
    if not isinstance(value, dict):
        kind = gojson.type_name(value)
        message = f"json: cannot unmarshal {kind} into Go value of type v1.PodSpec"
        raise LangError(ErrorKind.TYPE, message)
    _check_struct(value, POD_SPEC, ())


def _check_struct(value: dict[str, Any], schema: Type, path: tuple[str, ...]) -> None:
    for key, inner in value.items():
        field = schema.fields.get(key)
        if field is not None and inner is not None:
            _check(inner, field.type, (schema.name, *path[1:], key))


def _check(value: Any, schema: Type, path: tuple[str, ...]) -> None:
    """`path`: the innermost structure, then the fields from the top."""
    if schema.kind == "any" or value is None:
        return
    if not _has_kind(value, schema):
        kind = gojson.type_name(value)
        if kind == "number":
            kind = "number" if schema.kind not in _INT_BITS else f"number {gojson.dumps(value)}"
        where = f"{path[0]}.{'.'.join(path[1:])}"
        message = (
            f"json: cannot unmarshal {kind} into Go struct field {where} of type {schema.go_name()}"
        )
        raise LangError(ErrorKind.TYPE, message)
    if schema.kind == "struct":
        _check_struct(value, schema, path)
    elif schema.element is not None:
        for item in value if schema.kind == "list" else value.values():
            _check(item, schema.element, path)
    elif schema.kind == "quantity":
        quantity.parse_quantity(value if isinstance(value, str) else gojson.dumps(value))


def _has_kind(value: Any, schema: Type) -> bool:
    match schema.kind:
        case "struct" | "map":
            return isinstance(value, dict)
        case "list":
            return isinstance(value, list)
        case "bool":
            return isinstance(value, bool)
        case "int32" | "int64" as kind:
            return _is_int(value) and abs(value) <= 1 << _INT_BITS[kind]
        case "intstr":
            return _is_int(value) or isinstance(value, str)
        case "quantity":
            return isinstance(value, str | int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def canonical(value: Mapping[str, Any]) -> dict[str, Any]:
    """A checked PodSpec as Kubernetes writes it back."""
    return _canonical_struct(value, POD_SPEC)


def _canonical_struct(value: Mapping[str, Any], schema: Type) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, inner in value.items():
        field = schema.fields.get(key)
        if field is None or inner is None:
            continue
        written = _canonical(inner, field.type)
        if field.required or not _is_zero(key, written, field.type):
            result[key] = written
    return result


def _canonical(value: Any, schema: Type) -> Any:
    match schema.kind:
        case "struct":
            return _canonical_struct(value, schema)
        case "list" if schema.element is not None:
            return [_canonical(item, schema.element) for item in value]
        case "map" if schema.element is not None:
            return {key: _canonical(item, schema.element) for key, item in value.items()}
        case "quantity":
            text = value if isinstance(value, str) else gojson.dumps(value)
            return quantity.parse_quantity(text).canonical()
        case _:
            return value


def _is_zero(key: str, value: Any, schema: Type) -> bool:
    """Whether Go leaves the field out: empty lists, maps and texts, and zeroes held by value."""
    match schema.kind:
        case "list" | "map" | "string":
            return not value
        case "bool" | "int32" | "int64":
            return not value and key in _BY_VALUE
        case _:
            return False
