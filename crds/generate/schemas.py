"""OpenAPI schemas of the typed kinds and of Kubernetes' own types: structural, no references."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any

from crds.generate import comments, kubernetes_types, limits
from crds.shape import Kubernetes, Scalar, Shape

Schema = dict[str, Any]

_INT_OR_STRING: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
_ANY: Schema = {"x-kubernetes-preserve-unknown-fields": True}
_QUANTITY: Schema = {
    **_INT_OR_STRING,
    "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_EMBEDDED_META: Schema = {
    "type": "object",
    "properties": {
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "generateName": {"type": "string"},
        "labels": _TEXTS,
        "name": {"type": "string"},
        "namespace": {"type": "string"},
    },
}

_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number"},
    Any: _ANY,
}
_MARKED: dict[Scalar, Schema] = {
    Scalar.ANY_STRING: {"type": "string"},
    Scalar.INT_OR_STRING: _INT_OR_STRING,
    Scalar.INT32: {"type": "integer", "format": "int32"},
    Scalar.TIME: {"type": "string", "format": "date-time"},
    Scalar.ITEM: _ANY,
    Scalar.ITEMS: _ANY,
    Scalar.AMOUNT: {"type": "number"},
    Scalar.INT64_OR_DURATION: _INT_OR_STRING,
    Scalar.PLUGIN: limits.OPEN,
}
_KUBERNETES: dict[str, Schema] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "quantity": _QUANTITY,
    "intOrString": _INT_OR_STRING,
    "time": {"type": "string", "format": "date-time"},
    "json": _ANY,
    "ObjectMeta": _EMBEDDED_META,
}


class Builder:
    """Builds schemas from one table of Kubernetes' types."""

    def __init__(self, table: dict[str, dict[str, str]]) -> None:
        self._table = table

    def of(self, kind: type[Shape]) -> Schema:
        """The schema of a typed object."""
        hints = typing.get_type_hints(kind, include_extras=True)
        names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        properties = {
            name: self._field(kind, attribute, name, hints[attribute])
            for attribute, name in sorted(names, key=lambda pair: pair[1])
        }
        schema: Schema = {"description": comments.of_type(kind), "type": "object"}
        if properties:
            schema["properties"] = properties
        if required := limits.REQUIRED.get(kind.__name__):
            schema["required"] = sorted(required)
        return schema

    def _field(self, kind: type[Shape], attribute: str, name: str, hint: Any) -> Schema:
        places = [f"{owner.__name__}.{name}" for owner in kind.__mro__]
        replaced = next((limits.REPLACED[p] for p in places if p in limits.REPLACED), None)
        schema = dict(replaced if replaced is not None else self._hint(hint))
        _apply(schema, places)
        if "items" in schema:
            schema["items"] = dict(schema["items"])
            _apply(schema["items"], [f"{place}[]" for place in places])
        for place in places:
            if place in limits.INSIDE:
                _apply_inside(schema, *limits.INSIDE[place])
        if description := comments.of_field(kind, attribute):
            schema.pop("description", None)
            schema = {"description": description, **schema}
        return schema

    def _hint(self, hint: Any) -> Schema:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            return self._marked(hint.__metadata__)
        if origin in (types.UnionType, typing.Union):
            [present] = [each for each in typing.get_args(hint) if each is not types.NoneType]
            return self._hint(present)
        if origin is list:
            return {"type": "array", "items": self._hint(typing.get_args(hint)[0])}
        if origin is dict:
            value = typing.get_args(hint)[1]
            if value is Any:
                return limits.OPEN
            return {"type": "object", "additionalProperties": self._hint(value)}
        if isinstance(hint, type) and issubclass(hint, Shape):
            return self.of(hint)
        return _PLAIN[hint]

    def _marked(self, marks: tuple[Any, ...]) -> Schema:
        for mark in marks:
            if isinstance(mark, Scalar):
                return _MARKED[mark]
            if isinstance(mark, Kubernetes):
                return self.kubernetes(mark.type)
        raise TypeError(f"no schema for {marks}")

    def kubernetes(self, kind: str) -> Schema:
        """The schema of a Kubernetes type, in the grammar of `crds.kubernetes`."""
        kind = kind.removesuffix("!")
        if kind.startswith("[]"):
            return {"type": "array", "items": self.kubernetes(kind[2:])}
        if kind.startswith("{}"):
            return {"type": "object", "additionalProperties": self.kubernetes(kind[2:])}
        if kind in _KUBERNETES:
            return _KUBERNETES[kind]
        fields = self._table[kind]
        base = "Container" if "Container" in kind or kind == "ScriptTemplate" else kind
        schema: Schema = {
            "type": "object",
            "properties": {
                name: self._kubernetes_field(kind, base, name, text)
                for name, text in fields.items()
            },
        }
        if required := [name for name, text in fields.items() if text.endswith("!")]:
            schema["required"] = required
        if kind in _ATOMIC:
            schema["x-kubernetes-map-type"] = "atomic"
        return schema

    def _kubernetes_field(self, kind: str, base: str, name: str, text: str) -> Schema:
        schema = dict(self.kubernetes(text))
        default = f"{kind}.{name}"
        if default in kubernetes_types.DEFAULTS:
            schema["default"] = kubernetes_types.DEFAULTS[default]
        for owner in (kind, base):
            if keys := kubernetes_types.LIST_KEYS.get(f"{owner}.{name}"):
                schema["x-kubernetes-list-map-keys"] = keys
                schema["x-kubernetes-list-type"] = "map"
        return schema


_ATOMIC = frozenset(
    {
        "SecretKeySelector",
        "ConfigMapKeySelector",
        "LocalObjectReference",
        "LabelSelector",
        "ObjectFieldSelector",
        "ObjectReference",
        "ResourceFieldSelector",
        "NodeSelector",
        "NodeSelectorTerm",
    }
)


def _apply(schema: Schema, places: list[str]) -> None:
    for place in places:
        schema.update(limits.LIMITS.get(place, {}))
        if rules := limits.RULES.get(place):
            schema["x-kubernetes-validations"] = rules


def _apply_inside(
    schema: Schema, name: str, bounds: dict[str, Any], rules: list[dict[str, str]]
) -> None:
    properties = schema["properties"] = dict(schema["properties"])
    listed = properties[name] = {**properties[name], **bounds}
    listed["items"] = {**listed["items"], "x-kubernetes-validations": rules}
