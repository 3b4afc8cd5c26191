"""An example value for every field: from the tables where they have one, else made from its type.

A value that is made shows the required fields, or the first one when none is. Callers:
`rendering`.
"""

from __future__ import annotations

from typing import Any

from headrace.insight.explain import fields
from headrace.insight.explain.example_names import BY_NAME
from headrace.insight.explain.example_types import BY_TYPE
from headrace.insight.explain.example_values import BY_FIELD
from headrace.insight.explain.fields import Field
from headrace.insight.explain.types import Form, Type

_CONTAINERS = ("ContainerNode", "UserContainer", "ScriptTemplate")
_SCALARS: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "integer|string": 1,
    "number|string": 1,
    "string|number|boolean": "text",
    "quantity": "1Gi",
    "time": "2026-01-31T05:00:00Z",
    "any": {},
    "[]any": ["a", "b"],
    "object": {},
}
_DEPTH = 4


def of_field(field: Field) -> Any:
    """The value alone."""
    return _value(field, 0)


def of_type(of: Type) -> Any:
    """A value of a type that no field is known for (a kind as a whole has none)."""
    return _of_type(of, 0)


def _value(field: Field, depth: int) -> Any:
    for place in _places(field):
        if place in BY_FIELD:
            return BY_FIELD[place]
    if field.enum:
        return field.enum[0]
    known = _by_name(field)
    if known is not None and not field.type.has_fields:
        return known
    if field.type.name == "boolean":
        return field.default != "true"
    return _of_type(field.type, depth)


def _places(field: Field) -> list[str]:
    if field.source is None:
        owner = "Container" if field.owner in _CONTAINERS else field.owner
        return [f"{field.owner}.{field.name}", f"{owner}.{field.name}"]
    return [f"{kind.__name__}.{field.name}" for kind in field.source[0].__mro__]


def _by_name(field: Field) -> Any:
    """The table's value, where it has the form that the type asks for."""
    known = BY_NAME.get(field.name)
    form, name = field.type.form, field.type.name
    fits = {
        str: form is Form.SCALAR and "string" in name,
        int: form is Form.SCALAR and name.startswith(("integer", "number")),
        float: form is Form.SCALAR and name.startswith("number"),
        list: form is Form.LIST and str(field.type) == "[]string",
        dict: form is Form.MAP and str(field.type) != "map[string]boolean",
    }
    if isinstance(known, str) and name == "time":
        return known
    return known if fits.get(type(known), False) else None


def _of_type(of: Type, depth: int) -> Any:
    match of.form, of.item:
        case Form.LIST, Type() as item:
            return [_of_type(item, depth)]
        case Form.MAP, Type() as item:
            return {"example": _of_type(item, depth)}
        case Form.SCALAR, _:
            return True if of.name == "boolean" else _SCALARS[of.name]
        case _:
            return _object(of, depth)


def _object(of: Type, depth: int) -> Any:
    names = [of.name]
    if of.shape is not None:
        module = of.shape.__module__.rpartition(".")[2]
        names = [f"{module}.{of.name}", *(kind.__name__ for kind in of.shape.__mro__)]
    for name in names:
        if name in BY_TYPE:
            return BY_TYPE[name]
    below = fields.of_type(of)
    chosen = [each for each in below.values() if each.required]
    if not chosen and depth < _DEPTH:
        chosen = list(below.values())[:1]
    return {each.name: _value(each, depth + 1) for each in chosen}
