"""EventSources: names across types, and what each type needs. Source: Argo Events v1.9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds.errors import CrdError, FieldError
from crds.eventsource import EventSource
from crds.validation import events_shared as shared
from crds.validation import source_types
from crds.validation.library import Library
from crds.validation.report import Report, Site

NOT_EVENTS = ("eventBusName", "replicas", "template", "service")


def validate_event_source(
    item: Mapping[str, Any], library: Library | None = None, *, strict: bool = True
) -> list[FieldError]:
    """Every finding. `library` is not used: a source refers to no templates."""
    try:
        plain, found = shared.decoded(item, EventSource, strict=strict)
    except CrdError as error:
        return shared.wrong_types(error)
    report, site = Report(), Site("spec")
    spec = plain.get("spec") or {}
    named: dict[str, str] = {}
    for kind, events in spec.items():
        if kind in NOT_EVENTS:
            continue
        for name, event in events.items():
            place = site.below(kind).below(name)
            other = named.setdefault(name, kind)
            if other != kind:
                report.add(place, f"event name '{name}' is used by {other} too; names are unique")
            _check_name(report, place, name)
            source_types.check(report, place, kind, event)
    _check_routes(report, site, spec)
    return [*found, *report.findings]


def _check_name(report: Report, site: Site, name: str) -> None:
    """A dot or blank would split the subject the event is published under."""
    if not name or any(each in name for each in ". \t*>"):
        report.add(site, f"event name '{name}' must not be empty or hold '.', '*', '>' or blanks")


def _check_routes(report: Report, site: Site, spec: dict[str, Any]) -> None:
    """Two events on one port and endpoint: the second would never receive anything."""
    taken: dict[tuple[str, str, str], str] = {}
    for kind, events in spec.items():
        if kind in NOT_EVENTS:
            continue
        for name, event in events.items():
            hook = event if kind == "webhook" else event.get("webhook")
            if not hook:
                continue
            route = (hook.get("port", ""), hook.get("endpoint", ""), hook.get("method", ""))
            other = taken.setdefault(route, f"{kind}.{name}")
            if other != f"{kind}.{name}":
                place = site.below(kind).below(name)
                report.add(place, f"port and endpoint are those of {other} already")
