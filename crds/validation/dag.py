"""DAG templates: the graph, and what each task may refer to."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from crds.validation import arguments, containers, names, scopes
from crds.validation.inputs import ANYTHING, Supplied
from crds.validation.report import Site

if typing.TYPE_CHECKING:
    from crds.validation.walk import Home, Walk

_OPERAND = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*?\.[A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9]*)")
RESULTS = (
    "Succeeded",
    "Failed",
    "Errored",
    "Skipped",
    "Omitted",
    "Daemoned",
    "AnySucceeded",
    "AllFailed",
)
_OF_LOOPS = ("AnySucceeded", "AllFailed")


def operands(depends: str) -> list[tuple[str, str]]:
    """The tasks that `depends` names, each with the result asked for (empty: any good end)."""
    found = []
    for match in _OPERAND.finditer(depends):
        task, _, result = match[0].partition(".")
        found.append((task, result))
    return found


def needs(task: dict[str, Any]) -> list[str]:
    """The tasks it waits for, in the order they are named."""
    if task.get("depends"):
        named = [name for name, _ in operands(task["depends"])]
    else:
        named = task.get("dependencies") or []
    return list(dict.fromkeys(named))


def check(
    walk: Walk, site: Site, home: Home, template: dict[str, Any], scope: scopes.Scope
) -> None:
    """Names, graph, loops, arguments, called templates and tags."""
    name = f"templates.{template.get('name', '')}"
    place = site.below("dag")
    tasks = template["dag"].get("tasks") or []
    if not tasks:
        walk.report.add(place.below("tasks"), f"{name} must have at least one task")
    for index, fault in names.faults([each.get("name", "") for each in tasks]):
        walk.report.add(place.below("tasks", index), f"{name}.tasks{fault}")
    if not _check_graph(walk, place, name, tasks):
        return
    _check_words(walk, place, name, tasks)
    _Tasks(walk, place.named(name), home, template["dag"]).check(scope)


def _check_graph(walk: Walk, site: Site, name: str, tasks: list[dict[str, Any]]) -> bool:
    edges = {each.get("name", ""): needs(each) for each in tasks}
    good = True
    for index, task in enumerate(tasks):
        for other in needs(task):
            if other not in edges:
                place = site.below("tasks", index)
                walk.report.add(place, f"{name} sorting failed: invalid dependency {other}")
                good = False
    if good and containers.find_cycle(edges):
        walk.report.add(site.below("tasks"), f"{name} sorting failed: graph with cycle")
        good = False
    return good


def _check_words(walk: Walk, site: Site, name: str, tasks: list[dict[str, Any]]) -> None:
    by_name = {each.get("name", ""): each for each in tasks}
    uses_depends = any(each.get("depends") for each in tasks)
    for index, task in enumerate(tasks):
        place, label = site.below("tasks", index), task.get("name", "")
        listed = bool(task.get("dependencies"))
        if (uses_depends or listed) and label[:1].isdigit():
            text = (
                f"{name}.tasks.{label} name cannot begin with a digit when using either "
                "'depends' or 'dependencies'"
            )
            walk.report.add(place, text)
        if uses_depends and listed:
            text = f"{name} cannot use both 'depends' and 'dependencies' in the same DAG template"
            walk.report.add(place, text)
        if uses_depends and "continueOn" in task:
            text = (
                f"{name} cannot use 'continueOn' when using 'depends'. Instead use "
                "'dep-task.Failed'/'dep-task.Errored'"
            )
            walk.report.add(place, text)
        for other, result in operands(task.get("depends", "")):
            if result:
                fault = _result_fault(other, result, by_name.get(other) or {})
                if fault:
                    walk.report.add(place.below("depends"), f"{name}.tasks.{label} {fault}")


def _result_fault(task: str, result: str, called: dict[str, Any]) -> str:
    if result not in RESULTS:
        return f"task result '{result}' for task '{task}' is invalid"
    loops = scopes.is_loop(called) or "withSequence" in called
    if result in _OF_LOOPS and not loops:
        return f"task '{task}' has no loop, which '{result}' is about"
    return ""


class _Tasks:
    """The tasks of a sound graph, each against what its ancestors leave behind."""

    def __init__(self, walk: Walk, site: Site, home: Home, dag: dict[str, Any]) -> None:
        self._walk, self._site, self._home = walk, site, home
        self._name = site.name
        self._target: str = dag.get("target", "")
        self._tasks: list[dict[str, Any]] = dag.get("tasks") or []
        self._edges = {each.get("name", ""): needs(each) for each in self._tasks}

    def check(self, scope: scopes.Scope) -> None:
        """All tasks, in the order they are written: first what they call, then their tags."""
        self._call_all(scope)
        self._check_target(scope)
        for index, task in enumerate(self._tasks):
            self._check_task(index, task, scope, _Ancestors(self._edges, task.get("name", "")))

    def _call_all(self, scope: scopes.Scope) -> None:
        for index, task in enumerate(self._tasks):
            name = task.get("name", "")
            place = self._site.below("tasks", index).leading(f"{self._name}.tasks.{name} ")
            called = self._walk.call(place, self._home, task, ANYTHING)
            known = self._walk.known
            collected = scopes.is_loop(task)
            scopes.add_outputs(called, f"tasks.{name}", scope, known, collected=collected)

    def _check_target(self, scope: scopes.Scope) -> None:
        target, place = self._target, self._site.below("target")
        self._walk.resolve(place, f"{self._name}.targets", target, scope)
        if "{{" in target or target.startswith("placeholder-"):
            return
        for each in target.split():
            if each not in self._edges:
                text = f"{self._name}.targets: target '{each}' is not defined"
                self._walk.report.add(place, text)

    def _check_task(
        self, index: int, task: dict[str, Any], scope: scopes.Scope, ancestors: _Ancestors
    ) -> None:
        label = f"{self._name}.tasks.{task.get('name', '')}"
        site = self._site.below("tasks", index)
        own = scopes.of_inline(task)
        scopes.add_items(self._walk.report, site.leading(f"{label} "), task, own)
        unhooked = {key: each for key, each in task.items() if key not in ("hooks", "onExit")}
        self._walk.resolve(site, label, unhooked, _TaskScope(scope, own, ancestors))
        given = task.get("arguments") or {}
        place = site.below("arguments").named(f"{label}.arguments.")
        arguments.check(self._walk.report, place, given, may_be_open=False)
        for fault in _missing_dependencies(given, ancestors):
            self._walk.report.add(site.below("arguments"), f"{label} {fault}")
        self._walk.call(site.leading(f"{label} "), self._home, task, Supplied(given))


class _Ancestors:
    """The tasks before one task. The direct ones are known; the rest is walked when asked for,
    so a long chain whose tasks look at their neighbours stays linear."""

    def __init__(self, edges: Mapping[str, list[str]], name: str) -> None:
        self._edges, self._name = edges, name
        self._all: set[str] | None = None

    def __contains__(self, other: str) -> bool:
        if other in self._edges[self._name]:
            return True
        if self._all is None:
            self._all = self._walked()
        return other in self._all

    def _walked(self) -> set[str]:
        found: set[str] = set()
        waiting = [self._name]
        while waiting:
            for other in self._edges[waiting.pop()]:
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found


class _TaskScope(Mapping[str, bool]):
    """What a task may name: what the DAG offers, its own items, the status of its ancestors."""

    def __init__(self, base: scopes.Scope, own: scopes.Scope, ancestors: _Ancestors) -> None:
        self._base, self._own, self._ancestors = base, own, ancestors

    def __getitem__(self, name: str) -> bool:
        if name in self._own or name in self._base:
            return True
        if name.startswith("tasks.") and name.endswith(".status"):
            return name.removeprefix("tasks.").removesuffix(".status") in self._ancestors
        return False

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self[name]

    def __iter__(self) -> Iterator[str]:
        yield from {**self._base, **self._own}

    def __len__(self) -> int:
        return len({**self._base, **self._own})


def _missing_dependencies(given: dict[str, Any], ancestors: _Ancestors) -> list[str]:
    faults = []
    for what, field, word in (
        ("parameters", "value", "parameter"),
        ("artifacts", "from", "artifact"),
    ):
        for each in given.get(what) or []:
            text = each.get(field) or ""
            if text.startswith("{{tasks."):
                other = text.split(".")[1]
                if other not in ancestors:
                    name = each.get("name", "")
                    faults.append(f"missing dependency '{other}' for {word} '{name}'")
    return faults
