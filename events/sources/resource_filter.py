"""`filter` of a `resource` event: prefix, labels, fields, creation, and after the start.

All must hold. Labels are chosen by the API server. A field is a gjson path whose string value is
searched with a regular expression; what is no string counts as empty, as in the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from crds.eventsource_local import ResourceFilter
from crds.eventsource_local import Selector as Comparison
from events.sources.contract import SourceError
from kube.cluster import Object
from lang import gjson, regex, selector
from lang.errors import LangError

Passes = Callable[[Object, str], bool]
"""Whether an object's change (`ADD`, `UPDATE`, `DELETE`) is an event."""

_EQUAL = frozenset({"", "=", "=="})


def labels(given: ResourceFilter | None, path: str) -> str:
    """The label selector for the API. Raises SourceError."""
    parts = []
    for index, label in enumerate((given.labels if given else None) or ()):
        text = _label(label)
        try:
            selector.parse(text)
        except LangError as error:
            raise SourceError(f"{path}.labels[{index}]", error.message) from None
        parts.append(text)
    return ",".join(parts)


def _label(label: Comparison) -> str:
    match label.operation:
        case "in" | "notin":
            return f"{label.key} {label.operation} ({label.value})"
        case "exists":
            return label.key
        case "!":
            return f"!{label.key}"
        case "gt":
            return f"{label.key}>{label.value}"
        case "lt":
            return f"{label.key}<{label.value}"
        case _:
            return f"{label.key}{label.operation or '='}{label.value}"


def compiled(given: ResourceFilter | None, path: str, start: float) -> Passes:
    """Everything but the labels; `start` in seconds since the epoch. Raises SourceError."""
    if given is None:
        return lambda obj, kind: True
    fields = [_field(f, f"{path}.fields[{n}]") for n, f in enumerate(given.fields or ())]
    latest = None
    if given.created_by:
        latest = _seconds(given.created_by)
        if latest is None:
            raise SourceError(f"{path}.createdBy", f"{given.created_by!r} is no time")

    def passes(obj: Object, kind: str) -> bool:
        meta = obj["metadata"]
        if not str(meta.get("name") or "").startswith(given.prefix):
            return False
        if given.after_start and _happened(obj, kind, start) < start:
            return False
        created = _seconds(meta.get("creationTimestamp"))
        if latest is not None and created is not None and created > latest:
            return False
        return all(field(obj) for field in fields)

    return passes


def _field(field: Comparison, path: str) -> Callable[[Object], bool]:
    try:
        pattern = regex.compile(field.value)
    except LangError as error:
        raise SourceError(f"{path}.value", error.message) from None
    wanted = field.operation in _EQUAL
    if not wanted and field.operation != "!=":
        raise SourceError(f"{path}.operation", f"{field.operation!r} must be =, == or !=")

    def holds(obj: Object) -> bool:
        found = gjson.get(obj, field.key)
        if not found.exists:
            return False
        text = found.value if isinstance(found.value, str) else ""
        return pattern.search(text) == wanted

    return holds


def _happened(obj: Object, kind: str, now: float) -> float:
    """When the change was, in seconds since the epoch, as well as the object tells."""
    meta = obj["metadata"]
    if kind == "DELETE":
        return _seconds(meta.get("deletionTimestamp")) or now
    moments = [meta.get("creationTimestamp")]
    if kind == "UPDATE":
        managed = meta.get("managedFields") or ()
        moments += [each.get("time") for each in managed if each.get("operation") == "Update"]
    found = [moment for moment in map(_seconds, moments) if moment is not None]
    return max(found, default=now)


def _seconds(text: Any) -> float | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
