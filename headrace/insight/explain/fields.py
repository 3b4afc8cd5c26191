"""The fields of a type, with all that is known about each.

Texts come from the comments of the typed kinds, limits from what the API server checks, and
Kubernetes' own fields from its client. Callers: `walking`, `rendering`.
"""

from __future__ import annotations

import functools
import typing
from dataclasses import dataclass, replace
from typing import Any

from crds import kubernetes
from crds.generate import comments, kubernetes_types, limits
from crds.generate.manifests import Definition
from crds.shape import Shape
from headrace.insight.explain import defaults, kubernetes_docs, types
from headrace.insight.explain.types import Form, Type

Source = tuple[type[Shape], str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `owner` is the name of the type that has it, `default` a text for people."""

    name: str
    owner: str
    type: Type
    required: bool
    default: str
    limits: tuple[str, ...] = ()
    enum: tuple[str, ...] = ()
    source: Source | None = None  # the struct and its attribute

    @property
    def description(self) -> str:
        """What it means; read when asked for."""
        return _description(self)

    @property
    def type_description(self) -> str:
        """What its type means; empty for scalars."""
        return meaning(self.type)


def root(kind: Definition) -> Field:
    """The kind itself as a field without a name."""
    return Field("", "", types.of_shape(kind.kind), required=False, default=defaults.NONE)


def of_kind(kind: Definition) -> dict[str, Field]:
    """The fields of a kind. A status that the engine keeps as plain JSON has its typed shape."""
    found = dict(of_type(types.of_shape(kind.kind)))
    if kind.status is not None:
        plain = found["status"]
        found["status"] = replace(plain, type=types.of_shape(kind.status))
    for name in kind.required:
        found[name] = replace(found[name], required=True)
    return found


@functools.cache
def of_type(of: Type) -> dict[str, Field]:
    """The fields below a type by name, in the order of the typed kind; none for scalars."""
    inner = of.object
    if inner.form is Form.KUBERNETES:
        return {
            name: _of_kubernetes(inner.name, name, text)
            for name, text in kubernetes.fields(inner.name).items()
        }
    return _of_shape(inner.shape) if inner.shape is not None else {}


def meaning(of: Type) -> str:
    """What a type means; empty for scalars."""
    inner = of.object
    if inner.shape is not None:
        return comments.of_type(inner.shape)
    return kubernetes_docs.of_type(inner.name) if inner.form is Form.KUBERNETES else ""


def _description(field: Field) -> str:
    if field.source is not None:
        return comments.of_field(*field.source)
    own = kubernetes_docs.of_field(field.owner, field.name)
    return own or meaning(field.type)


def _of_shape(kind: type[Shape]) -> dict[str, Field]:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = zip(
        kind.__struct_fields__,
        kind.__struct_encode_fields__,
        kind.__struct_defaults__,
        strict=True,
    )
    required = limits.REQUIRED.get(kind.__name__, [])
    found = {}
    for attribute, name, default in names:
        places = tuple(f"{owner.__name__}.{name}" for owner in kind.__mro__)
        bounds = _bounds(places)
        found[name] = Field(
            name,
            kind.__name__,
            types.of_hint(hints[attribute]),
            name in required,
            _default((_qualified(kind, name), *places), default),
            limits=tuple(_limits(places, bounds)),
            enum=tuple(str(each) for each in bounds.get("enum", ()) if each),
            source=(kind, attribute),
        )
    return found


def _of_kubernetes(owner: str, name: str, text: str) -> Field:
    place = f"{owner}.{name}"
    default = kubernetes_types.DEFAULTS.get(place)
    return Field(
        name,
        owner,
        types.of_kubernetes(text),
        text.endswith("!"),
        defaults.NONE if default is None else _shown(default),
    )


def _qualified(kind: type[Shape], name: str) -> str:
    """With the module, for types that share their name."""
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}.{name}"


def _default(places: tuple[str, ...], default: Any) -> str:
    for place in places:
        if place in defaults.DEFAULTS:
            return defaults.DEFAULTS[place]
    if default is None or default == "":
        return defaults.NONE
    return _shown(default)


def _shown(default: Any) -> str:
    match default:
        case bool():
            return str(default).lower()
        case "":
            return '""'
        case _:
            return str(default)


def _bounds(places: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place in places:
        found.update(limits.LIMITS.get(place, {}))
    return found


_WORDS = {
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
}


def _limits(places: tuple[str, ...], bounds: dict[str, Any]) -> list[str]:
    """What the API server checks here, in words."""
    found = [_WORDS[key].format(value) for key, value in bounds.items() if key in _WORDS]
    for place in places:
        items = limits.LIMITS.get(f"{place}[]", {})
        found += [f"each {_WORDS[k].format(v)}" for k, v in items.items() if k in _WORDS]
        for rules in (limits.RULES.get(place, []), limits.RULES.get(f"{place}[]", [])):
            found += [rule["message"] for rule in rules]
        if place in limits.INSIDE:
            inner, bound, rules = limits.INSIDE[place]
            words = [_WORDS[k].format(v) for k, v in bound.items()]
            found += [f"{inner}: {each}" for each in [*words, *(r["message"] for r in rules)]]
    return found
