"""Steps that wait for nothing they use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus, Flow, Json
from headrace.insight.lint.model import Hit, Path
from headrace.insight.lint.rule import Hits, Rule

_USED = re.compile(r"(?<![\w.])steps(?:\.|\[['\"])([\w-]+)")

_SERIAL = """\
- name: main
  steps:
    - - {name: unit, template: test}
    - - {name: lint, template: test}
- name: test
  container:
    image: alpine:3.20
"""
_PARALLEL = """\
- name: main
  steps:
    - - {name: unit, template: test}
      - {name: lint, template: test}
- name: test
  container:
    image: alpine:3.20
"""


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        for path, template in flow.templates():
            if template.get("steps") and not _shared(flow):
                yield from ((flow.item, hit) for hit in _groups(path, template))


def _groups(path: Path, template: Json) -> Iterator[Hit]:
    groups: list[list[tuple[Path, Json]]] = []
    for where, step in corpora.calls_of(path, template):
        index = int(where[len(path) + 1])
        groups += [[] for _ in range(index + 1 - len(groups))]
        groups[index].append((where, step))
    for number in range(1, len(groups)):
        before, group = groups[number - 1], groups[number]
        names = {str(step.get("name")) for _, step in before}
        if not group or not names or any(_waits(step) for _, step in [*before, *group]):
            continue
        used = {
            name
            for _, step in group
            for _, t in corpora.texts_in(step)
            for name in _USED.findall(t)
        }
        if not used & names:
            shown = ", ".join(str(step.get("name")) for _, step in group)
            message = (
                f"{shown} uses nothing of {', '.join(sorted(names))} and could run beside it: put "
                "them into one group, or say with a comment what the order is for"
            )
            yield Hit(group[0][0], message)


def _waits(step: Json) -> bool:
    """Order that is meant without data: conditions, pauses, and loops over what came before."""
    return bool(step.get("when") or step.get("continueOn") or "approve" in str(step.get("name")))


def _shared(flow: Flow) -> bool:
    """What steps hand over through volumes or objects of the cluster shows in no reference."""
    spec = flow.spec
    suspended = any(
        "suspend" in template or "resource" in template for _, template in flow.templates()
    )
    return bool(spec.get("volumeClaimTemplates") or spec.get("volumes") or suspended)


RULE = Rule(
    id="parallel-steps",
    title="Steps could run at the same time",
    why=(
        "Groups of steps run one after the other. Where a group uses no output of the one before, "
        "waiting for it only makes the run longer."
    ),
    bad=examples.workflow(_SERIAL),
    good=examples.workflow(_PARALLEL),
    check=_check,
)
