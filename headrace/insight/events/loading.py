"""Sensor objects, stored or written in a file, made ready to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crds import decode
from crds import sensor as kinds
from crds.errors import CrdError, FieldError
from crds.validation.sensor import validate_sensor
from events.sensors.compiled import Sensor, compile_sensor

_SETTLE = 5.0  # seconds until an edit is known where events are decided


@dataclass(frozen=True, slots=True)
class Loaded:
    """A Sensor, and what of it cannot work. `since`: from when it is surely in force as it is."""

    sensor: Sensor
    problems: tuple[str, ...]
    since: float


def load(obj: Mapping[str, Any], *, strict: bool = False) -> Loaded:
    """The Sensor in `obj`. `strict`: unknown fields are problems too. Raises CrdError."""
    errors, _ = decode.inspect(obj, kinds.Sensor)
    if not errors and not (obj.get("metadata") or {}).get("name"):
        errors = [FieldError("metadata.name", "is required")]
    if any(not error.path.startswith("spec.") for error in errors):
        raise CrdError(errors)
    try:
        sensor = compile_sensor(obj)
    except (AttributeError, TypeError, ValueError):
        if not errors:
            raise
        raise CrdError(errors) from None  # of a shape that no part of it can be used
    checked = map(str, validate_sensor(obj, strict=strict))
    problems = _once((*sensor.dependency_problems, *sensor.problems, *checked))
    return Loaded(sensor, problems, _edited(obj["metadata"]) + _SETTLE)


def _once(problems: Iterable[str]) -> tuple[str, ...]:
    """Each field once: what the Sensor's own reading said of it comes first."""
    by_field: dict[str, str] = {}
    for problem in problems:
        by_field.setdefault(problem.partition(":")[0], problem)
    return tuple(by_field.values())


def _edited(meta: Mapping[str, Any]) -> float:
    """When the spec was written last, as far as the object tells; when it was made otherwise."""
    times = [meta.get("creationTimestamp")]
    times += [
        entry.get("time")
        for entry in meta.get("managedFields") or ()
        if not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {})
    ]
    return max((datetime.fromisoformat(str(t)).timestamp() for t in times if t), default=0.0)
