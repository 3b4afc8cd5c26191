"""Outputs of a template: names, sources, and the tags in them."""

from __future__ import annotations

from typing import Any

from crds.validation import artifacts, inputs, names, text
from crds.validation.report import Report, Site

_SOURCES = ("path", "jqFilter", "jsonPath", "parameter", "expression", "supplied")
_TYPE_NAMES = {
    "container": "Container",
    "containerSet": "ContainerSet",
    "script": "Script",
    "resource": "Resource",
    "dag": "DAG",
    "steps": "Steps",
}


def check(report: Report, site: Site, template: dict[str, Any]) -> None:
    """Everything but the tags, which the caller checks against its scope."""
    name = f"templates.{template.get('name', '')}.outputs"
    given = template.get("outputs") or {}
    for what in ("parameters", "artifacts"):
        declared = [each.get("name", "") for each in given.get(what) or []]
        for index, fault in names.faults(declared, parameters=True):
            report.add(site.below(f"outputs.{what}", index), f"{name}.{what} {fault}")
    for index, artifact in enumerate(given.get("artifacts") or []):
        place = site.below("outputs.artifacts", index)
        label = f"{name}.artifacts.{artifact.get('name', '')}"
        if inputs.is_leaf(template):
            fault = artifacts.path_fault(artifact)
            if fault:
                report.add(place, f"error in {label}: {fault}")
        elif artifact.get("path"):
            report.add(place, f"{label}.path only valid in container/script templates")
        _check_global_name(report, place, label, artifact)
    for index, parameter in enumerate(given.get("parameters") or []):
        place = site.below("outputs.parameters", index)
        label = f"{name}.parameters.{parameter.get('name', '')}"
        _check_parameter(report, place.named(label), parameter, template)


def _check_global_name(report: Report, site: Site, label: str, each: dict[str, Any]) -> None:
    shared = each.get("globalName", "")
    if shared and not text.has_tag(shared):
        for fault in names.faults_of_parameter(shared):
            report.add(site, f"{label}.globalName: {fault}")


def _check_parameter(
    report: Report, site: Site, parameter: dict[str, Any], template: dict[str, Any]
) -> None:
    source = parameter.get("valueFrom")
    if source is None and "value" not in parameter:
        report.add(site, f"{site.name} does not have valueFrom or value specified")
    if source is not None and "value" in parameter:
        report.add(site, f"{site.name} has both valueFrom and value specified, choose one")
    if source is not None:
        _check_source(report, site, source, template)
    _check_global_name(report, site, site.name, parameter)


def _check_source(
    report: Report, site: Site, source: dict[str, Any], template: dict[str, Any]
) -> None:
    given = [
        each for each in _SOURCES if source.get(each) or (each == "supplied" and each in source)
    ]
    if not given:
        report.add(
            site,
            "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, "
            "expression",
        )
    elif len(given) > 1:
        report.add(
            site,
            "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, "
            "parameter, raw",
        )
    kind = next((each for each in _TYPE_NAMES if each in template), "")
    wanted = _wanted(kind, source)
    if wanted:
        named = f"{site.name}{wanted} must be specified for {_TYPE_NAMES[kind]} templates"
        report.add(site, named)


def _wanted(kind: str, source: dict[str, Any]) -> str:
    match kind:
        case "container" | "containerSet" | "script":
            return "" if source.get("path") else ".path"
        case "resource":
            known = source.get("jqFilter") or source.get("jsonPath")
            return "" if known else " .jqFilter or jsonPath"
        case "dag" | "steps":
            known = source.get("parameter") or source.get("expression")
            return "" if known else ".parameter or expression"
        case _:
            return ""
