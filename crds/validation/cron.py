"""CronWorkflows: schedules, time zone, and the workflow inside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crds.cron import CronWorkflow
from crds.errors import CrdError, FieldError
from crds.validation import limits, workflow
from crds.validation.library import Library
from crds.validation.report import Report, Site
from lang import cron
from lang.errors import LangError

MAX_NAME = 52
POLICIES = ("", "Allow", "Forbid", "Replace")
_ZONE = re.compile(r"^(?:CRON_)?TZ=(\S+)\s+")
_LEAD = "cannot validate Workflow: "


def validate_cron_workflow(
    item: Mapping[str, Any], library: Library, *, strict: bool = True
) -> list[FieldError]:
    """Every finding about a CronWorkflow. Every argument of its workflow needs a value."""
    try:
        plain, found = workflow.decoded(item, CronWorkflow, strict=strict)
    except CrdError as error:
        return list(error.errors)
    spec, meta = plain.get("spec") or {}, plain.get("metadata") or {}
    report = Report()
    _check_name(report, meta.get("name", ""))
    _check_schedules(report, Site("spec"), spec)
    _check_zone(report, Site("spec.timezone"), spec.get("timezone", ""))
    policy = spec.get("concurrencyPolicy", "")
    if policy not in POLICIES:
        report.add(Site("spec.concurrencyPolicy"), f"'{policy}' is not a valid concurrencyPolicy")
    if (spec.get("startingDeadlineSeconds") or 0) < 0:
        report.add(Site("spec.startingDeadlineSeconds"), "startingDeadlineSeconds must be positive")
    inner = _workflow(spec, meta)
    site = Site("spec.workflowSpec", lead=_LEAD)
    workflow.check_spec(report, site, inner, library, workflow.Mode(needs_values=True))
    quantities = limits.quantity_faults(inner["spec"], "spec.workflowSpec")
    return [*found, *(FieldError(path, text) for path, text in quantities), *report.findings]


def _check_name(report: Report, name: str) -> None:
    if len(name) > MAX_NAME:
        text = f'cron workflow name "{name}" must not be more than {MAX_NAME} characters long'
        report.add(Site("metadata.name"), f"{text} (currently {len(name)})")


def _check_schedules(report: Report, site: Site, spec: dict[str, Any]) -> None:
    schedules = spec.get("schedules") or []
    if not schedules:
        report.add(site.below("schedules"), "cron workflow must have at least one schedule")
    for index, schedule in enumerate(schedules):
        try:
            cron.parse(_ZONE.sub("", schedule), _zone_of(schedule))
        except LangError as error:
            text = f"cron schedule {schedule} is malformed: {error.message}"
            report.add(site.below("schedules", index), text)


def _zone_of(schedule: str) -> str:
    match = _ZONE.match(schedule)
    return match[1] if match else ""


def _check_zone(report: Report, site: Site, zone: str) -> None:
    try:
        cron.parse("* * * * *", zone)
    except LangError:
        report.add(site, f'invalid timezone "{zone}": unknown time zone {zone}')


def _workflow(spec: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """The workflow that a run would be."""
    given = spec.get("workflowMetadata") or {}
    inner = {
        "labels": given.get("labels") or {},
        "annotations": given.get("annotations") or {},
        "namespace": meta.get("namespace", ""),
    }
    return {"metadata": inner, "spec": spec.get("workflowSpec") or {}}
