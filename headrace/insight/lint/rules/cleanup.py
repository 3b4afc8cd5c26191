"""Finished pods and finished workflows that stay; two rules."""

from __future__ import annotations

from headrace.insight.lint import editing
from headrace.insight.lint.corpus import Corpus, Flow
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule
from headrace.insight.lint.rules import examples

_LEAF = "- name: main\n  container:\n    image: alpine:3.20\n"


def _pods(corpus: Corpus) -> Hits:
    for flow in _own(corpus):
        gc = flow.spec.get("podGC")
        if not (isinstance(gc, dict) and gc.get("strategy")):
            message = "finished pods stay: add podGC, such as {strategy: OnPodSuccess}"
            text = corpus.texts[flow.item.file]
            lines = ["podGC: {strategy: OnPodSuccess}"]
            edit = None
            if not gc:
                edit = editing.field_before(text, flow.item, flow.path, flow.spec, lines)
            yield flow.item, Hit(flow.path, message, (edit,) if edit else ())


def _runs(corpus: Corpus) -> Hits:
    for flow in _own(corpus):
        if flow.item.kind != "CronWorkflow" and not flow.spec.get("ttlStrategy"):
            message = (
                "finished workflows stay: add ttlStrategy, such as {secondsAfterCompletion: 86400}"
            )
            yield flow.item, Hit(flow.path, message)


def _own(corpus: Corpus) -> list[Flow]:
    """Those that say themselves how they run; others take it from their template."""
    return [flow for flow in corpus.flows() if not flow.spec.get("workflowTemplateRef")]


POD_RULE = Rule(
    id="no-pod-gc",
    title="Finished pods stay",
    why=(
        "Each finished pod is an object that the API server keeps and every list of pods has to "
        "read, until its workflow is deleted."
    ),
    bad=examples.workflow(_LEAF),
    good=examples.workflow(_LEAF, "podGC: {strategy: OnPodSuccess}\n"),
    check=_pods,
    fixes="Adds `podGC: {strategy: OnPodSuccess}`: pods that failed stay to be looked at.",
)

TTL_RULE = Rule(
    id="no-ttl",
    title="Finished workflows stay",
    why=(
        "Workflows that are never deleted fill the cluster's store; after some ten thousand of "
        "them every list is slow."
    ),
    bad=examples.workflow(_LEAF),
    good=examples.workflow(_LEAF, "ttlStrategy: {secondsAfterCompletion: 86400}\n"),
    check=_runs,
)
