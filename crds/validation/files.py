"""Linting of whole texts: documents, what they are, and the templates they give each other.

The rules of reading are those of `argo lint --offline`: documents that are no YAML are named and
left out, documents of other kinds are left out, and a text with nothing to lint is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crds import decode
from crds.errors import FieldError
from crds.eventbinding import WorkflowEventBinding
from crds.validation import cron, eventbus, eventsource, extensions, sensor, workflow
from crds.validation.library import Library
from lang import yaml
from lang.errors import ErrorKind, LangError
from lang.yaml_nodes import MAX_DOCUMENTS
from lang.yaml_positions import Path, Position

_SEPARATOR = re.compile(r"^---(?:[ \t].*|\r)?$", re.MULTILINE)
_STEP = re.compile(r'([^.\[\]]+)|\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]')
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
class Problem:
    """What is wrong with a text itself; `line` and `column` count from 1, 0: not known."""

    file: str
    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" if self.file else self.message


@dataclass(frozen=True, slots=True)
class Checked:
    """One object and what was found; `file` is the name of its text, `above` the lines before
    its document."""

    file: str
    kind: str
    name: str
    value: Mapping[str, Any]
    document: yaml.Document
    above: int
    findings: tuple[FieldError, ...] = ()
    notices: tuple[FieldError, ...] = ()  # uses of extensions; they never fail a file

    def place(self, path: str) -> Position:
        """Where a field is written, or the nearest field above it that is."""
        found = self.document.position(parsed(path)) or Position(1, 1)
        return Position(found.line + self.above, found.column)


@dataclass(slots=True)
class Lint:
    """The outcome. `problems` fail it; `notes` (unreadable documents) do not by themselves."""

    objects: list[Checked] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is nothing to complain about."""
        return not self.problems and not any(each.findings for each in self.objects)

    def messages(self) -> Iterator[str]:
        """Every text, problems first."""
        yield from map(str, self.problems)
        yield from map(str, self.notes)
        for each in self.objects:
            for finding in each.findings:
                yield finding.message


def parsed(path: str) -> Path:
    """`spec.templates[2].name` as the steps of a path; a dot in a key is written `["a.b"]`."""
    steps: list[str | int] = []
    for key, quoted, index in _STEP.findall(path):
        steps.append(int(index) if index else quoted or key)
    return tuple(steps)


def lint(texts: Mapping[str, str], *, strict: bool = True, library: Library | None = None) -> Lint:
    """Check every object of the given texts (by file name) against each other.

    `library`: templates from elsewhere, behind those of the texts.
    """
    outcome, known = Lint(), Library()
    found: list[Checked] = []
    for file, text in texts.items():
        for item in _objects(file, text, outcome, strict):
            if not known.add(item.value):
                message = f'duplicate {item.kind} found: "{item.name}"'
                outcome.problems.append(Problem("", message, item.place("").line))
            found.append(item)
    if library is not None:
        known.fill(library)
    for item in found:
        findings = tuple(VALIDATORS[item.kind](item.value, known, strict=strict))
        uses = () if findings or item.kind not in _WORKFLOWS else extensions.notices(item.value)
        outcome.objects.append(replace(item, findings=findings, notices=tuple(uses)))
    if not found and not outcome.problems:
        outcome.problems.append(Problem("", NOTHING))
    return outcome


def _name(item: Mapping[str, Any]) -> str:
    meta = item.get("metadata")
    return str(meta.get("name") or "") if isinstance(meta, dict) else ""


def _objects(file: str, text: str, outcome: Lint, strict: bool) -> Iterator[Checked]:
    for number, (chunk, above) in enumerate(_chunks(text)):
        if number > MAX_DOCUMENTS:
            message = f"more than {MAX_DOCUMENTS} documents"
            outcome.problems.append(Problem(file, message, above + 1, 1))
            return
        if not chunk.strip():
            continue
        document = _read(file, chunk, above, outcome, strict)
        if document is None:
            continue
        value, line = document.value, above + _first(document)
        match value:
            case dict() if not isinstance(value.get("kind"), str):
                outcome.notes.append(Problem(file, "Object 'kind' is missing", line, 1))
            case dict() if value["kind"] in VALIDATORS:
                yield Checked(file, value["kind"], _name(value), value, document, above)
            case list() if chunk.lstrip().startswith("["):
                message = "an object was expected, not a list"
                outcome.problems.append(Problem(file, message, line, 1))
            case dict():
                continue
            case _:
                outcome.notes.append(Problem(file, "an object was expected", line, 1))


def _chunks(text: str) -> Iterator[tuple[str, int]]:
    """The documents as the recorded tool splits them, and the lines above each."""
    start = above = 0
    for separator in _SEPARATOR.finditer(text):
        yield text[start : separator.start()], above
        above += text.count("\n", start, separator.end())
        start = separator.end()
    yield text[start:], above


def _first(document: yaml.Document) -> int:
    found = document.position(())
    return found.line if found else 1


def _read(file: str, chunk: str, above: int, outcome: Lint, strict: bool) -> yaml.Document | None:
    try:
        documents = yaml.load_all(chunk, strict=strict)
        if not documents:
            return None
        if not _finite(documents[0].value):
            raise LangError(ErrorKind.VALUE, "no number of JSON is infinite", None)
        return documents[0]
    except LangError as error:
        message = f"yaml file is not valid; error: {error.message}"
        at = yaml.where(chunk, error) or Position(1, 1)
        outcome.notes.append(Problem(file, message, above + at.line, at.column))
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
