"""Values that are pasted into program text; two rules, the second where an event can fill them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.insight.lint import code, editing
from headrace.insight.lint.code import Code
from headrace.insight.lint.corpus import Corpus, Flow
from headrace.insight.lint.model import Edit, Hit
from headrace.insight.lint.rule import Hits, Rule
from headrace.insight.lint.taint import Taint

_BAD = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: build
spec:
  entrypoint: main
  arguments:
    parameters:
      - name: branch
  templates:
    - name: main
      inputs:
        parameters:
          - name: branch
      script:
        image: alpine:3.20
        command: [sh]
        source: |
          git checkout "{{inputs.parameters.branch}}"
"""
_GOOD = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: build
spec:
  entrypoint: main
  arguments:
    parameters:
      - name: branch
  templates:
    - name: main
      inputs:
        parameters:
          - name: branch
      script:
        image: alpine:3.20
        command: [sh]
        env:
          - name: BRANCH
            value: "{{inputs.parameters.branch}}"
        source: |
          git checkout "$BRANCH"
"""
_SENSOR = """\
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata:
  name: on-push
spec:
  dependencies:
    - name: push
      eventSourceName: github
      eventName: push
  triggers:
    - template:
        name: build
        argoWorkflow:
          operation: submit
          source:
            resource:
              apiVersion: argoproj.io/v1alpha1
              kind: Workflow
              metadata:
                generateName: build-
              spec:
                workflowTemplateRef:
                  name: build
                arguments:
                  parameters:
                    - name: branch
          parameters:
            - src:
                dependencyName: push
                dataKey: body.ref
              dest: spec.arguments.parameters.0.value
"""


def _plain(corpus: Corpus) -> Hits:
    for flow, piece, tag, source in _pasted(corpus):
        if not source:
            message = (
                f"{tag} becomes part of the {_of(piece)}: whoever chooses its value can run "
                f"commands. Pass it in env and use {_use(piece, _variable(tag))}"
            )
            yield flow.item, Hit(piece.path, message, _edits(corpus, flow, piece, tag))


def _events(corpus: Corpus) -> Hits:
    for flow, piece, tag, source in _pasted(corpus):
        if source:
            message = (
                f"{tag} becomes part of the {_of(piece)}, and Sensor {source} fills it from an "
                f"event: whoever can send one runs commands here. Pass it in env and use "
                f"{_use(piece, _variable(tag))}"
            )
            yield flow.item, Hit(piece.path, message, _edits(corpus, flow, piece, tag))


def _pasted(corpus: Corpus) -> Iterator[tuple[Flow, Code, str, str]]:
    taint = Taint(corpus)
    for flow in corpus.flows():
        for container in flow.containers():
            template = str(container.template.get("name") or "")
            for piece in code.of(container):
                for tag, names in piece.pasted():
                    sources = (taint.source(flow, template, name) for name in names)
                    yield flow, piece, tag, next((s for s in sources if s), "")


def _of(piece: Code) -> str:
    return "shell script" if piece.shell else f"{piece.language} program"


def _use(piece: Code, variable: str) -> str:
    uses = {"sh": f'"${variable}"', "node": f"process.env.{variable}"}
    return uses.get(piece.language, f'os.environ["{variable}"]')


def _variable(tag: str) -> str:
    inner = tag.strip("{}= ")
    words = re.sub(r"^(inputs|workflow)\.parameters\.|^(steps|tasks)\.", "", inner)
    name = re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_").upper() or "VALUE"
    return f"P_{name}" if name[0].isdigit() or name in ("PATH", "HOME", "USER", "IFS") else name


def _edits(corpus: Corpus, flow: Flow, piece: Code, tag: str) -> tuple[Edit, ...]:
    """Move the tag into env, and use the variable; empty where that is not mechanical."""
    if not piece.shell:
        return ()
    text, variable = corpus.texts[flow.item.file], _variable(tag)
    declared = _declared(text, flow, piece, tag, variable)
    if declared is None:
        return ()
    start = editing.where(text, flow.item, piece.path)
    edits = list(declared)
    position, done = 0, 0
    while (position := piece.text.find(tag, position)) >= 0:
        quotes = code.quotes_before(piece.text[:position])
        at = _written(text, start, tag, done)
        if quotes is None or quotes == "'" or at < 0:
            return ()
        edits.append(Edit(at, at + len(tag), _expansion(text, start, piece, variable, quotes)))
        position, done = position + len(tag), done + 1
    return tuple(edits)


def _expansion(text: str, start: int, piece: Code, variable: str, quotes: str) -> str:
    if quotes:
        return f"${{{variable}}}"
    value = text[start:]
    if piece.path[-1] == "source":
        value = value.partition(":")[2]
    mark = '\\"' if value.lstrip(" ").startswith('"') else '"'
    return f"{mark}${{{variable}}}{mark}"


def _written(text: str, start: int, tag: str, count: int) -> int:
    at = start - 1
    for _ in range(count + 1):
        at = text.find(tag, at + 1)
        if at < 0:
            return -1
    return at


def _declared(
    text: str, flow: Flow, piece: Code, tag: str, variable: str
) -> tuple[Edit, ...] | None:
    """The edits that make the variable known; None where its name means something else."""
    body, path = piece.container.body, piece.container.path
    present = {e.get("name"): e.get("value") for e in body.get("env") or () if isinstance(e, dict)}
    if variable in present:
        return () if present[variable] == tag else None
    value = '"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if body.get("env"):
        fields = {"name": variable, "value": value}
        edit = editing.item_before(text, flow.item, (*path, "env"), fields)
    else:
        lines = ["env:", f"  - name: {variable}", f"    value: {value}"]
        edit = editing.field_before(text, flow.item, path, body, lines)
        if edit is None:
            lines = [f"env: [{{name: {variable}, value: {value}}}]"]
            edit = editing.field_before(text, flow.item, path, body, lines)
    return None if edit is None else (edit,)


RULE = Rule(
    id="script-injection",
    title="A parameter is pasted into a script",
    why=(
        "Tags are replaced in the text before the program reads it. A value such as "
        '`"; rm -rf / #` then is no value any more but part of the program. In an environment '
        "variable it stays a value."
    ),
    bad=_BAD,
    good=_GOOD,
    check=_plain,
    fixes="In shell scripts: the tag moves to an environment variable.",
)

EVENT_RULE = Rule(
    id="event-injection",
    title="An event can put commands into a script",
    why=(
        "As `script-injection`, and worse: the value comes from an event through a Sensor's "
        "parameter, so anybody who can send the event, by naming a branch for example, chooses "
        "what runs. The way is followed from the Sensor through arguments and templates."
    ),
    bad=_BAD + _SENSOR,
    good=_GOOD + _SENSOR,
    check=_events,
    fixes="In shell scripts: the tag moves to an environment variable.",
)
