"""podGC: when pods are deleted, and which."""

from __future__ import annotations

from typing import Any

from crds.validation.report import Report, Site
from lang import label_syntax

STRATEGIES = (
    "",
    "OnPodCompletion",
    "OnPodSuccess",
    "OnWorkflowCompletion",
    "OnWorkflowSuccess",
)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def check(report: Report, site: Site, pod_gc: dict[str, Any] | None) -> None:
    """The strategy's word, and the label selector."""
    if pod_gc is None:
        return
    strategy = pod_gc.get("strategy", "")
    if strategy not in STRATEGIES:
        text = f"podGC.strategy unknown strategy '{strategy}'"
        report.add(site.below("strategy"), text)
    selector = pod_gc.get("labelSelector") or {}
    place = site.below("labelSelector")
    for expression in selector.get("matchExpressions") or []:
        operator = expression.get("operator", "")
        if operator not in _OPERATORS:
            text = (
                f'podGC.labelSelector invalid: "{operator}" is not a valid label selector operator'
            )
            report.add(place, text)
        _check_key(report, place, expression.get("key", ""))
    for key in selector.get("matchLabels") or {}:
        _check_key(report, place, key)


def _check_key(report: Report, site: Site, key: str) -> None:
    for fault in label_syntax.key_problems(key):
        text = f'podGC.labelSelector invalid: key: Invalid value: "{key}": {fault}'
        report.add(site, text)
