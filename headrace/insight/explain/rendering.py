"""One place as text for people, or as JSON for programs.

The text has the sections of `kubectl explain`, and between them the rules behind the field, what
absence means, what the cluster checks, and an example that can be pasted.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from crds.generate import manifests
from headrace.insight.explain import examples, fields, semantics
from headrace.insight.explain.fields import Field
from headrace.insight.explain.types import Form, Type
from headrace.insight.explain.walking import Place
from lang import yaml

_WIDTH = 80


def as_text(place: Place, *, recursive: bool = False) -> str:
    """What people read."""
    lines = [
        f"GROUP:      {manifests.GROUP}",
        f"KIND:       {place.kind.kind.__name__}",
        f"VERSION:    {manifests.VERSION}",
        "",
    ]
    if place.path:
        lines += [f"FIELD: {place.field.name} {_type(place.field)}", f"PATH:  {place.path}", ""]
    lines += ["DESCRIPTION:", *_paragraphs(place), ""]
    if place.path:
        lines += _facts(place.field)
    lines += ["EXAMPLE:", *_indented(_example(place)), ""]
    if place.below:
        lines += ["FIELDS:"]
        lines += _tree(place) if recursive else _list(place)
    return "\n".join(lines).rstrip() + "\n"


def _paragraphs(place: Place) -> list[str]:
    texts = [place.field.description] if place.path else []
    meant = place.field.type_description
    if meant and meant.rstrip(".").lower() not in (text.rstrip(".").lower() for text in texts):
        texts.append(meant)
    return [line for text in texts for line in _wrapped(text)]


def _facts(field: Field) -> list[str]:
    lines = []
    if rules := semantics.of_field(field):
        lines += ["SEMANTICS:", *(line for rule in rules for line in _item(rule)), ""]
    lines += [f"DEFAULT: {field.default}", ""]
    if field.enum:
        lines += ["ONE OF:", *(f"    {each}" for each in field.enum), ""]
    if field.limits:
        lines += ["LIMITS:", *(f"    {each}" for each in field.limits), ""]
    return lines


def _list(place: Place) -> Iterator[str]:
    for field in place.below.values():
        yield f"  {field.name}\t{_type(field)}"
        yield from _wrapped(field.description, 4)
        if field.default != "none":
            yield f"    default: {field.default}"
        yield ""


def _tree(place: Place) -> Iterator[str]:
    """All fields below, each type opened once on every way down."""

    def walk(below: dict[str, Field], depth: int, inside: tuple[str, ...]) -> Iterator[str]:
        for field in below.values():
            yield f"{'  ' * depth}{field.name}\t{_type(field)}"
            name = field.type.object.name
            if field.type.has_fields and name not in inside:
                yield from walk(fields.of_type(field.type), depth + 1, (*inside, name))

    return walk(place.below, 1, (place.field.type.object.name,))


def _type(field: Field) -> str:
    return f"<{field.type}>" + (" -required-" if field.required else "")


def _wrapped(text: str, indent: int = 4) -> list[str]:
    space = " " * indent
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _item(text: str) -> list[str]:
    first, *rest = _wrapped(text, 6)
    return [f"    - {first.lstrip()}", *rest]


def _indented(text: str) -> list[str]:
    return textwrap.indent(text.rstrip("\n"), "    ").split("\n")


def _example(place: Place) -> str:
    return yaml.to_yaml(example(place))


def example(place: Place) -> Any:
    """A whole object for a kind, `{name: value}` for a field."""
    if place.path:
        return {place.field.name: examples.of_field(place.field)}
    made: dict[str, Any] = {
        "apiVersion": f"{manifests.GROUP}/{manifests.VERSION}",
        "kind": place.kind.kind.__name__,
        "metadata": {"name": "hello"},
    }
    if "spec" in place.below:
        made["spec"] = examples.of_field(place.below["spec"])
    return made


def as_json(place: Place, *, recursive: bool = False) -> dict[str, Any]:
    """The same for programs; `fields` in the order of the typed kind."""
    about: dict[str, Any] = {
        "group": manifests.GROUP,
        "version": manifests.VERSION,
        "kind": place.kind.kind.__name__,
        "path": place.path,
    }
    if place.path:
        about |= _field_json(place.field)
        about["semantics"] = list(semantics.of_field(place.field))
    about["typeDescription"] = place.field.type_description
    about["example"] = example(place)
    about["fields"] = [
        _below_json(each, recursive, (place.field.type.object.name,))
        for each in place.below.values()
    ]
    return about


def _field_json(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": str(field.type),
        "description": field.description,
        "required": field.required,
        "default": field.default,
        "enum": list(field.enum),
        "limits": list(field.limits),
    }


def _below_json(field: Field, recursive: bool, inside: tuple[str, ...]) -> dict[str, Any]:
    found = _field_json(field)
    of: Type = field.type.object
    if recursive and of.form is not Form.SCALAR and of.name not in inside:
        found["fields"] = [
            _below_json(each, recursive, (*inside, of.name)) for each in fields.of_type(of).values()
        ]
    return found
