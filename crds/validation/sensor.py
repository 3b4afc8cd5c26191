"""Sensors: dependencies, filters, triggers, conditions. Source: Argo Events v1.9.

Stricter than Argo where it only fails later: conditions that name no dependency, two triggers or
dependencies of one name, triggers of no kind or of two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crds.errors import CrdError, FieldError
from crds.sensor import Sensor
from crds.validation import events_shared as shared
from crds.validation import filters, trigger_types
from crds.validation.library import Library
from crds.validation.report import Report, Site
from lang import cron
from lang.errors import LangError

Json = dict[str, Any]
_OPERAND = re.compile(r"[^\s()&|!]+")
_UNITS = ("Second", "Minute", "Hour")


def validate_sensor(
    item: Mapping[str, Any], library: Library | None = None, *, strict: bool = True
) -> list[FieldError]:
    """Every finding. `library` is not used: what triggers create is checked when it is made."""
    try:
        plain, found = shared.decoded(item, Sensor, strict=strict)
    except CrdError as error:
        return shared.wrong_types(error)
    report, site = Report(), Site("spec")
    spec = plain.get("spec") or {}
    known = _check_dependencies(report, site, spec.get("dependencies") or [])
    triggers = spec.get("triggers") or []
    if not triggers:
        report.add(site.below("triggers"), "a sensor needs at least one trigger")
    seen: set[str] = set()
    for index, trigger in enumerate(triggers):
        place = site.below("triggers", index)
        _check_trigger(report, place, trigger, known)
        name = (trigger.get("template") or {}).get("name", "")
        if name and name in seen:
            report.add(place.below("template.name"), f"trigger name '{name}' is not unique")
        seen.add(name)
    return [*found, *report.findings]


def _check_dependencies(report: Report, site: Site, dependencies: list[Json]) -> set[str]:
    if not dependencies:
        report.add(site.below("dependencies"), "a sensor needs at least one dependency")
    seen: set[str] = set()
    for index, dependency in enumerate(dependencies):
        place = site.below("dependencies", index)
        shared.require(report, place, dependency, ("name", "eventSourceName", "eventName"))
        name = dependency.get("name", "")
        if name and name in seen:
            report.add(place.below("name"), f"dependency name '{name}' is not unique")
        seen.add(name)
        filters.check(report, place, dependency)
    return seen


def _check_trigger(report: Report, site: Site, trigger: Json, known: set[str]) -> None:
    template = trigger.get("template")
    if template is None:
        report.add(site.below("template"), "template is required")
        return
    place = site.below("template")
    shared.require(report, place, template, ("name",))
    trigger_types.check(report, place, template, known)
    trigger_types.check_parameters(
        report, site.below("parameters"), trigger.get("parameters"), known
    )
    _check_conditions(report, place, template.get("conditions", ""), known)
    for index, reset in enumerate(template.get("conditionsReset") or []):
        _check_reset(report, place.below("conditionsReset", index), reset.get("byTime") or {})
    shared.check_backoff(report, site.below("retryStrategy"), trigger.get("retryStrategy"))
    _check_rate(report, site.below("rateLimit"), trigger.get("rateLimit"))
    _check_policy(report, site.below("policy"), trigger.get("policy") or {})
    _check_dead_letters(report, site, trigger, known)


def _check_conditions(report: Report, site: Site, conditions: str, known: set[str]) -> None:
    for name in _OPERAND.findall(conditions):
        if name not in known:
            text = f"conditions name '{name}', which is no dependency"
            report.add(site.below("conditions"), text)
    if "!" in conditions:
        report.add(site.below("conditions"), "conditions know &&, || and parentheses only")


def _check_reset(report: Report, site: Site, by_time: Json) -> None:
    shared.require(report, site.below("byTime"), by_time, ("cron",))
    schedule = by_time.get("cron", "")
    if schedule:
        try:
            cron.parse(schedule, by_time.get("timezone", ""), descriptors=False)
        except LangError as error:
            report.add(site.below("byTime.cron"), error.message)


def _check_rate(report: Report, site: Site, rate: Json | None) -> None:
    if rate is None:
        return
    shared.check_word(report, site.below("unit"), rate.get("unit", ""), _UNITS)
    if (rate.get("requestsPerUnit") or 0) <= 0:
        report.add(site.below("requestsPerUnit"), "requestsPerUnit must be greater than 0")


def _check_policy(report: Report, site: Site, policy: Json) -> None:
    if "k8s" in policy:
        shared.require(report, site.below("k8s"), policy["k8s"], ("labels",))
        shared.check_backoff(report, site.below("k8s.backoff"), policy["k8s"].get("backoff"))
    if "status" in policy:
        shared.require(report, site.below("status"), policy["status"], ("allow",))


def _check_dead_letters(report: Report, site: Site, trigger: Json, known: set[str]) -> None:
    other = trigger.get("dlqTrigger")
    if other is None:
        return
    place = site.below("dlqTrigger")
    if not trigger.get("atLeastOnce"):
        report.add(site.below("atLeastOnce"), "atLeastOnce must be true with a dlqTrigger")
    if not other.get("atLeastOnce"):
        report.add(place.below("atLeastOnce"), "atLeastOnce of a dlqTrigger must be true")
    _check_trigger(report, place, {k: v for k, v in other.items() if k != "dlqTrigger"}, known)
