"""Executor plugins that a workflow brings along."""

from __future__ import annotations

from typing import Any

from crds.validation.report import Report, Site


def check(report: Report, site: Site, plugins: list[dict[str, Any]]) -> None:
    """Name, limits and security context are mandatory."""
    for plugin in plugins:
        for fault in _faults(plugin):
            report.add(site, f"spec.executorPlugins: {fault}")


def _faults(plugin: dict[str, Any]) -> list[str]:
    container = ((plugin.get("spec") or {}).get("sidecar") or {}).get("container") or {}
    resources = container.get("resources") or {}
    found = []
    if not (plugin.get("metadata") or {}).get("name"):
        found.append("executor plugin metadata name is mandatory")
    if not resources.get("requests"):
        found.append("resources requests are mandatory")
    if not resources.get("limits"):
        found.append("resources limits are mandatory")
    if "securityContext" not in container:
        found.append("security context is mandatory")
    return found
