"""One template: type, inputs, and that every tag in it can be resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core import prepared, values
from engine.core.binding import has_location
from engine.core.errors import SpecError
from engine.core.prepared import TemplateType
from engine.core.validation import details, names, tagcheck
from engine.core.values import Json

_TYPES = tuple(kind.value for kind in TemplateType)
_CHOICES = "container, containerSet, steps, script, resource, dag, suspend, template, template ref"
_RESERVED = frozenset({"wait", "init", "supervisor"})


@dataclass(slots=True)
class Known:
    """What is known while one workflow is checked. `globals` grows with global outputs."""

    globals: set[str]
    seen: set[tuple[str, str, str]] = field(default_factory=set)


def check_type(template: Mapping[str, Any]) -> None:
    """A template has exactly one type."""
    given = [kind for kind in _TYPES if template.get(kind) is not None]
    name = template.get("name") or ""
    if not given:
        raise SpecError(f"template '{name}' type is unknown")
    if len(given) > 1:
        raise SpecError(
            f"templates.{name} multiple template types specified. choose one of: {_CHOICES}"
        )


def check_inputs(template: Mapping[str, Any]) -> None:
    """Inputs are named, well-formed and unique."""
    inputs = values.mapping(template.get("inputs"))
    where = f"templates.{template.get('name') or ''}.inputs"
    names.check_parameters(inputs.get("parameters") or (), f"{where}.parameters")
    names.check_parameters(inputs.get("artifacts") or (), f"{where}.artifacts")
    for artifact in inputs.get("artifacts") or ():
        if artifact.get("from"):
            raise SpecError(f"{where}.artifacts.{artifact['name']}.from not valid in inputs")


def check_supplied(template: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Every input without a value of its own is given one."""
    inputs = values.mapping(template.get("inputs"))
    given = {p.get("name") for p in arguments.get("parameters") or ()}
    where = f"templates.{template.get('name') or ''}"
    for parameter in inputs.get("parameters") or ():
        own = any(parameter.get(key) is not None for key in ("value", "default", "valueFrom"))
        if not own and parameter["name"] not in given:
            raise SpecError(f"{where} inputs.parameters.{parameter['name']} was not supplied")
    offered = {a.get("name"): a for a in arguments.get("artifacts") or ()}
    for artifact in inputs.get("artifacts") or ():
        if artifact.get("optional") or has_location(artifact):
            continue
        if artifact["name"] not in offered:
            raise SpecError(f"{where} inputs.artifacts.{artifact['name']} was not supplied")


def own_scope(template: Mapping[str, Any]) -> set[str]:
    """The names that a template's inputs and outputs offer inside it."""
    inputs = values.mapping(template.get("inputs"))
    outputs = values.mapping(template.get("outputs"))
    found = {"inputs.parameters", "steps.name", "tasks.name", "node.name"}
    for parameter in inputs.get("parameters") or ():
        found.add(f"inputs.parameters.{parameter['name']}")
    for artifact in inputs.get("artifacts") or ():
        found.add(f"inputs.artifacts.{artifact['name']}")
        if artifact.get("path"):
            found.add(f"inputs.artifacts.{artifact['name']}.path")
    for parameter in outputs.get("parameters") or ():
        if values.mapping(parameter.get("valueFrom")).get("path"):
            found.add(f"outputs.parameters.{parameter.get('name')}.path")
    for artifact in outputs.get("artifacts") or ():
        if artifact.get("path"):
            found.add(f"outputs.artifacts.{artifact.get('name')}.path")
    kind = next((k for k in TemplateType if template.get(k.value) is not None), None)
    if kind in prepared.POD_TYPES:
        found.add("pod.name")
    return found


def check_leaf(template: Mapping[str, Any], known: Known) -> None:
    """A template that is no flow: its tags, containers, deadline, outputs."""
    name = str(template.get("name") or "")
    where = f"templates.{name}"
    scope = own_scope(template) | known.globals
    body = {k: v for k, v in template.items() if k != "metrics"}
    try:
        tagcheck.check(body, scope)
    except SpecError as error:
        raise SpecError(f"{where}: {error.message}") from None
    _check_containers(template, where)
    deadline = template.get("activeDeadlineSeconds")
    if deadline is not None and not _is_deadline(deadline):
        raise SpecError(
            f"{where}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
        )
    if template.get("parallelism") is not None:
        raise SpecError(f"{where}.parallelism is only valid for steps and dag templates")


def _is_deadline(value: Any) -> bool:
    if isinstance(value, int):
        return value >= 0
    text = str(value)
    return "{{" in text or (text.isdecimal())


def _check_containers(template: Mapping[str, Any], where: str) -> None:
    for kind in ("container", "script"):
        block = template.get(kind)
        if block is not None and not block.get("image"):
            raise SpecError(f"{where}.{kind}.image may not be empty")
    block = template.get("containerSet")
    if block is not None:
        _check_set(block.get("containers") or (), f"{where}.containerSet.containers")
    for sidecar in template.get("sidecars") or ():
        if sidecar.get("name") in _RESERVED:
            name = sidecar["name"]
            raise SpecError(f'{where}.sidecars: "{name}" is a reserved Argo container name')


def _check_set(containers: Any, where: str) -> None:
    if not containers:
        raise SpecError(f"{where} must have at least one container")
    seen: set[str] = set()
    for index, container in enumerate(containers):
        name = str(container.get("name") or "")
        if not name:
            raise SpecError(f"{where}[{index}].name is required")
        wrong = names.problem(name)
        if wrong:
            raise SpecError(f"{where}[{index}].name: '{name}' is invalid: {wrong}")
        if name in seen:
            raise SpecError(f"{where}[{index}].name '{name}' is not unique")
        if name in _RESERVED:
            raise SpecError(f'{where}: "{name}" is a reserved Argo container name')
        seen.add(name)
    needs = {str(c.get("name")): list(c.get("dependencies") or ()) for c in containers}
    for name, wanted in needs.items():
        for need in wanted:
            if need not in needs:
                raise SpecError(f"{where}.{name} dependency '{need}' not defined")
    cycle = _cycle(needs)
    if cycle:
        raise SpecError(f"{where} dependency cycle detected: {'->'.join(cycle)}")


def _cycle(needs: Mapping[str, list[str]]) -> list[str]:
    """A cycle, as the reference prints it; empty if there is none."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        stack = [(start, iter(needs[start]))]
        while stack:
            name, rest = stack[-1]
            if not path or path[-1] != name:
                path.append(name)
            following = next(rest, None)
            if following is None:
                done.add(name)
                stack.pop()
                path.pop()
            elif following in path:
                found = path[path.index(following) :]
                return [found[-1], *found]
            elif following not in done:
                stack.append((following, iter(needs[following])))
    return []


def check_outputs(template: Mapping[str, Any], scope: set[str]) -> None:
    """Outputs are named, have a source that fits the type, and name what exists."""
    outputs = values.mapping(template.get("outputs"))
    where = f"templates.{template.get('name') or ''}.outputs"
    names.check_parameters(outputs.get("parameters") or (), f"{where}.parameters ")
    flow = next((k for k in ("steps", "dag") if template.get(k) is not None), "")
    if flow:
        try:
            tagcheck.check(_plain(outputs), scope)
        except SpecError as error:
            raise SpecError(f"{where} {error.message}") from None
    for parameter in outputs.get("parameters") or ():
        _check_source(template, parameter, flow, f"{where}.parameters.{parameter['name']}")


def _plain(outputs: Mapping[str, Any]) -> Json:
    return {k: outputs[k] for k in ("parameters", "artifacts") if outputs.get(k)}


def _check_source(
    template: Mapping[str, Any], parameter: Mapping[str, Any], flow: str, where: str
) -> None:
    source = parameter.get("valueFrom")
    if source is None:
        if parameter.get("value") is None:
            raise SpecError(f"{where} does not have valueFrom or value specified")
        return
    if parameter.get("value") is not None:
        raise SpecError(f"{where} has both valueFrom and value specified, choose one")
    details.source(parameter)
    if flow and not (source.get("parameter") or source.get("expression")):
        kind = "Steps" if flow == "steps" else "DAG"
        raise SpecError(f"{where}.parameter or expression must be specified for {kind} templates")
    if (template.get("container") or template.get("script")) and source.get("path") is None:
        kind = "Container" if template.get("container") else "Script"
        raise SpecError(f"{where}.path must be specified for {kind} templates")


def offered(template: Mapping[str, Any], prefix: str, *, loop: bool, known: Known) -> set[str]:
    """The names that a finished step or task offers; global outputs become known everywhere."""
    found = {
        f"{prefix}.{rest}" for rest in ("id", "startedAt", "finishedAt", "status", "hostNodeName")
    }
    outputs = values.mapping(template.get("outputs"))
    if template.get("daemon"):
        found.add(f"{prefix}.ip")
    members = values.mapping(template.get("containerSet")).get("containers") or ()
    has_main = any(c.get("name") == "main" for c in members)
    if any(template.get(k) for k in ("container", "script")) or has_main:
        found |= {f"{prefix}.exitCode", f"{prefix}.outputs.result"}
    if template.get("http"):
        found.add(f"{prefix}.exitCode")
    if any(template.get(k) for k in ("http", "data", "plugin")):
        found.add(f"{prefix}.outputs.result")
    if loop:
        found |= {f"{prefix}.outputs.parameters", f"{prefix}.outputs.result"}
    for kind in ("parameters", "artifacts"):
        for output in outputs.get(kind) or ():
            found.add(f"{prefix}.outputs.{kind}.{output.get('name')}")
            if output.get("globalName"):
                known.globals.add(f"workflow.outputs.{kind}.{output['globalName']}")
    return found
