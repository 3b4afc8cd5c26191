"""Arguments: what is handed to a workflow, step, task or hook."""

from __future__ import annotations

from typing import Any

from crds.validation import names
from crds.validation.report import Report, Site

LOCATIONS = ("s3", "gcs", "azure", "oss", "artifactory", "hdfs", "http", "git", "raw", "plugin")
_NOT_IN_ARGUMENTS = ("path", "jsonPath", "parameter", "expression")


def check(report: Report, site: Site, arguments: dict[str, Any], *, may_be_open: bool) -> None:
    """`site.name` is the text before parameter names, ending in a dot.

    `may_be_open`: parameters without a value are allowed, another gives it.
    """
    for what in ("parameters", "artifacts"):
        given = [each.get("name", "") for each in arguments.get(what) or []]
        for index, fault in names.faults(given, parameters=True):
            report.add(site.below(what, index), f"{site.name}{what}{fault}")
    for index, parameter in enumerate(arguments.get("parameters") or []):
        place = site.below("parameters", index).named(f"{site.name}{parameter.get('name', '')}")
        if _check_parameter(report, place, parameter, may_be_open):
            return
    for index, artifact in enumerate(arguments.get("artifacts") or []):
        place = site.below("artifacts", index).named(f"{site.name}{artifact.get('name', '')}")
        _check_artifact(report, place, artifact)


def _check_parameter(
    report: Report, site: Site, parameter: dict[str, Any], may_be_open: bool
) -> bool:
    """True when an open enum ends the check of these arguments, as it does in Argo."""
    source, value = parameter.get("valueFrom"), parameter.get("value")
    name = site.name
    if source is None and value is None and not may_be_open:
        report.add(site, f"{name}.value or {name}.valueFrom is required")
    if source is not None and not _may_be_here(source):
        report.add(site, f"{name}.valueFrom only allows: default, configMapKeyRef and supplied")
    words = parameter.get("enum")
    if words is None:
        return False
    if not words:
        report.add(site, f"{name}.enum should contain at least one value")
    elif value is None:
        if not may_be_open:
            report.add(site, f"{name}.value is required")
        return may_be_open
    elif value not in words:
        report.add(site, f"{name}.value should be present in {name}.enum list")
    return False


def _may_be_here(source: dict[str, Any]) -> bool:
    given = "configMapKeyRef" in source or bool(source.get("event")) or "supplied" in source
    return given and not any(source.get(each) for each in _NOT_IN_ARGUMENTS)


def has_location_or_key(artifact: dict[str, Any]) -> bool:
    """Whether an artifact says where it is."""
    return any(each in artifact for each in LOCATIONS)


def _check_artifact(report: Report, site: Site, artifact: dict[str, Any]) -> None:
    origin, expression = artifact.get("from"), artifact.get("fromExpression")
    if not origin and not expression and not has_location_or_key(artifact):
        report.add(site, f"{site.name}.from, artifact location, or key is required")
    if origin and expression:
        report.add(site, f"{site.name} shouldn't have both `from` and `fromExpression` in Artifact")
