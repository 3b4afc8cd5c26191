"""A Sensor object made ready: dependencies by name, triggers with their conditions.

A trigger that cannot work is left out with a problem that names its field; the others live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import crds.sensor
from crds import decode
from crds.shape import Shape
from events.sensors.retrying import RetryPolicy, RetryPolicyError, policy
from events.triggers import registry
from lang import cron, govaluate
from lang.cron import Schedule
from lang.errors import LangError
from lang.govaluate import Condition


@dataclass(frozen=True, slots=True)
class Dependency:
    """One dependency as written, with its filters."""

    name: str
    source: str
    event: str
    filters: Mapping[str, Any] | None
    operator: str
    transform: Mapping[str, Any] | None

    @property
    def scripted(self) -> bool:
        """Whether jq or Lua must be asked, which takes a trip to another process."""
        return bool(self.transform) or bool((self.filters or {}).get("script"))


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger. `joins`: it waits for several events; `names`: the dependencies it uses."""

    name: str
    kind: str
    spec: Mapping[str, Any]
    condition: Condition
    names: frozenset[str]
    joins: bool
    retry: RetryPolicy
    spacing: float
    resets: tuple[Schedule, ...]

    @property
    def template(self) -> Mapping[str, Any]:
        """`template` as written."""
        found: Mapping[str, Any] = self.spec["template"]
        return found


@dataclass(frozen=True, slots=True)
class Sensor:
    """One Sensor. `problems` are messages that begin with a field path; `halts`: it fires no more
    after a round that failed."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: float
    bus: str
    dependencies: dict[str, Dependency]
    triggers: dict[str, Trigger]
    problems: tuple[str, ...] = field(default=())
    dependency_problems: tuple[str, ...] = field(default=())
    halts: bool = False


_UNITS = {"Second": 1.0, "Minute": 60.0, "Hour": 3600.0, "": 1.0}
_FILTER_TYPES = frozenset({"bool", "number", "string"})


def compile_sensor(obj: Mapping[str, Any]) -> Sensor:
    """The Sensor in `obj`; never raises for what a user wrote."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    dependency_problems: list[str] = []
    dependencies = _dependencies(spec, dependency_problems)
    problems: list[str] = []
    triggers: dict[str, Trigger] = {}
    entries = _entries(spec, "triggers")
    if not entries:
        problems.append("spec.triggers: at least one trigger is required")
    for position, entry in enumerate(entries):
        path = f"spec.triggers[{position}]"
        try:
            _check_types(entry, crds.sensor.Trigger, path)
            trigger = _trigger(entry or {}, path, dependencies)
        except _Problem as problem:
            problems.append(str(problem))
            continue
        if trigger.name in triggers:
            problems.append(f"{path}.template.name: {trigger.name!r} is used twice")
            continue
        triggers[trigger.name] = trigger
    return Sensor(
        meta.get("namespace", ""),
        meta["name"],
        meta.get("uid", ""),
        int(meta.get("generation") or 0),
        _created(meta),
        str(spec.get("eventBusName") or "default"),
        dependencies,
        triggers,
        tuple(problems),
        tuple(dependency_problems),
        spec.get("errorOnFailedRound") is True,
    )


def _created(meta: Mapping[str, Any]) -> float:
    """When the object was made, in whole seconds since the epoch."""
    try:
        return datetime.fromisoformat(str(meta.get("creationTimestamp") or "")).timestamp()
    except ValueError:
        return 0.0


class _Problem(Exception):
    """`str` is a message that begins with the field's path."""


def _entries(spec: Any, field: str) -> list[Any]:
    """The list `field` of `spec`; empty when it is none."""
    found = spec.get(field) if isinstance(spec, dict) else None
    return found if isinstance(found, list) else []


def _check_types(entry: Any, kind: type[Shape], path: str) -> None:
    """Raises _Problem for a value that its field does not take: all below relies on the types."""
    wrong, _ = decode.inspect(entry, kind)
    if wrong:
        raise _Problem(f"{path}.{wrong[0]}" if wrong[0].path else f"{path}: {wrong[0].message}")


def _dependencies(spec: Mapping[str, Any], problems: list[str]) -> dict[str, Dependency]:
    found: dict[str, Dependency] = {}
    entries = _entries(spec, "dependencies")
    if not entries:
        problems.append("spec.dependencies: at least one dependency is required")
    for position, entry in enumerate(entries):
        path = f"spec.dependencies[{position}]"
        try:
            _check_types(entry, crds.sensor.EventDependency, path)
        except _Problem as problem:
            problems.append(str(problem))
            continue
        entry = entry or {}
        name = str(entry.get("name") or "")
        missing = [f for f in ("name", "eventSourceName", "eventName") if not entry.get(f)]
        if missing:
            problems.append(f"{path}.{missing[0]}: is required")
        elif name in found:
            problems.append(f"{path}.name: {name!r} is used twice")
        elif (fault := _filter_fault(entry.get("filters") or {}, path)) is not None:
            problems.append(fault)
        else:
            found[name] = Dependency(
                name,
                str(entry["eventSourceName"]),
                str(entry["eventName"]),
                entry.get("filters"),
                str(entry.get("filtersLogicalOperator") or ""),
                entry.get("transform"),
            )
    return found


def _filter_fault(filters: Mapping[str, Any], path: str) -> str | None:
    """What in `filters` can never work."""
    for position, entry in enumerate(filters.get("exprs") or ()):
        where = f"{path}.filters.exprs[{position}].expr"
        try:
            govaluate.compile_expr(str((entry or {}).get("expr") or ""))
        except LangError as error:
            return f"{where}: {error.message}"
    for position, entry in enumerate(filters.get("data") or ()):
        where = f"{path}.filters.data[{position}]"
        if not (entry or {}).get("path"):
            return f"{where}.path: is required"
        if entry.get("type") not in _FILTER_TYPES:
            return f"{where}.type: must be bool, number or string"
        if not entry.get("value"):
            return f"{where}.value: is required"
    return None


def _trigger(entry: Mapping[str, Any], path: str, known: Mapping[str, Dependency]) -> Trigger:
    template = entry.get("template") or {}
    name = str(template.get("name") or "")
    if not name:
        raise _Problem(f"{path}.template.name: is required")
    kinds = [kind for kind in registry.ORDER if template.get(kind) is not None]
    if not kinds:
        raise _Problem(f"{path}.template: no trigger type is set")
    kind = kinds[0]
    if kind not in registry.TRIGGERS:
        raise _Problem(f"{path}.template.{kind}: this trigger type is not served")
    if (fault := registry.TRIGGERS[kind].check(template[kind])) is not None:
        raise _Problem(f"{path}.template.{kind}.{fault}")
    text = str(template.get("conditions") or "")
    try:
        condition = govaluate.compile_condition(text, list(known))
    except LangError as error:
        raise _Problem(f"{path}.template.conditions: {error.message}") from None
    names = frozenset(condition.names)
    for unknown in sorted(names - set(known)):
        raise _Problem(f"{path}.template.conditions: no dependency is named {unknown!r}")
    _check_parameters(entry, template[kind], path, kind, known)
    try:
        retry = policy(entry.get("retryStrategy"))
    except RetryPolicyError as error:
        raise _Problem(f"{path}.retryStrategy.{error}") from None
    return Trigger(
        name,
        kind,
        entry,
        condition,
        names,
        # The reference looks at the text alone: without an "and" each event fires by itself.
        "&" in text or (not text and len(known) > 1),
        retry,
        _spacing(entry.get("rateLimit"), path),
        _resets(template.get("conditionsReset"), f"{path}.template.conditionsReset"),
    )


def _check_parameters(
    entry: Mapping[str, Any],
    body: Mapping[str, Any],
    path: str,
    kind: str,
    known: Mapping[str, Dependency],
) -> None:
    places = [
        (f"{path}.parameters", entry.get("parameters")),
        (f"{path}.template.{kind}.parameters", body.get("parameters")),
        (f"{path}.template.{kind}.payload", body.get("payload")),
    ]
    for where, parameters in places:
        for position, parameter in enumerate(parameters or ()):
            src = (parameter or {}).get("src") or {}
            name = src.get("dependencyName")
            if name and name not in known:
                raise _Problem(
                    f"{where}[{position}].src.dependencyName: no dependency is named {name!r}"
                )


def _spacing(limit: Mapping[str, Any] | None, path: str) -> float:
    """Seconds between two firings, 0 for no limit."""
    if not limit:
        return 0.0
    unit, count = str(limit.get("unit") or ""), int(limit.get("requestsPerUnit") or 0)
    if unit not in _UNITS:
        raise _Problem(f"{path}.rateLimit.unit: must be Second, Minute or Hour")
    if count <= 0:
        raise _Problem(f"{path}.rateLimit.requestsPerUnit: must be positive")
    return _UNITS[unit] / count


def _resets(entries: Any, path: str) -> tuple[Schedule, ...]:
    found = []
    for position, entry in enumerate(entries or ()):
        by_time = (entry or {}).get("byTime") or {}
        spec, zone = str(by_time.get("cron") or ""), str(by_time.get("timezone") or "")
        try:
            schedule = cron.parse(spec, zone, descriptors=False)
        except LangError as error:
            raise _Problem(f"{path}[{position}].byTime.cron: {error.message}") from None
        if isinstance(schedule, Schedule):
            found.append(schedule)
    return tuple(found)
