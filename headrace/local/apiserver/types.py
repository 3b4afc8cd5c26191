"""The builtin kinds' types: unknown fields, required fields, and OpenAPI documents.

The table (`data/kubernetes.json`, made by `generate_types`) is written in the small grammar of
`crds.kubernetes`: `[]` a list, `{}` a map, `!` required, and the name of a scalar or a type.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import orjson

SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "quantity": {"type": "string", "x-kubernetes-int-or-string": True},
    "intOrString": {"x-kubernetes-int-or-string": True},
    "time": {"type": "string", "format": "date-time"},
    "json": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "int32": (int,),
    "int64": (int,),
    "number": (int, float),
    "quantity": (str, int, float),
    "intOrString": (int, str),
    "time": (str,),
}
GO_NAMES = {"string": "string", "boolean": "bool", "int32": "int32", "int64": "int64"}


class WrongType(ValueError):
    """A field holds a value of another type; the text is the API server's."""


@functools.cache
def table() -> dict[str, dict[str, str]]:
    """Every type: its fields. Read once."""
    text = resources.files("headrace.local.apiserver").joinpath("data/kubernetes.json").read_bytes()
    loaded: dict[str, dict[str, str]] = orjson.loads(text)
    return loaded


def known(kind: str) -> bool:
    """Whether the table has the kind."""
    return kind in table()


def prune(obj: dict[str, Any], kind: str) -> list[str]:
    """Remove unknown fields in place; their paths. Raises WrongType."""
    unknown: list[str] = []
    _walk(obj, kind, "", kind, unknown)
    return unknown


def _walk(obj: dict[str, Any], type_name: str, path: str, kind: str, unknown: list[str]) -> None:
    fields = table()[type_name]
    for name in list(obj):
        if path == "metadata" and name == "managedFields":
            continue
        here = f"{path}.{name}" if path else name
        written = fields.get(name)
        if written is None:
            unknown.append(here)
            del obj[name]
        elif obj[name] is None:
            del obj[name]
        else:
            _value(obj[name], written.rstrip("!"), here, kind, unknown)


def _value(value: Any, written: str, path: str, kind: str, unknown: list[str]) -> None:
    if written.startswith("[]"):
        if not isinstance(value, list):
            raise _wrong(kind, path, "[]" + written[2:], value)
        for i, item in enumerate(value):
            if item is not None:
                _value(item, written[2:], f"{path}[{i}]", kind, unknown)
    elif written.startswith("{}"):
        if not isinstance(value, dict):
            raise _wrong(kind, path, f"map[string]{written[2:]}", value)
        for key, item in value.items():
            if item is not None:
                _value(item, written[2:], f"{path}.{key}", kind, unknown)
    elif written in PYTHON:
        right = isinstance(value, PYTHON[written])
        if not right or (isinstance(value, bool) and written != "boolean"):
            raise _wrong(kind, path, GO_NAMES.get(written, written), value)
    elif written != "json":
        if not isinstance(value, dict):
            raise _wrong(kind, path, f"v1.{written}", value)
        _walk(value, written, path, kind, unknown)


def _wrong(kind: str, path: str, wanted: str, value: Any) -> WrongType:
    match value:
        case bool():
            got = "bool"
        case str():
            got = "string"
        case int() | float():
            got = "number"
        case list():
            got = "array"
        case _:
            got = "object"
    return WrongType(
        f"json: cannot unmarshal {got} into Go struct field {kind}.{path} of type {wanted}"
    )


def schema(type_name: str, reference: str) -> dict[str, Any]:
    """The OpenAPI schema of one type; `reference` is the prefix of `$ref`s."""
    fields = table()[type_name]
    properties = {name: _schema(written.rstrip("!"), reference) for name, written in fields.items()}
    required = [name for name, written in fields.items() if written.endswith("!")]
    found: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        found["required"] = required
    return found


def _schema(written: str, reference: str) -> dict[str, Any]:
    if written.startswith("[]"):
        return {"type": "array", "items": _schema(written[2:], reference)}
    if written.startswith("{}"):
        return {"type": "object", "additionalProperties": _schema(written[2:], reference)}
    if written in SCALARS:
        return dict(SCALARS[written])
    return {"allOf": [{"$ref": f"{reference}{written}"}], "default": {}}
