"""Linting of whole texts: documents, what they are, and the templates they give each other.

The rules of reading are those of `argo lint --offline`: documents that are no YAML are named and
left out, documents of other kinds are left out, and a text with nothing to lint is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crds import decode
from crds.errors import FieldError
from crds.eventbinding import WorkflowEventBinding
from crds.validation import cron, eventbus, eventsource, extensions, sensor, workflow
from crds.validation.library import Library
from lang import yaml
from lang.errors import ErrorKind, LangError

_SEPARATOR = re.compile(r"^---(?:[ \t].*|\r)?$", re.MULTILINE)
_WORKFLOWS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
NOTHING = "found nothing to lint in the specified paths, failing..."

Validator = Callable[..., list[FieldError]]


def _validate_binding(
    item: Mapping[str, Any], library: Library, *, strict: bool = True
) -> list[FieldError]:
    wrong, unknown = decode.inspect(item, WorkflowEventBinding)
    text = 'strict decoding error: unknown field "{}"'
    return [*wrong, *(FieldError(path, text.format(path)) for path in unknown if strict)]


VALIDATORS: dict[str, Validator] = {
    "Workflow": workflow.validate_workflow,
    "WorkflowTemplate": workflow.validate_workflow_template,
    "ClusterWorkflowTemplate": workflow.validate_workflow_template,
    "CronWorkflow": cron.validate_cron_workflow,
    "WorkflowEventBinding": _validate_binding,
    "Sensor": sensor.validate_sensor,
    "EventSource": eventsource.validate_event_source,
    "EventBus": eventbus.validate_event_bus,
}
"""Validator by kind: `(item, library, *, strict) -> findings`."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One object and what was found; `file` is the name of its text."""

    file: str
    kind: str
    name: str
    findings: tuple[FieldError, ...]
    notices: tuple[FieldError, ...] = ()  # uses of extensions; they never fail a file


@dataclass(slots=True)
class Lint:
    """The outcome. `problems` fail it; `notes` (unreadable documents) do not by themselves."""

    objects: list[Checked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is nothing to complain about."""
        return not self.problems and not any(each.findings for each in self.objects)

    def messages(self) -> Iterator[str]:
        """Every text, problems first."""
        yield from self.problems
        yield from self.notes
        for each in self.objects:
            for finding in each.findings:
                yield finding.message


def lint(texts: Mapping[str, str], *, strict: bool = True) -> Lint:
    """Check every object of the given texts (by file name) against each other."""
    outcome, library = Lint(), Library()
    objects: list[tuple[str, dict[str, Any]]] = []
    for file, text in texts.items():
        for item in _objects(file, text, outcome, strict):
            kind, name = item["kind"], _name(item)
            if not library.add(item):
                outcome.problems.append(f'duplicate {kind} found: "{name}"')
            objects.append((file, item))
    for file, item in objects:
        kind = item["kind"]
        findings = tuple(VALIDATORS[kind](item, library, strict=strict))
        uses = () if findings or kind not in _WORKFLOWS else tuple(extensions.notices(item))
        outcome.objects.append(Checked(file, kind, _name(item), findings, uses))
    if not objects and not outcome.problems:
        outcome.problems.append(NOTHING)
    return outcome


def _name(item: Mapping[str, Any]) -> str:
    meta = item.get("metadata")
    return str(meta.get("name") or "") if isinstance(meta, dict) else ""


def _objects(file: str, text: str, outcome: Lint, strict: bool) -> Iterator[dict[str, Any]]:
    for chunk in _SEPARATOR.split(text):
        if not chunk.strip():
            continue
        value = _read(file, chunk, outcome, strict)
        match value:
            case None:
                continue
            case dict() if not isinstance(value.get("kind"), str):
                outcome.notes.append(f"{file}: Object 'kind' is missing")
            case dict() if value["kind"] in VALIDATORS:
                yield value
            case list() if chunk.lstrip().startswith("["):
                outcome.problems.append(f"{file}: an object was expected, not a list")
            case dict():
                continue
            case _:
                outcome.notes.append(f"{file}: an object was expected")


def _read(file: str, chunk: str, outcome: Lint, strict: bool) -> Any:
    try:
        value = yaml.load(chunk, strict=strict)
        if not _finite(value):
            raise LangError(ErrorKind.VALUE, "no number of JSON is infinite", None)
        return value
    except LangError as error:
        outcome.notes.append(f"{file}: yaml file is not valid; error: {error.message}")
        return None


def _finite(value: Any) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_finite, value.values()))
        case list():
            return all(map(_finite, value))
        case _:
            return True
