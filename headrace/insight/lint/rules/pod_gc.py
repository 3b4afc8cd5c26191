"""Finished pods that stay."""

from __future__ import annotations

from headrace.insight.lint import editing, examples
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

_LEAF = "- name: main\n  container:\n    image: alpine:3.20\n"


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if flow.spec.get("workflowTemplateRef"):
            continue  # it takes that from its template
        gc = flow.spec.get("podGC")
        if not (isinstance(gc, dict) and gc.get("strategy")):
            message = "finished pods stay: add podGC, such as {strategy: OnPodSuccess}"
            text = corpus.texts[flow.item.file]
            lines = ["podGC: {strategy: OnPodSuccess}"]
            edit = None
            if not gc:
                edit = editing.field_before(text, flow.item, flow.path, flow.spec, lines)
            yield flow.item, Hit(flow.path, message, (edit,) if edit else ())


RULE = Rule(
    id="no-pod-gc",
    title="Finished pods stay",
    why=(
        "Each finished pod is an object that the API server keeps and every list of pods has to "
        "read, until its workflow is deleted."
    ),
    bad=examples.workflow(_LEAF),
    good=examples.workflow(_LEAF, "podGC: {strategy: OnPodSuccess}\n"),
    check=_check,
    fixes="Adds `podGC: {strategy: OnPodSuccess}`: pods that failed stay to be looked at.",
)
