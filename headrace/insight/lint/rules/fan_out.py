"""Loops whose width nobody bounds."""

from __future__ import annotations

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus, Json
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

WIDE = 100  # a fixed loop of more is as bad as one of unknown width

_LOOP = """\
- name: main
  inputs:
    parameters:
      - name: files
  steps:
    - - name: each
        template: one
        withParam: "{{inputs.parameters.files}}"
        arguments:
          parameters:
            - name: file
              value: "{{item}}"
- name: one
  inputs:
    parameters:
      - name: file
  container:
    image: alpine:3.20
"""
_FILES = "arguments:\n  parameters:\n    - name: files\n      value: '[]'\n"


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if flow.spec.get("parallelism") or flow.defaults.get("parallelism"):
            continue
        for path, template in flow.templates():
            if template.get("parallelism"):
                continue
            for where, call in corpora.calls_of(path, template):
                key = _unbounded(call)
                if key and not call.get("parallelism"):
                    message = (
                        f"{call.get('name')} starts as many pods at once as {key} has items: set "
                        "parallelism of the template, or spec.parallelism"
                    )
                    yield flow.item, Hit((*where, key), message)


def _unbounded(call: Json) -> str:
    if call.get("withParam"):
        return "withParam"
    items = call.get("withItems")
    if (isinstance(items, list) and len(items) > WIDE) or isinstance(items, str):
        return "withItems"
    sequence = call.get("withSequence")
    if isinstance(sequence, dict):
        for field in ("count", "end"):
            text = str(sequence.get(field) or "")
            if "{{" in text or (text.isdigit() and int(text) > WIDE):
                return "withSequence"
    return ""


RULE = Rule(
    id="unlimited-fan-out",
    title="A loop starts all its pods at once",
    why=(
        "A list that is longer than expected becomes thousands of pods: quotas fill up, other "
        "workflows wait, and what the pods call is called thousands of times at once."
    ),
    bad=examples.workflow(_LOOP, _FILES),
    good=examples.workflow(_LOOP, "parallelism: 20\n" + _FILES),
    check=_check,
)
