"""Workflows and workflow templates: the spec as a whole. Source: Argo Workflows v4.1 lint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crds import decode
from crds.errors import CrdError, FieldError
from crds.shape import Shape
from crds.status import WorkflowStatus
from crds.validation import arguments, hooks, limits, names, plugins, pod_gc
from crds.validation.inputs import ANYTHING, Supplied
from crds.validation.library import Library
from crds.validation.report import Report, Site
from crds.validation.walk import LOCAL, Home, Walk
from crds.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

MAX_NAME = 63
_IN_STEP = re.compile(r"\.steps\[\d+\]\[\d+\]\.")
_ALWAYS = (
    "workflow.name",
    "workflow.namespace",
    "workflow.mainEntrypoint",
    "workflow.serviceAccountName",
    "workflow.uid",
    "workflow.status",
    "workflow.parameters",
    "workflow.parameters.json",
    "workflow.annotations",
    "workflow.annotations.json",
    "workflow.labels",
    "workflow.labels.json",
)


def validate_workflow(
    item: Mapping[str, Any], library: Library, *, strict: bool = True
) -> list[FieldError]:
    """Every finding about a Workflow. `strict`: unknown fields are findings."""
    return _validate(item, Workflow, library, strict=strict)


def validate_workflow_template(
    item: Mapping[str, Any], library: Library, *, strict: bool = True
) -> list[FieldError]:
    """Every finding about a WorkflowTemplate or ClusterWorkflowTemplate."""
    cluster = item.get("kind") == "ClusterWorkflowTemplate"
    kind: type[Shape] = ClusterWorkflowTemplate if cluster else WorkflowTemplate
    return _validate(item, kind, library, strict=strict)


def decoded(
    item: Mapping[str, Any], kind: type[Shape], *, strict: bool
) -> tuple[dict[str, Any], list[FieldError]]:
    """The canonical form, and what decoding found; raises CrdError on wrong types."""
    typed, unknown = decode.decode(item, kind, fold=not strict)
    status = item.get("status")
    if isinstance(status, dict) and kind is Workflow:
        wrong, lost = decode.inspect(status, WorkflowStatus)
        unknown = unknown + [f"status.{each}" for each in lost]
        if wrong:
            raise CrdError([FieldError(f"status.{e.path}", e.message) for e in wrong])
    return decode.encode(typed), list(_unknown(unknown, strict))


def _unknown(paths: list[str], strict: bool) -> Iterator[FieldError]:
    """Unknown fields of steps are findings always: steps are read strictly."""
    for path in paths:
        if strict:
            yield FieldError(path, f'strict decoding error: unknown field "{path}"')
        elif _IN_STEP.search(path):
            yield FieldError(path, f'json: unknown field "{path.rpartition(".")[2]}"')


def _validate(
    item: Mapping[str, Any], kind: type[Shape], library: Library, *, strict: bool
) -> list[FieldError]:
    try:
        plain, found = decoded(item, kind, strict=strict)
    except CrdError as error:
        return list(error.errors)
    is_template = kind is not Workflow
    report = Report()
    check_spec(report, Site("spec"), plain, library, Mode(is_template))
    quantities = limits.quantity_faults(plain.get("spec") or {}, "spec")
    return [*found, *(FieldError(path, text) for path, text in quantities), *report.findings]


@dataclass(frozen=True, slots=True)
class Mode:
    """What is expected of a spec."""

    template: bool = False  # others fill its arguments in
    needs_values: bool = False  # every argument has a value already


def check_spec(
    report: Report, site: Site, plain: dict[str, Any], library: Library, mode: Mode
) -> None:
    """Check the workflow spec of a canonical object; `site` is the spec's place."""
    spec, meta = plain.get("spec") or {}, plain.get("metadata") or {}
    _check_name(report, meta.get("name", ""))
    walk = Walk(library, report, open_parameters=mode.template)
    home = Home(LOCAL, spec, meta.get("namespace", ""), site.path)
    stored = _stored(walk, site, home, spec)
    if stored is False:
        return
    full = _merged(spec, stored) if isinstance(stored, Home) else spec
    templates = [each.get("name", "") for each in spec.get("templates") or []]
    for index, fault in names.faults(templates):
        report.add(site.below("templates", index), f"spec.templates{fault}")
    given = full.get("arguments") or {}
    place = site.below("arguments").named("spec.arguments.")
    arguments.check(report, place, given, may_be_open=not mode.needs_values)
    _know_globals(walk, full, plain)
    _check_rest(report, site, spec)
    supplied = ANYTHING if mode.template else Supplied(full.get("arguments") or {})
    calls = _Calls(walk, home, stored if isinstance(stored, Home) else None, supplied)
    calls.check(site, full, may_have_no_entry=mode.template)


def _check_name(report: Report, name: str) -> None:
    if len(name) > MAX_NAME:
        text = f'workflow name "{name}" must not be more than {MAX_NAME} characters long'
        report.add(Site("metadata.name"), f"{text} (currently {len(name)})")


def _stored(walk: Walk, site: Site, home: Home, spec: dict[str, Any]) -> Home | bool | None:
    """The spec that workflowTemplateRef names; None without one, False when it is missing."""
    reference = spec.get("workflowTemplateRef")
    if reference is None:
        return None
    place = site.below("workflowTemplateRef")
    if spec.get("templates"):
        text = "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
        walk.report.add(site.below("templates"), text)
        return False
    cluster = bool(reference.get("clusterScope"))
    found = walk.stored(place, reference.get("name", ""), home.namespace, cluster=cluster)
    return found or False


def _merged(spec: dict[str, Any], stored: Home) -> dict[str, Any]:
    """What matters here of the joined specs: entrypoint, arguments, metadata."""
    full = {**stored.spec, **spec}
    below = stored.spec.get("arguments") or {}
    above = spec.get("arguments") or {}
    full["arguments"] = {
        what: _by_name(below.get(what) or [], above.get(what) or [])
        for what in ("parameters", "artifacts")
    }
    return full


def _by_name(below: list[dict[str, Any]], above: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged = {each.get("name", ""): each for each in below}
    for each in above:
        name = each.get("name", "")
        under = merged.get(name, {})
        merged[name] = {**under, **each} if "value" not in each else each
    return list(merged.values())


def _know_globals(walk: Walk, full: dict[str, Any], plain: dict[str, Any]) -> None:
    for name in _ALWAYS:
        walk.known[name] = walk.placeholders.next()
    for parameter in (full.get("arguments") or {}).get("parameters") or []:
        key = f"workflow.parameters.{parameter.get('name', '')}"
        walk.known[key] = parameter.get("value") or walk.placeholders.next()
    sources = [plain.get("metadata") or {}, full.get("workflowMetadata") or {}]
    for source in sources:
        for what in ("labels", "annotations", "labelsFrom"):
            for key in source.get(what) or {}:
                word = "labels" if what == "labelsFrom" else what
                walk.known[f"workflow.{word}.{key}"] = walk.placeholders.next()
    if "priority" in full:
        walk.known["workflow.priority"] = str(full["priority"])


def _check_rest(report: Report, site: Site, spec: dict[str, Any]) -> None:
    hooks.check(report, site, "", spec)
    pod_gc.check(report, site.below("podGC"), spec.get("podGC"))
    plugins.check(report, site.below("executorPlugins"), spec.get("executorPlugins") or [])
    if "podResources" in spec:
        place = site.below("podResources")
        limits.check_pod_resources(report, place, "spec.podResources", spec["podResources"])


@dataclass(frozen=True, slots=True)
class _Calls:
    """What a spec calls: its entrypoint, its exit handler, and each of its own templates."""

    walk: Walk
    home: Home
    stored: Home | None
    given: Supplied

    def check(self, site: Site, full: dict[str, Any], *, may_have_no_entry: bool) -> None:
        entrypoint, place = full.get("entrypoint", ""), site.below("entrypoint")
        if entrypoint:
            self._call(place, entrypoint)
        elif not may_have_no_entry:
            self.walk.report.add(place, "spec.entrypoint is required")
        if full.get("onExit"):
            self.walk.known["workflow.failures"] = self.walk.placeholders.next()
            self._call(site.below("onExit"), full["onExit"])
        for index, template in enumerate(self.home.spec.get("templates") or []):
            name = template.get("name", "")
            if name:
                each = site.below("templates", index).leading(f"templates.{name} ")
                self.walk.call(each, self.home, {"template": name}, ANYTHING)

    def _call(self, site: Site, name: str) -> None:
        stored = self.stored
        if stored is not None and stored.find(name) is None:
            text = f"template reference {stored.key[1]}.{name} not found"
            self.walk.report.add(site, text)
            return
        self.walk.call(site, stored or self.home, {"template": name}, self.given)
