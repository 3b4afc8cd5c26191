"""What is linted, as rules want to see it: objects, the workflows in them, what calls what.

A `Flow` is one workflow spec, wherever it is written: in a Workflow, a template, a CronWorkflow or
the resource of a Sensor's trigger. Built once per run; rules only read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crds.validation.files import Checked
from headrace.insight.lint.model import Path

Json = Mapping[str, Any]
LEAVES = ("container", "script", "containerSet", "resource", "http", "plugin", "data", "suspend")


@dataclass(frozen=True, slots=True)
class Call:
    """A step or a task: where it is written, and by which template."""

    path: Path
    body: Json
    template: str


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a template."""

    path: Path
    body: Json
    template: Json
    template_path: Path


@dataclass(frozen=True, slots=True)
class Flow:
    """One workflow spec. `stored`: it is a template, so its caller may add what is missing."""

    item: Checked
    path: Path
    spec: Json
    stored: bool = False

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.item.kind} {self.item.name}" if self.item.name else self.item.kind

    def templates(self) -> Iterator[tuple[Path, Json]]:
        """Every template, inline ones of steps and tasks too."""
        for index, template in enumerate(objects(self.spec.get("templates"))):
            yield from _with_inline((*self.path, "templates", index), template)

    def containers(self) -> Iterator[Container]:
        """Every container that a template runs (not init containers and sidecars)."""
        for path, template in self.templates():
            for key in ("container", "script"):
                if isinstance(template.get(key), Mapping):
                    yield Container((*path, key), template[key], template, path)
            group = template.get("containerSet")
            if isinstance(group, Mapping):
                for index, body in enumerate(objects(group.get("containers"))):
                    where = (*path, "containerSet", "containers", index)
                    yield Container(where, body, template, path)

    def calls(self) -> Iterator[Call]:
        """Every step and every task."""
        for path, template in self.templates():
            for where, body in calls_of(path, template):
                yield Call(where, body, str(template.get("name") or ""))

    @property
    def defaults(self) -> Json:
        """The spec's templateDefaults."""
        found = self.spec.get("templateDefaults")
        return found if isinstance(found, Mapping) else {}


@dataclass(slots=True)
class Corpus:
    """Everything of one run. `complete`: what is not here does not exist (a cluster was asked)."""

    texts: Mapping[str, str]
    items: list[Checked]
    complete: bool = False
    others: list[Json] = field(default_factory=list)  # objects of the cluster

    def flows(self) -> Iterator[Flow]:
        """Every workflow spec."""
        for item in self.items:
            yield from _flows(item)

    def of_kind(self, kind: str) -> Iterator[Checked]:
        """The objects of a kind that are linted."""
        return (item for item in self.items if item.kind == kind)

    def event_sources(self) -> dict[str, Json]:
        """Specs of EventSources by name, from the files and the cluster."""
        found: dict[str, Json] = {}
        for each in (*self.others, *(item.value for item in self.of_kind("EventSource"))):
            if each.get("kind") == "EventSource":
                name = str((each.get("metadata") or {}).get("name") or "")
                spec = each.get("spec")
                found[name] = spec if isinstance(spec, Mapping) else {}
        return found


def objects(value: Any) -> Iterator[Json]:
    """The objects of a list that should hold objects."""
    for each in value if isinstance(value, list) else ():
        yield each if isinstance(each, Mapping) else {}


def calls_of(path: Path, template: Json) -> Iterator[tuple[Path, Json]]:
    """The steps or tasks of one template."""
    groups = template.get("steps")
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        body = group.get("steps") if isinstance(group, Mapping) else group
        for index, step in enumerate(objects(body)):
            yield (*path, "steps", number, index), step
    dag = template.get("dag")
    if isinstance(dag, Mapping):
        for index, task in enumerate(objects(dag.get("tasks"))):
            yield (*path, "dag", "tasks", index), task


def texts_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text of a tree with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts_in(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts_in(inner, (*path, index))


def _with_inline(path: Path, template: Json) -> Iterator[tuple[Path, Json]]:
    yield path, template
    for where, call in calls_of(path, template):
        inline = call.get("inline")
        if isinstance(inline, Mapping):
            yield from _with_inline((*where, "inline"), inline)


def _flows(item: Checked) -> Iterator[Flow]:
    match item.kind:
        case "Sensor":
            yield from _triggered(item)
        case "Workflow" | "CronWorkflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate":
            yield from _flow(item, (), item.value)
        case _:
            return


def _flow(item: Checked, path: Path, value: Json) -> Iterator[Flow]:
    steps = ("spec", "workflowSpec") if value.get("kind") == "CronWorkflow" else ("spec",)
    spec: Any = value
    for step in steps:
        spec = spec.get(step) if isinstance(spec, Mapping) else None
    if isinstance(spec, Mapping):
        stored = str(value.get("kind")).endswith("WorkflowTemplate")
        yield Flow(item, (*path, *steps), spec, stored)


def triggers_of(item: Checked) -> Iterator[tuple[Path, Json]]:
    """The `(path, trigger)` of a Sensor."""
    spec = item.value.get("spec")
    triggers = spec.get("triggers") if isinstance(spec, Mapping) else None
    for index, trigger in enumerate(objects(triggers)):
        yield ("spec", "triggers", index), trigger


def resource_of(path: Path, trigger: Json) -> tuple[Path, Json, Json] | None:
    """The inline resource of a k8s or argoWorkflow trigger: path, object, the kind's spec."""
    template = trigger.get("template")
    for kind in ("k8s", "argoWorkflow"):
        spec = template.get(kind) if isinstance(template, Mapping) else None
        source = spec.get("source") if isinstance(spec, Mapping) else None
        resource = source.get("resource") if isinstance(source, Mapping) else None
        if isinstance(resource, Mapping) and isinstance(spec, Mapping):
            return (*path, "template", kind, "source", "resource"), resource, spec
    return None


def _triggered(item: Checked) -> Iterator[Flow]:
    for path, trigger in triggers_of(item):
        found = resource_of(path, trigger)
        kinds = ("Workflow", "WorkflowTemplate", "CronWorkflow")
        if found is not None and str(found[1].get("kind")) in kinds:
            yield from _flow(item, found[0], found[1])
