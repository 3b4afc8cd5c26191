"""Which inputs an event can fill: followed from Sensor parameters through arguments to templates.

The way: a trigger's parameter into `spec.arguments.parameters` of a Workflow, from there by
`workflow.parameters` and the entrypoint's inputs, then by the arguments of steps and tasks, into
templates of the same spec and of those that `templateRef` and `workflowTemplateRef` name. Outputs
are not followed: what a program prints is its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint.corpus import Corpus, Flow

Json = Mapping[str, Any]
Place = tuple[int, str, str]  # spec, template, input

_DEST = re.compile(r"spec\.arguments\.parameters\.(\d+)\.value$")
_INPUT = re.compile(r"(?<![\w.])inputs\.parameters\.([\w\-]+)")
_GLOBAL = re.compile(r"(?<![\w.])workflow\.parameters\.([\w\-]+)")
_ITEM = re.compile(r"(?<![\w.])item(?![\w])")


class Taint:
    """Built once per run; `source` says which Sensor can fill an input or workflow parameter."""

    def __init__(self, corpus: Corpus) -> None:
        self._flows = list(corpus.flows())
        self._inputs: dict[Place, str] = {}
        self._globals: dict[tuple[int, str], str] = {}
        self._work: list[tuple[Flow, str, str]] = []  # spec, template, its inputs changed
        for item in corpus.of_kind("Sensor"):
            for path, trigger in corpora.triggers_of(item):
                self._begin(item.name, path, trigger)
        self._follow()

    def source(self, flow: Flow, template: str, name: str) -> str:
        """The Sensor that can fill `inputs.parameters.x` or `workflow.parameters.x`, or ""."""
        if found := _INPUT.fullmatch(name):
            return self._inputs.get((id(flow.spec), template, found.group(1)), "")
        if found := _GLOBAL.fullmatch(name):
            return self._globals.get((id(flow.spec), found.group(1)), "")
        return ""

    def _begin(self, sensor: str, path: tuple[str | int, ...], trigger: Json) -> None:
        found = corpora.resource_of(path, trigger)
        if found is None:
            return
        where, resource, kind = found
        for parameter in corpora.objects(kind.get("parameters")):
            dest = _DEST.fullmatch(str(parameter.get("dest") or ""))
            spec = resource.get("spec")
            if dest is None or not isinstance(spec, Mapping):
                continue
            arguments = list(corpora.objects((spec.get("arguments") or {}).get("parameters")))
            index = int(dest.group(1))
            name = str(arguments[index].get("name") or "") if index < len(arguments) else ""
            for flow in self._targets((*where, "spec"), spec, resource):
                self._fill_global(flow, name, sensor)

    def _targets(self, path: Any, spec: Json, resource: Json) -> Iterator[Flow]:
        for flow in self._flows:
            if flow.spec is spec or (
                resource.get("kind")
                in ("WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
                and flow.item.kind == resource.get("kind")
                and flow.item.name == (resource.get("metadata") or {}).get("name")
            ):
                yield flow
        reference = spec.get("workflowTemplateRef")
        if isinstance(reference, Mapping):
            yield from self._stored(reference)

    def _stored(self, reference: Json) -> Iterator[Flow]:
        kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
        for flow in self._flows:
            if flow.item.kind == kind and flow.item.name == reference.get("name"):
                yield flow

    def _fill_global(self, flow: Flow, name: str, sensor: str) -> None:
        key = (id(flow.spec), name)
        if not name or key in self._globals:
            return
        self._globals[key] = sensor
        self._fill(flow, str(flow.spec.get("entrypoint") or ""), name, sensor)
        for _, template in flow.templates():
            self._work.append((flow, str(template.get("name") or ""), sensor))

    def _fill(self, flow: Flow, template: str, name: str, sensor: str) -> None:
        key = (id(flow.spec), template, name)
        if key not in self._inputs:
            self._inputs[key] = sensor
            self._work.append((flow, template, sensor))

    def _follow(self) -> None:
        while self._work:
            flow, name, sensor = self._work.pop()
            for path, template in flow.templates():
                if template.get("name") == name:
                    self._defaults(flow, template, sensor)
                    for _, call in corpora.calls_of(path, template):
                        self._through(flow, name, call, sensor)

    def _defaults(self, flow: Flow, template: Json, sensor: str) -> None:
        inputs = template.get("inputs")
        for parameter in corpora.objects((inputs or {}).get("parameters")):
            text = str(parameter.get("value") or parameter.get("default") or "")
            if self._tainted(flow, "", text):
                name = str(parameter.get("name") or "")
                self._fill(flow, str(template.get("name") or ""), name, sensor)

    def _through(self, flow: Flow, caller: str, call: Json, sensor: str) -> None:
        looped = self._tainted(flow, caller, str(call.get("withParam") or ""))
        arguments = call.get("arguments")
        for argument in corpora.objects((arguments or {}).get("parameters")):
            text = str(argument.get("value") or "")
            if self._tainted(flow, caller, text) or (looped and _ITEM.search(text)):
                for target, template in self._called(flow, call):
                    self._fill(target, template, str(argument.get("name") or ""), sensor)

    def _tainted(self, flow: Flow, template: str, text: str) -> bool:
        if "{{" not in text:
            return False
        spec = id(flow.spec)
        return any((spec, name) in self._globals for name in _GLOBAL.findall(text)) or any(
            (spec, template, name) in self._inputs for name in _INPUT.findall(text)
        )

    def _called(self, flow: Flow, call: Json) -> Iterator[tuple[Flow, str]]:
        if call.get("template"):
            yield flow, str(call["template"])
        reference = call.get("templateRef")
        if isinstance(reference, Mapping):
            for target in self._stored(reference):
                yield target, str(reference.get("template") or "")
