"""Values that are pasted into program text: where, from whom, and how they get out of it.

Two rules ask here: one for what somebody chooses, one for what an event can fill.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.insight.lint import code, editing
from headrace.insight.lint.code import Code
from headrace.insight.lint.corpus import Corpus, Flow
from headrace.insight.lint.model import Edit, Hit
from headrace.insight.lint.rule import Hits
from headrace.insight.lint.taint import Taint

BAD = """\
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
GOOD = """\
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


def hits(corpus: Corpus, *, from_events: bool) -> Hits:
    """Every tag in program text that an event can fill, or every other one."""
    for flow, piece, tag, source in _pasted(corpus):
        if bool(source) is not from_events:
            continue
        who = "whoever chooses its value can run commands"
        if source:
            who = f"Sensor {source} fills it from an event: whoever can send one runs commands here"
        message = (
            f"{tag} becomes part of the {_of(piece)}, and {who}. Pass it in env and use "
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
