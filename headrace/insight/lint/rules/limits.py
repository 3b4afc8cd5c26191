"""Containers without limits."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus, Flow
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if flow.spec.get("podSpecPatch"):
            continue  # limits may come from there
        for each in flow.containers():
            if "memory" not in _limits(flow, each.body) and not each.template.get("podSpecPatch"):
                message = (
                    "no memory limit: set resources.limits.memory, or once for all in "
                    "spec.templateDefaults.container.resources"
                )
                yield flow.item, Hit(each.path, message)


def _limits(flow: Flow, body: Mapping[str, object]) -> Mapping[str, object]:
    for source in (body, flow.defaults.get("container"), flow.defaults.get("script")):
        resources = source.get("resources") if isinstance(source, Mapping) else None
        limits = resources.get("limits") if isinstance(resources, Mapping) else None
        if isinstance(limits, Mapping):
            return limits
    return {}


RULE = Rule(
    id="no-limits",
    title="A container has no resource limit",
    why=(
        "Without a memory limit one step can take the node down with everything else on it. A CPU "
        "limit is a matter of taste: what waits for a CPU does no harm."
    ),
    bad=examples.workflow("- name: main\n  container:\n    image: alpine:3.20\n"),
    good=examples.workflow(
        "- name: main\n  container:\n    image: alpine:3.20\n"
        "    resources:\n      limits: {memory: 64Mi}\n"
    ),
    check=_check,
)
