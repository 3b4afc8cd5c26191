"""What each filter of a dependency looked at: the values it saw beside what it wants."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from events.cloudevent import CloudEvent
from events.sensors import filters, scripts
from events.sensors.compiled import Dependency
from events.sensors.payload import Payload
from lang import gjson, gotemplate
from lang.errors import LangError
from lang.gjson import Result

LONGEST = 200  # characters of a value that are shown
_ONCE = 400  # characters of a script's data
_OPERATORS = ("exprLogicalOperator", "dataLogicalOperator")


@dataclass(frozen=True, slots=True)
class Look:
    """One entry of a filter: whether it passed, what it wants, what it saw."""

    group: str
    wants: str
    saw: str
    passed: bool


def joined(dependency: Dependency) -> list[str]:
    """Which of the looks are joined by "or": any of them is enough."""
    written = dependency.filters or {}
    found = [name for name in _OPERATORS if written.get(name) == "or"]
    return [*found, "filtersLogicalOperator"] if dependency.operator == "or" else found


def looks(dependency: Dependency, event: CloudEvent) -> Iterator[Look]:
    """The transform, and every entry of the filters on its own, whatever the others say."""
    if spec := dependency.transform:
        language = "jq" if spec.get("jq") else "script"
        wants = f"the {language} to give an object"
        try:
            event = scripts.transform(spec, event)
        except LangError as error:
            yield Look("transform", wants, error.message, False)
            return
        yield Look("transform", wants, _cut(Payload(event).text, _ONCE), True)
    payload = Payload(event)
    written = dependency.filters or {}
    for entry in written.get("exprs") or ():
        saw = ", ".join(_fields(entry.get("fields") or (), payload))
        yield _look("exprs", {"exprs": [entry]}, (str(entry.get("expr")), saw), payload)
    for entry in written.get("data") or ():
        told = (_wanted(entry), _datum(entry, payload))
        yield _look("data", {"data": [entry]}, told, payload)
    if isinstance(context := written.get("context"), Mapping):
        named, seen = {k: v for k, v in context.items() if v}, event.context()
        wants = ", ".join(f"{key}={value}" for key, value in named.items())
        saw = ", ".join(f"{key}={seen.get(key, '')}" for key in named)
        yield _look("context", {"context": context}, (wants, saw), payload)
    if isinstance(time := written.get("time"), Mapping):
        zone = f" {time['timezone']}" if time.get("timezone") else ""
        wants = f"from {time.get('start')} to {time.get('stop')}{zone}"
        yield _look("time", {"time": time}, (wants, event.time), payload)
    if script := written.get("script"):
        told = ("the script to return true", _cut(payload.text, _ONCE))
        yield _look("script", {"script": script}, told, payload)


def _look(group: str, part: Mapping[str, Any], told: tuple[str, str], payload: Payload) -> Look:
    """`told`: what it wants and what it saw."""
    wants, saw = told
    try:
        verdict = filters.evaluate(part, "and", payload)
    except LangError as error:
        return Look(group, wants, f"{saw}: {error.message}", False)
    return Look(group, wants, f"{saw}: {verdict.error}" if verdict.error else saw, verdict.passed)


def _wanted(entry: Mapping[str, Any]) -> str:
    values = json.dumps([str(value) for value in entry.get("value") or ()], ensure_ascii=False)
    path = f"{entry.get('path')} ({entry['template']})" if entry.get("template") else entry["path"]
    return f"{path} {entry.get('comparator') or '='} {values}"


def _datum(entry: Mapping[str, Any], payload: Payload) -> str:
    """The value at the entry's path, and what its template makes of it."""
    if not payload.valid:
        return "(the data is no JSON)"
    try:
        found = payload.get(str(entry["path"]))
        if not entry.get("template") or not found.exists:
            return _shown(found)
        made = gotemplate.compile(str(entry["template"])).render({"Input": found.string})
    except LangError as error:
        return f"({error.message})"
    return f"{_shown(found)}, made {_cut(made, LONGEST)}"


def _fields(fields: Any, payload: Payload) -> Iterator[str]:
    """`name=value` of each; their paths are gjson's alone."""
    for each in fields:
        if not payload.valid:
            yield f"{each.get('name')}=(the data is no JSON)"
            continue
        try:
            saw = _shown(gjson.get(payload.document, str(each.get("path"))))
        except LangError as error:
            saw = f"({error.message})"
        yield f"{each.get('name')}={saw}"


def _shown(found: Result) -> str:
    return _cut(found.string, LONGEST) if found.exists else "(nothing)"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"
