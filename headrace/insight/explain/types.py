"""The types of fields, as one small tree: objects with fields, lists, maps and scalars.

Made from the typed kinds' annotations and from the table of Kubernetes' own types, so that a
walk along a path need not know which of the two it is in.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from crds import kubernetes
from crds.shape import Kubernetes, Scalar, Shape


class Form(StrEnum):
    """What a type is made of."""

    OBJECT = "object"  # a typed kind's struct, by class
    KUBERNETES = "kubernetes"  # an object of Kubernetes itself, by name
    LIST = "list"
    MAP = "map"
    SCALAR = "scalar"


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `item` is that of lists and maps, `shape` that of objects of the typed kinds."""

    form: Form
    name: str = ""
    item: Type | None = None
    shape: type[Shape] | None = None

    def __str__(self) -> str:
        match self.form, self.item:
            case Form.LIST, Type() as item:
                return f"[]{item}"
            case Form.MAP, Type() as item:
                return f"map[string]{item}"
            case _:
                return self.name

    @property
    def object(self) -> Type:
        """The type below all lists and maps: where a path goes on."""
        found = self
        while found.item is not None:
            found = found.item
        return found

    @property
    def has_fields(self) -> bool:
        """Whether a path can go on below this type."""
        return self.object.form in (Form.OBJECT, Form.KUBERNETES)

    def layers(self) -> Iterator[Form]:
        """The lists and maps around the object, from outside."""
        found = self
        while found.item is not None:
            yield found.form
            found = found.item


SCALARS: dict[Scalar, str] = {
    Scalar.ANY_STRING: "string|number|boolean",
    Scalar.INT_OR_STRING: "integer|string",
    Scalar.INT32: "integer",
    Scalar.TIME: "time",
    Scalar.ITEM: "any",
    Scalar.ITEMS: "[]any",
    Scalar.AMOUNT: "number|string",
    Scalar.INT64_OR_DURATION: "integer|string",
    Scalar.PLUGIN: "object",
}
_PLAIN: dict[Any, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    Any: "any",
}
_KUBERNETES: dict[str, str] = {
    "string": "string",
    "boolean": "boolean",
    "int32": "integer",
    "int64": "integer",
    "number": "number",
    "quantity": "quantity",
    "intOrString": "integer|string",
    "time": "time",
    "json": "any",
}


def of_shape(kind: type[Shape]) -> Type:
    """The type of a struct."""
    return Type(Form.OBJECT, kind.__name__, shape=kind)


def of_hint(hint: Any) -> Type:
    """The type an annotation stands for."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _marked(hint.__metadata__)
    if origin in (types.UnionType, typing.Union):
        [present] = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return of_hint(present)
    if origin is list:
        return Type(Form.LIST, item=of_hint(typing.get_args(hint)[0]))
    if origin is dict:
        value = typing.get_args(hint)[1]
        if value is Any:
            return Type(Form.SCALAR, "object")
        return Type(Form.MAP, item=of_hint(value))
    if isinstance(hint, type) and issubclass(hint, Shape):
        return of_shape(hint)
    return Type(Form.SCALAR, _PLAIN[hint])


def _marked(marks: tuple[Any, ...]) -> Type:
    for mark in marks:
        if isinstance(mark, Scalar):
            return Type(Form.SCALAR, SCALARS[mark])
        if isinstance(mark, Kubernetes):
            return of_kubernetes(mark.type)
    raise TypeError(f"no type for {marks}")


@functools.cache
def of_kubernetes(text: str) -> Type:
    """The type a text of Kubernetes' table stands for (`crds.kubernetes` has the grammar)."""
    text = text.removesuffix("!")
    if text.startswith("[]"):
        return Type(Form.LIST, item=of_kubernetes(text[2:]))
    if text.startswith("{}"):
        return Type(Form.MAP, item=of_kubernetes(text[2:]))
    if text in _KUBERNETES:
        return Type(Form.SCALAR, _KUBERNETES[text])
    if not kubernetes.fields(text):
        return Type(Form.SCALAR, "object")
    return Type(Form.KUBERNETES, text)
