"""Finished workflows that stay."""

from __future__ import annotations

from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

_LEAF = "- name: main\n  container:\n    image: alpine:3.20\n"


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if flow.spec.get("workflowTemplateRef"):
            continue  # it takes that from its template
        if flow.item.kind != "CronWorkflow" and not flow.spec.get("ttlStrategy"):
            message = (
                "finished workflows stay: add ttlStrategy, such as {secondsAfterCompletion: 86400}"
            )
            yield flow.item, Hit(flow.path, message)


RULE = Rule(
    id="no-ttl",
    title="Finished workflows stay",
    why=(
        "Workflows that are never deleted fill the cluster's store; after some ten thousand of "
        "them every list is slow."
    ),
    bad=examples.workflow(_LEAF),
    good=examples.workflow(_LEAF, "ttlStrategy: {secondsAfterCompletion: 86400}\n"),
    check=_check,
)
