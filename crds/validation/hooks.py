"""Lifecycle hooks of a workflow or step: all but `exit` need an expression.

The template of a hook is never looked up, and hooks of DAG tasks are not checked: as in Argo.
"""

from __future__ import annotations

from typing import Any

from crds.validation.report import Report, Site


def check(report: Report, site: Site, label: str, holder: dict[str, Any]) -> None:
    """`label` is the holder's name in messages; empty for the workflow."""
    lead = f"{label}.hooks" if label else "hooks"
    for name, hook in (holder.get("hooks") or {}).items():
        if name != "exit" and not hook.get("expression"):
            report.add(site.below(f"hooks.{name}"), f"{lead}.{name} Expression required")
