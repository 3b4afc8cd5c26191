"""Failures that nobody hears of."""

from __future__ import annotations

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus, Flow, Json
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

_HIDDEN = """\
- name: main
  dag:
    tasks:
      - name: migrate
        template: run
        continueOn:
          failed: true
      - name: deploy
        template: run
        dependencies: [migrate]
- name: run
  container:
    image: alpine:3.20
"""
_SEEN = """\
- name: main
  dag:
    tasks:
      - name: migrate
        template: run
        continueOn:
          failed: true
      - name: deploy
        template: run
        dependencies: [migrate]
        when: "{{tasks.migrate.status}} == Succeeded"
- name: run
  container:
    image: alpine:3.20
"""


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if flow.spec.get("onExit") or flow.spec.get("hooks"):
            continue
        for path, template in flow.templates():
            calls = list(corpora.calls_of(path, template))
            for where, call in calls:
                if _goes_on(call) and not call.get("hooks") and not _seen(flow, call, calls):
                    name = call.get("name")
                    message = (
                        f"a failure of {name} is hidden: the run goes on and succeeds, and nothing "
                        f"looks at its status. Use it (tasks.{name}.status, depends: "
                        f"{name}.Failed, an exit hook), or let it fail"
                    )
                    yield flow.item, Hit((*where, "continueOn"), message)


def _goes_on(call: Json) -> bool:
    found = call.get("continueOn")
    return isinstance(found, dict) and bool(found.get("failed") or found.get("error"))


def _seen(flow: Flow, call: Json, calls: list[tuple[tuple[str | int, ...], Json]]) -> bool:
    name = str(call.get("name"))
    words = (f".{name}.status", f".{name}.exitCode", f"{name}.Failed", f"{name}.Errored")
    for _, other in calls:
        if other is not call and any(
            word in text for _, text in corpora.texts_in(other) for word in words
        ):
            return True
    return False


RULE = Rule(
    id="hidden-failure",
    title="continueOn hides a failure",
    why=(
        "With `continueOn` the run succeeds although a step has failed. When nothing looks at that "
        "step's status, nobody will ever know."
    ),
    bad=examples.workflow(_HIDDEN),
    good=examples.workflow(_SEEN),
    check=_check,
)
