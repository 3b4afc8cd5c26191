"""Workflows that may run for ever."""

from __future__ import annotations

from headrace.insight.lint import examples
from headrace.insight.lint.corpus import LEAVES, Corpus
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

_LEAF = "- name: main\n  container:\n    image: alpine:3.20\n"


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if flow.spec.get("activeDeadlineSeconds") or flow.spec.get("workflowTemplateRef"):
            continue
        if flow.defaults.get("activeDeadlineSeconds") or flow.defaults.get("timeout"):
            continue
        open_ended = [
            str(template.get("name") or "")
            for _, template in flow.templates()
            if any(kind in template for kind in LEAVES)
            and not (template.get("activeDeadlineSeconds") or template.get("timeout"))
            and not _ends_itself(template)
        ]
        if open_ended:
            message = (
                f"nothing ends a run that hangs in {', '.join(open_ended[:3])}"
                f"{' and others' if len(open_ended) > 3 else ''}: set spec.activeDeadlineSeconds, "
                "or activeDeadlineSeconds of each template"
            )
            yield flow.item, Hit(flow.path, message)


def _ends_itself(template: object) -> bool:
    suspend = template.get("suspend") if isinstance(template, dict) else None
    return isinstance(suspend, dict) and bool(suspend.get("duration"))


RULE = Rule(
    id="no-deadline",
    title="Nothing ends a run that hangs",
    why=(
        "A step that waits for something that never comes holds its pod, its place in parallelism "
        "and its locks until somebody notices."
    ),
    bad=examples.workflow(_LEAF),
    good=examples.workflow(_LEAF, "activeDeadlineSeconds: 3600\n"),
    check=_check,
)
