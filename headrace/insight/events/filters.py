"""What each filter of a dependency looked at: the values it saw beside what it wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from events.cloudevent import CloudEvent
from events.sensors import filters, scripts
from events.sensors.compiled import Dependency
from events.sensors.payload import Payload
from lang import gjson
from lang.errors import LangError

LONGEST = 200  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Look:
    """One entry of a filter: whether it passed, what it wants, what it saw."""

    group: str
    wants: str
    saw: str
    passed: bool


def looks(dependency: Dependency, event: CloudEvent) -> Iterator[Look]:
    """Every entry of the dependency's filters, each on its own."""
    if dependency.transform:
        try:
            event = scripts.transform(dependency.transform, event)
        except LangError as error:
            yield Look("transform", "", error.message, False)
            return
    payload = Payload(event)
    written = dependency.filters or {}
    for entry in written.get("data") or ():
        wants = f"{entry.get('path')} {entry.get('comparator') or '='} {entry.get('value')}"
        yield _look("data", {"data": [entry]}, wants, _at(payload, str(entry["path"])), payload)
    for entry in written.get("exprs") or ():
        fields = entry.get("fields") or ()
        saw = ", ".join(f"{f.get('name')}={_at(payload, str(f.get('path')))}" for f in fields)
        yield _look("exprs", {"exprs": [entry]}, str(entry.get("expr")), saw, payload)
    context = written.get("context")
    if isinstance(context, Mapping):
        seen = event.context()
        wants = ", ".join(f"{key}={value}" for key, value in context.items() if value)
        saw = ", ".join(f"{key}={seen.get(key, '')}" for key, value in context.items() if value)
        yield _look("context", {"context": context}, wants, saw, payload)
    time = written.get("time")
    if isinstance(time, Mapping):
        wants = f"from {time.get('start')} to {time.get('stop')}"
        yield _look("time", {"time": time}, wants, event.time, payload)
    if script := written.get("script"):
        yield _look("script", {"script": script}, "the script's result", "the event", payload)


def _look(group: str, part: Mapping[str, Any], wants: str, saw: str, payload: Payload) -> Look:
    try:
        verdict = filters.evaluate(part, "and", payload)
    except LangError as error:
        return Look(group, wants, error.message, False)
    return Look(group, wants, verdict.error or saw, verdict.passed)


def _at(payload: Payload, path: str) -> str:
    if not payload.valid:
        return "(the data is no JSON)"
    found = gjson.get(payload.document, path)
    text = found.string if found.exists else "(nothing)"
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
