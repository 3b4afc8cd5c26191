"""Templates that run by themselves, and the fields that only some types may have."""

from __future__ import annotations

import re
from typing import Any

from crds.validation import inputs, limits, resources, text
from crds.validation.report import Report, Site

POLICIES = ("Always", "OnFailure", "OnError", "OnTransientError")
NON_PODS = {
    "steps": "Steps",
    "dag": "DAG",
    "http": "HTTP",
    "suspend": "Suspend",
    "plugin": "Plugin",
}
_TAG_ONLY = re.compile(r"\{\{.*\}\}", re.DOTALL)


def check(report: Report, site: Site, template: dict[str, Any]) -> None:
    """Fields of a leaf; containers, inputs and tags are checked elsewhere."""
    name = f"templates.{template.get('name', '')}"
    deadline = template.get("activeDeadlineSeconds")
    if deadline is not None and not _is_deadline(deadline):
        report.add(
            site.below("activeDeadlineSeconds"),
            f"{name}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable",
        )
    if "parallelism" in template:
        place = site.below("parallelism")
        report.add(place, f"{name}.parallelism is only valid for steps and dag templates")
    if "resource" in template:
        resources.check(report, site.below("resource"), name, template["resource"])


def _is_deadline(value: int | str) -> bool:
    if isinstance(value, int):
        return value >= 0
    if _TAG_ONLY.fullmatch(value.strip()) or inputs.Placeholders.is_one(value):
        return True
    return value.isascii() and value.isdigit()


def check_any(report: Report, site: Site, template: dict[str, Any]) -> None:
    """Fields that every type may have, or that tell types apart."""
    name = template.get("name", "")
    policy = (template.get("retryStrategy") or {}).get("retryPolicy", "")
    if policy and policy not in POLICIES and not text.has_tag(policy):
        place = site.below("retryStrategy.retryPolicy")
        report.add(place, f"{policy} is not a valid RetryPolicy")
    timeout = template.get("timeout", "")
    if timeout and _is_bare_number(timeout):
        report.add(site.below("timeout"), f"{name} has invalid duration format in timeout")
    kind = next((NON_PODS[each] for each in NON_PODS if each in template), "")
    limits.check(report, site, template, kind)


def _is_bare_number(value: str) -> bool:
    return value.removeprefix("-").isdigit()


def check_not_leaf(report: Report, site: Site, template: dict[str, Any]) -> None:
    """Fields that steps and DAGs may not have."""
    name = f"templates.{template.get('name', '')}"
    if "activeDeadlineSeconds" in template:
        place = site.below("activeDeadlineSeconds")
        report.add(place, f"{name}.activeDeadlineSeconds is only valid for leaf templates")
    kind = "Steps" if "steps" in template else "DAG"
    for field in ("timeout", "pendingTimeout"):
        if template.get(field):
            report.add(site.below(field), f"{kind} template doesn't support {field} field")
