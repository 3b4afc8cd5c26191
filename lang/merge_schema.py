"""Schemas for strategic merges: which fields are lists with merge keys, which values have types.

Owns the notation of the schema tables and their compiled form. Callers: `pod_schema`,
`workflow_schema`, `merge_patch`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_FIELD = re.compile(r"([$\w.-]+)=([^!~+]+)(!)?(~\w*)?(\+retainKeys)?")


@dataclass(slots=True, eq=False)
class Type:
    """A value's type. `kind`: struct, list, map, any, or the name of a scalar.

    `name` is the structure's name; `element` the type inside lists and maps.
    """

    kind: str
    name: str = ""
    element: Type | None = None
    fields: dict[str, Field] = field(default_factory=dict)

    def go_name(self) -> str:
        """How Go's decoder names the type in messages."""
        match self.kind:
            case "struct":
                return f"v1.{self.name}"
            case "list" if self.element is not None:
                return f"[]{self.element.go_name()}"
            case "map" if self.element is not None:
                return f"map[string]{self.element.go_name()}"
            case _:
                return self.kind


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field. `merge_key`: None = the list is replaced, "" = a set of scalars."""

    type: Type
    required: bool = False
    merge_key: str | None = None


ANY = Type("any")
UNKNOWN = Field(ANY)


def read(*tables: str) -> Mapping[str, Type]:
    """The structures of one or more tables in the notation of `pod_schema_table`."""
    paragraphs: dict[str, str] = {}
    for table in tables:
        name = ""
        for line in table.splitlines():
            if line and not line.startswith(" "):
                name, _, line = line.partition(":")
                paragraphs[name] = ""
            paragraphs[name] = f"{paragraphs.get(name, '')} {line}"
    types = {name: Type("struct", name) for name in paragraphs if name}
    scalars: dict[str, Type] = {}
    for name, text in paragraphs.items():
        for word in text.split():
            match = _FIELD.fullmatch(word)
            if match is None:
                raise ValueError(f"bad schema entry {word!r}")
            key, notation, required, merge, _ = match.groups()
            kind = _type(notation, types, scalars)
            merge_key = merge[1:] if merge is not None else None
            types[name].fields[key] = Field(kind, required is not None, merge_key)
    return types


def _type(notation: str, types: Mapping[str, Type], scalars: dict[str, Type]) -> Type:
    if notation[0] == "[":
        return Type("list", element=_type(notation[1:-1], types, scalars))
    if notation[0] == "{":
        return Type("map", element=_type(notation[1:-1], types, scalars))
    if notation in types:
        return types[notation]
    return scalars.setdefault(notation, Type(notation))
