"""The whole workflow: arguments, entrypoint, exit handler, hooks, then every other template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.errors import SpecError
from engine.core.run import Run
from engine.core.validation import details, flows, names, template
from engine.core.validation.template import Known
from engine.core.values import Json
from engine.core.work import Source
from lang import strategic_merge

_FIXED = (
    "name", "namespace", "uid", "mainEntrypoint", "serviceAccountName", "creationTimestamp",
    "creationTimestamp.RFC3339", "parameters", "parameters.json", "labels", "labels.json",
    "annotations", "annotations.json", "duration", "status",
)  # fmt: skip
_EXIT = ("workflow.status", "workflow.failures", "workflow.duration")
_DEPTH = 100


def check(run: Run) -> None:
    """Raise SpecError for the first mistake."""
    spec = run.spec
    if not run.stored:
        names.check_templates(spec.get("templates") or ())
    arguments = values.mapping(spec.get("arguments"))
    names.check_arguments(arguments, "spec.arguments.")
    if not spec.get("entrypoint"):
        raise SpecError("spec.entrypoint is required")
    visitor = _Visitor(run, Known(_globals(run)))
    here = Source("local", run.name)
    visitor.visit({"template": spec["entrypoint"]}, here, arguments)
    visitor.known.globals.update(_EXIT)
    if spec.get("onExit"):
        visitor.visit({"template": spec["onExit"]}, here, arguments)
    for name, hook in values.mapping(spec.get("hooks")).items():
        if name != "exit" and not hook.get("expression"):
            raise SpecError(f"hooks.{name} Expression required")
    details.pod_gc(values.mapping(spec.get("podGC")))
    details.pod_resources(spec.get("podResources"), "spec.podResources")
    for own in spec.get("templates") or ():
        try:
            visitor.visit({"template": own.get("name")}, here, None)
        except SpecError as error:
            raise SpecError(f"templates.{own.get('name')} {error.message}") from None


def _globals(run: Run) -> set[str]:
    found = {f"workflow.{name}" for name in _FIXED}
    arguments = values.mapping(run.spec.get("arguments"))
    found |= {f"workflow.parameters.{p['name']}" for p in arguments.get("parameters") or ()}
    if run.spec.get("priority") is not None:
        found.add("workflow.priority")
    metadata = values.mapping(run.spec.get("workflowMetadata"))
    for kind, own in (("labels", run.labels), ("annotations", run.annotations)):
        keys = {*own, *values.mapping(metadata.get(kind))}
        if kind == "labels":
            keys |= set(values.mapping(metadata.get("labelsFrom")))
        found |= {f"workflow.{kind}.{key}" for key in keys}
    return found


def _is_dynamic(call: Mapping[str, Any]) -> bool:
    """The template's name is known only when the call runs."""
    reference = values.mapping(call.get("templateRef"))
    words = (call.get("template"), reference.get("name"), reference.get("template"))
    return any(tag in str(word) for word in words for tag in ("{{inputs.", "{{workflow."))


class _Visitor:
    """Walks from template to template, each body once."""

    def __init__(self, run: Run, known: Known) -> None:
        self._run = run
        self.known = known
        self._depth = 0

    def visit(
        self, call: Mapping[str, Any], source: Source, arguments: Mapping[str, Any] | None
    ) -> Json:
        """Check the template a call names; with `arguments`, that its inputs are supplied."""
        if _is_dynamic(call):
            return {}
        found, inside, key = self._find(call, source)
        template.check_type(found)
        template.check_inputs(found)
        if arguments is not None:
            template.check_supplied(found, arguments)
        if key in self.known.seen or self._depth > _DEPTH:
            return found
        self.known.seen.add(key)
        self._depth += 1
        self._body(found, inside)
        self._depth -= 1
        return found

    def _body(self, found: Json, inside: Source) -> None:
        def visit(call: Mapping[str, Any], given: Mapping[str, Any] | None) -> Json:
            return self.visit(call, inside, given)

        if found.get("steps") is not None:
            scope = flows.check_steps(found, self.known, visit)
        elif found.get("dag") is not None:
            scope = flows.check_dag(found, self.known, visit)
        else:
            template.check_leaf(found, self.known)
            scope = set()
        flow = found.get("steps") is not None or found.get("dag") is not None
        if flow and found.get("activeDeadlineSeconds") is not None and not self._defaulted():
            raise SpecError(
                f"templates.{found.get('name')}.activeDeadlineSeconds is only valid for "
                "leaf templates"
            )
        template.check_outputs(found, scope)
        details.check(found)

    def _defaulted(self) -> bool:
        defaults = values.mapping(self._run.spec.get("templateDefaults"))
        return defaults.get("activeDeadlineSeconds") is not None

    def _find(
        self, call: Mapping[str, Any], source: Source
    ) -> tuple[Json, Source, tuple[str, str, str]]:
        if call.get("inline") is not None:
            body = dict(call["inline"])
            return self._merged(body), source, ("inline", source.shown, repr(id(call)))
        reference = call.get("templateRef")
        name = str(call.get("template") or "")
        if reference:
            if name:
                raise SpecError("template name cannot be specified with templateRef")
            if not reference.get("name"):
                raise SpecError("resource name is required")
            scope = "cluster" if reference.get("clusterScope") else "namespaced"
            source = Source(scope, str(reference["name"]))
            name = str(reference.get("template") or "")
        named = self._named(source, name)
        if named is None:
            if reference:
                raise SpecError(f"template reference {source.name}.{name} not found")
            raise SpecError(f"template name '{name}' undefined")
        return self._merged(named), source, (source.scope, source.name, name)

    def _named(self, source: Source, name: str) -> Json | None:
        if source.scope == "local":
            return self._run.own_templates.get(name)
        library = self._run.library
        pool = (
            library.cluster_workflow_templates
            if source.scope == "cluster"
            else library.workflow_templates
        )
        spec = values.mapping(values.mapping(pool.get(source.name)).get("spec"))
        return next((dict(t) for t in spec.get("templates") or () if t.get("name") == name), None)

    def _merged(self, body: Json) -> Json:
        defaults = self._run.spec.get("templateDefaults")
        return strategic_merge.template_defaults(body, defaults) if defaults else body
