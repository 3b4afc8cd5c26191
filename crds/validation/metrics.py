"""The metrics of a template."""

from __future__ import annotations

import re
from typing import Any

from crds.validation.report import Report, Site

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check(report: Report, site: Site, template: dict[str, Any]) -> None:
    """Names, help, labels and values."""
    lead = f"templates.{template.get('name', '')} metric"
    for index, metric in enumerate((template.get("metrics") or {}).get("prometheus") or []):
        place = site.below("metrics.prometheus", index)
        name = metric.get("name", "")
        if not _NAME.fullmatch(name):
            report.add(
                place,
                f"{lead} name '{name}' is invalid. Metric names must contain alphanumeric "
                "characters or '_'",
            )
        for label in metric.get("labels") or []:
            if not _NAME.fullmatch(label.get("key", "")):
                report.add(
                    place,
                    f"metric label '{label.get('key', '')}' is invalid: keys may only contain "
                    "alphanumeric characters or '_'",
                )
        if not metric.get("help"):
            report.add(place, f"{lead} '{name}' must contain a help string under 'help: ' field")
        fault = _value_fault(metric)
        if fault:
            report.add(place, f"{lead} '{name}' error: {fault}")


def _value_fault(metric: dict[str, Any]) -> str:
    for kind in ("gauge", "histogram", "counter"):
        if kind not in metric:
            continue
        value = metric[kind].get("value", "")
        if not value:
            return f"missing {kind}.value"
        if metric[kind].get("realtime") and "resourcesDuration." in value:
            return "'resourcesDuration.*' metrics cannot be used in real-time"
    return ""
