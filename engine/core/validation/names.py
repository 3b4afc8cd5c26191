"""Names in a workflow: which are allowed, which must be unique."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from engine.core import values
from engine.core.binding import has_location
from engine.core.errors import SpecError

_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_PARAMETER = re.compile(r"[-a-zA-Z0-9_]+[-a-zA-Z0-9_]*")
_ARTIFACT = re.compile(r"[-a-zA-Z0-9_{}.]+")
_LONGEST = 128
_RULE = (
    "name must consist of alpha-numeric characters or '-', and must start with an "
    "alpha-numeric character (e.g. My-name1-2, 123-NAME)"
)
_PARAMETER_RULE = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' "
    "e.g. my_param_1, MY-PARAM-1"
)


def problem(name: str) -> str:
    """What is wrong with the name of a template, step or task; empty if nothing."""
    if len(name) > _LONGEST:
        return f"must be no more than {_LONGEST} characters"
    return "" if _NAME.fullmatch(name) else _RULE


def parameter_problem(name: str) -> str:
    """What is wrong with the name of a parameter or artifact; empty if nothing."""
    return "" if _PARAMETER.fullmatch(name) else _PARAMETER_RULE


def check_parameters(entries: Iterable[Mapping[str, Any]], where: str) -> None:
    """Parameters or artifacts of one list: named, well-formed, unique. `where` ends the path."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        name = str(entry.get("name") or "")
        if not name:
            raise SpecError(f"{where}[{index}].name is required")
        if not _PARAMETER.fullmatch(name):
            raise SpecError(f"{where}[{index}].name: '{name}' is invalid: {_PARAMETER_RULE}")
        if name in seen:
            raise SpecError(f"{where}[{index}].name '{name}' is not unique")
        seen.add(name)


def check_templates(templates: Iterable[Mapping[str, Any]]) -> None:
    """The workflow's templates: named, well-formed, unique."""
    seen: set[str] = set()
    for index, template in enumerate(templates):
        name = str(template.get("name") or "")
        if not name:
            raise SpecError(f"spec.templates[{index}].name is required")
        wrong = problem(name)
        if wrong:
            raise SpecError(f"spec.templates[{index}].name: '{name}' is invalid: {wrong}")
        if name in seen:
            raise SpecError(f"spec.templates[{index}].name '{name}' is not unique")
        seen.add(name)


def check_arguments(arguments: Mapping[str, Any], where: str) -> None:
    """Arguments of the workflow, a step or a task: each has a value or a source for one."""
    parameters = arguments.get("parameters") or ()
    check_parameters(parameters, f"{where}parameters")
    check_parameters(arguments.get("artifacts") or (), f"{where}artifacts")
    for parameter in parameters:
        name = parameter["name"]
        value = parameter.get("value")
        if parameter.get("valueFrom") is None and value is None:
            raise SpecError(f"{where}{name}.value or {where}{name}.valueFrom is required")
        _argument_source(parameter.get("valueFrom"), value, f"{where}{name}")
        choices = parameter.get("enum")
        if choices is not None:
            if not choices:
                raise SpecError(f"{where}{name}.enum should contain at least one value")
            if value is None or values.text(value) not in map(values.text, choices):
                raise SpecError(f"{where}{name}.value should be present in {where}{name}.enum list")
    for artifact in arguments.get("artifacts") or ():
        _argument_artifact(artifact, f"{where}{artifact['name']}")


def _argument_source(source: Any, value: Any, where: str) -> None:
    if source is None or value is not None:
        return
    given = [key for key in values.mapping(source) if key != "default"]
    if given not in (["configMapKeyRef"], ["supplied"], ["event"]):
        raise SpecError(f"{where}.valueFrom only allows: default, configMapKeyRef and supplied")


def _argument_artifact(artifact: Mapping[str, Any], where: str) -> None:
    if artifact.get("from") and artifact.get("fromExpression"):
        raise SpecError(f"{where} shouldn't have both `from` and `fromExpression` in Artifact")
    if not (artifact.get("from") or artifact.get("fromExpression") or has_location(artifact)):
        raise SpecError(f"{where}.from, artifact location, or key is required")
