"""Templates and tasks that can never run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus, Flow, Json
from headrace.insight.lint.model import Hit, Path
from headrace.insight.lint.rule import Hits, Rule

_TASK = re.compile(r"[\w-]+")

_DEAD = """\
- name: main
  container:
    image: alpine:3.20
- name: old
  container:
    image: alpine:3.20
"""
_ALIVE = """\
- name: main
  steps:
    - - {name: first, template: old}
- name: old
  container:
    image: alpine:3.20
"""


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        if not flow.stored and not flow.spec.get("workflowTemplateRef"):
            yield from ((flow.item, hit) for hit in _templates(flow))
        for path, template in flow.templates():
            yield from ((flow.item, hit) for hit in _tasks(path, template))


def _templates(flow: Flow) -> Iterator[Hit]:
    """In a stored template everything may be called from elsewhere."""
    named = {str(t.get("name")): t for _, t in flow.templates() if t.get("name")}
    if flow.spec.get("entrypoint") not in named:
        return  # an error of its own
    waiting = [str(flow.spec.get("entrypoint") or ""), str(flow.spec.get("onExit") or "")]
    waiting += _hooked(flow.spec)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if "{{" in name:
            return  # any of them may be meant
        template = named.get(name)
        if template is None or name in reached:
            continue
        reached.add(name)
        waiting += _calls(template)
    for path, template in flow.templates():
        if template.get("name") and template["name"] not in reached:
            message = f"nothing calls template {template['name']}: remove it, or call it"
            yield Hit((*path, "name"), message)


def _calls(template: Json) -> Iterator[str]:
    for _, call in corpora.calls_of((), template):
        yield str(call.get("template") or "")
        yield str(call.get("onExit") or "")
        yield from _hooked(call)
        if isinstance(call.get("inline"), Mapping):
            yield from _calls(call["inline"])


def _hooked(holder: Json) -> list[str]:
    hooks = holder.get("hooks")
    found: Any = hooks.values() if isinstance(hooks, Mapping) else ()
    return [str(hook.get("template") or "") for hook in found if isinstance(hook, Mapping)]


def _tasks(path: Path, template: Json) -> Iterator[Hit]:
    dag = template.get("dag")
    target = str(dag.get("target") or "") if isinstance(dag, Mapping) else ""
    if not target or "{{" in target:
        return
    tasks = {
        str(call.get("name")): (where, call) for where, call in corpora.calls_of(path, template)
    }
    waiting, reached = target.split(), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in tasks or name in reached:
            continue
        reached.add(name)
        call = tasks[name][1]
        waiting += [str(each) for each in call.get("dependencies") or ()]
        waiting += _TASK.findall(str(call.get("depends") or ""))
    for name, (where, _) in tasks.items():
        if name not in reached:
            message = f"the target ({target}) does not need task {name}, so it never runs"
            yield Hit((*where, "name"), message)


RULE = Rule(
    id="unreachable",
    title="A template or task can never run",
    why="What nobody calls is still read, maintained and trusted to work.",
    bad=examples.workflow(_DEAD),
    good=examples.workflow(_ALIVE),
    check=_check,
)
