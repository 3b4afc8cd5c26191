"""From a path to a field, stepping through lists and maps; what is near a path that leads nowhere.

A path is written as for kubectl (`spec.templates.container.image`). Indexes (`[0]`, `[]`, `.0`)
and keys of maps (`spec.webhook.example.port`) may be written, and change nothing.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from crds.generate.manifests import Definition
from headrace.insight.explain import fields
from headrace.insight.explain.fields import Field
from headrace.insight.explain.names import UnknownName
from headrace.insight.explain.types import Form

_PART = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_DEPTH = 7

REMOVED = {
    "CronWorkflowSpec.schedule": '"schedules", a list',
    "Synchronization.mutex": '"mutexes", a list',
    "Synchronization.semaphore": '"semaphores", a list',
    "WorkflowSpec.podPriority": '"podPriorityClassName"',
}
"""Fields that Argo Workflows v4 took away, and what is there instead."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path led: the field, the path as it is written in messages, the fields below."""

    kind: Definition
    field: Field
    path: str
    below: dict[str, Field]


def find(kind: Definition, path: str) -> Place:
    """The field at `path`; the kind itself for an empty one. Raises UnknownName."""
    place = Place(kind, fields.root(kind), "", fields.of_kind(kind))
    parts = [_part(match) for match in _PART.finditer(path)]
    skipped = False
    for at, (part, bracketed) in enumerate(parts):
        if not bracketed and part in place.below:
            place, skipped = _step(place, part), False
            continue
        rest = [name for name, _ in parts[at + 1 :]]
        if not skipped and _is_key(place, part, bracketed, rest):
            skipped = Form.LIST not in place.field.type.layers()
            continue
        raise UnknownName(_nowhere(place, part))
    return place


def _part(match: re.Match[str]) -> tuple[str, bool]:
    inside = match.group(1)
    return (inside.strip("\"'"), True) if inside is not None else (match.group(2), False)


def _step(place: Place, name: str) -> Place:
    field = place.below[name]
    inner = {Form.LIST: "[]", Form.MAP: ".<name>"}
    marks = "".join(inner[form] for form in place.field.type.layers())
    path = f"{place.path}{marks}.{name}".lstrip(".")
    below = fields.of_kind(place.kind)[name] if not place.path else field
    return Place(place.kind, below, path, fields.of_type(below.type))


def _is_key(place: Place, part: str, bracketed: bool, rest: list[str]) -> bool:
    """Whether `part` is an index of a list, or a key of a map that the path goes on behind."""
    layers = set(place.field.type.layers())
    if Form.LIST in layers and (part.isdecimal() or (bracketed and part in ("", "*"))):
        return True
    if Form.MAP not in layers:
        return False
    return bracketed or not place.below or bool(rest and rest[0] in place.below)


def _nowhere(place: Place, part: str) -> str:
    where = place.path or place.kind.kind.__name__
    if place.field.type.object.name in ("object", "any"):
        return f"{where} holds any fields; nothing is known about them"
    missing = f'{where} has no field "{part}"'
    if removed := REMOVED.get(f"{place.field.type.object.name}.{part}"):
        return f"{missing} any more; use {removed}"
    if not place.below:
        return f"{missing}: its type is {place.field.type}"
    lowered = {name.lower(): name for name in place.below}
    near = difflib.get_close_matches(part.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f'{missing}; did you mean "{_joined(place, lowered[near[0]])}"?'
    if deeper := _below(place, part.lower()):
        return f'{missing}; did you mean "{deeper}"?'
    return f"{missing}; it has {', '.join(place.below)}"


def _joined(place: Place, name: str) -> str:
    plain = re.sub(r"\[\]|\.<name>", "", place.path)
    return f"{plain}.{name}".lstrip(".")


def _below(place: Place, name: str) -> str:
    """The nearest path below `place` that ends with a field of that name; breadth first."""
    waiting = [(place.below, _joined(place, "").rstrip("."), 0)]
    seen: set[str] = set()
    for below, path, depth in waiting:
        for each, field in below.items():
            here = f"{path}.{each}".lstrip(".")
            if each.lower() == name:
                return here
            if depth < _DEPTH and field.type.has_fields and field.type.object.name not in seen:
                seen.add(field.type.object.name)
                waiting.append((fields.of_type(field.type), here, depth + 1))
    return ""
