"""Inputs of a template: their declaration, and whether a caller supplies them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from crds.validation import arguments, artifacts, names, text
from crds.validation.report import Report, Site

Scope = dict[str, bool]
LEAF_TYPES = (
    "container",
    "containerSet",
    "script",
    "resource",
    "data",
    "suspend",
    "http",
    "plugin",
)


def is_leaf(template: dict[str, Any]) -> bool:
    """Whether it runs by itself, without steps or tasks."""
    return "steps" not in template and "dag" not in template


def check(report: Report, site: Site, template: dict[str, Any]) -> Scope:
    """Check the declaration; the names it brings into scope."""
    name = f"templates.{template.get('name', '')}"
    inputs = template.get("inputs") or {}
    scope: Scope = {}
    for what in ("parameters", "artifacts"):
        declared = [each.get("name", "") for each in inputs.get(what) or []]
        for index, fault in names.faults(declared, parameters=True):
            report.add(site.below(f"inputs.{what}", index), f"{name}.inputs.{what}{fault}")
        scope.update({f"inputs.{what}.{each}": True for each in declared})
    if inputs.get("parameters"):
        scope["inputs.parameters"] = True
    for index, artifact in enumerate(inputs.get("artifacts") or []):
        place = site.below("inputs.artifacts", index)
        _check_artifact(report, place.named(name), artifact, is_leaf(template))
        if is_leaf(template):
            scope[f"inputs.artifacts.{artifact.get('name', '')}.path"] = True
    return scope


def _check_artifact(report: Report, site: Site, artifact: dict[str, Any], leaf: bool) -> None:
    name = f"{site.name}.inputs.artifacts.{artifact.get('name', '')}"
    if leaf:
        fault = artifacts.path_fault(artifact)
        if fault:
            report.add(site, f"error in {name}: {fault}")
    elif artifact.get("path"):
        report.add(site, f"{name}.path only valid in container/script templates")
    if artifact.get("from"):
        report.add(site, f"{name}.from not valid in inputs")
    for fault in artifacts.location_faults(name, artifact):
        report.add(site, fault)


ABSENT = "__argo-internal.absent-optional-output__"
"""Stands for the output of a step that did not run."""


class Placeholders:
    """Texts that stand for values only a run has. They contain no tag."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def next(self) -> str:
        """A new one."""
        return f"placeholder-{next(self._numbers)}"

    @staticmethod
    def is_one(value: str) -> bool:
        """Whether the whole text is one."""
        head, _, number = value.partition("-")
        return head == "placeholder" and number.isdigit()


class Supplied:
    """What a caller gives. `None` stands for "anything that is asked for"."""

    def __init__(self, given: dict[str, Any] | None) -> None:
        self.anything = given is None
        given = given or {}
        self.parameters = {p.get("name", ""): p for p in given.get("parameters") or []}
        self.artifacts = {a.get("name", ""): a for a in given.get("artifacts") or []}


ANYTHING = Supplied(None)


def bind(
    report: Report,
    site: Site,
    template: dict[str, Any],
    supplied: Supplied,
    placeholders: Placeholders,
) -> dict[str, Any] | None:
    """The template with its inputs filled by `supplied`; None when some are missing."""
    before = len(report)
    name = f"templates.{template.get('name', '')}"
    inputs = dict(template.get("inputs") or {})
    bound = []
    for parameter in inputs.get("parameters") or []:
        each = _bind_parameter(parameter, supplied, placeholders)
        if each.get("value") == ABSENT:
            text_ = f"{name} inputs.parameters.{each.get('name', '')}: argument references an "
            report.add(
                site, text_ + "absent optional (skipped/omitted node output with no default)"
            )
        if "value" not in each and "valueFrom" not in each:
            report.add(site, f"{name} inputs.parameters.{each.get('name', '')} was not supplied")
        bound.append(each)
    if bound:
        inputs["parameters"] = bound
    found = []
    for artifact in inputs.get("artifacts") or []:
        given = _bind_artifact(artifact, supplied)
        if given is None:
            label = artifact.get("name", "")
            report.add(site, f"{name} inputs.artifacts.{label} was not supplied")
        found.append(given or artifact)
    if found:
        inputs["artifacts"] = found
    return {**template, "inputs": inputs} if len(report) == before else None


def _bind_parameter(
    parameter: dict[str, Any], supplied: Supplied, placeholders: Placeholders
) -> dict[str, Any]:
    bound = dict(parameter)
    if "value" not in bound and "default" in bound:
        bound["value"] = bound["default"]
    if supplied.anything:
        bound["value"] = placeholders.next()
        return bound
    given = supplied.parameters.get(bound.get("name", ""))
    if given is None:
        return bound
    # An entry without a value takes the declared one away, as it does in Argo.
    for key in ("value", "valueFrom"):
        bound.pop(key, None)
        if key in given:
            bound[key] = given[key]
    return bound


def _bind_artifact(artifact: dict[str, Any], supplied: Supplied) -> dict[str, Any] | None:
    """None when it must be supplied and is not."""
    if supplied.anything or arguments.has_location_or_key(artifact):
        return artifact
    given = supplied.artifacts.get(artifact.get("name", ""))
    if given is None:
        return artifact if artifact.get("optional") else None
    kept = {key: artifact[key] for key in ("path", "mode", "recurseMode") if key in artifact}
    return {**{k: v for k, v in given.items() if k not in ("path", "mode")}, **kept}


def substitute(template: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The bound template with global values, then inputs and paths, filled in."""
    filled: dict[str, Any] = text.fill(template, values)
    inner: dict[str, str] = {}
    for what in ("inputs", "outputs"):
        holder = filled.get(what) or {}
        for artifact in holder.get("artifacts") or []:
            if artifact.get("path"):
                inner[f"{what}.artifacts.{artifact.get('name', '')}.path"] = artifact["path"]
    for parameter in (filled.get("inputs") or {}).get("parameters") or []:
        if "value" in parameter:
            inner[f"inputs.parameters.{parameter.get('name', '')}"] = parameter["value"]
    for parameter in (filled.get("outputs") or {}).get("parameters") or []:
        path = (parameter.get("valueFrom") or {}).get("path")
        if path:
            inner[f"outputs.parameters.{parameter.get('name', '')}.path"] = path
    result: dict[str, Any] = text.fill(filled, inner)
    return result
