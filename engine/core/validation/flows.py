"""Steps and DAG templates: names, order, and what each step or task refers to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.core import values
from engine.core.errors import CoreError, SpecError
from engine.core.validation import names, tagcheck, template
from engine.core.validation.template import Known
from engine.core.values import Json
from lang import depends
from lang.errors import LangError

_WORD = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")

Visit = Callable[[Mapping[str, Any], Mapping[str, Any] | None], Json]
"""Checks the template a step or task names (with its arguments, or without) and returns it."""


def check_steps(flow: Mapping[str, Any], known: Known, visit: Visit) -> set[str]:
    """The groups in order; the names that the flow's outputs may use."""
    name = flow.get("name") or ""
    scope = template.own_scope(flow)
    seen: set[str] = set()
    for index, group in enumerate(flow.get("steps") or ()):
        for step in group:
            _name(step, f"templates.{name}.steps[{index}].name", seen)
            _step(flow, step, index, scope, known, visit)
    return scope | known.globals


def _name(call: Mapping[str, Any], where: str, seen: set[str], sep: str = " ") -> None:
    own = str(call.get("name") or "")
    if not own:
        raise SpecError(f"{where} is required")
    if own in seen:
        raise SpecError(f"{where} '{own}' is not unique")
    wrong = names.problem(own)
    if wrong and "{{" not in own:
        raise SpecError(f"{where}{sep}'{own}' is invalid: {wrong}")
    seen.add(own)


def _step(
    flow: Mapping[str, Any],
    step: Mapping[str, Any],
    index: int,
    scope: set[str],
    known: Known,
    visit: Visit,
) -> None:
    name = flow.get("name") or ""
    where = f"templates.{name}.steps[{index}].{step['name']}"
    scope.add(f"steps.{step['name']}.status")
    with _prefix(where):
        scope |= items(step)
    names.check_arguments(values.mapping(step.get("arguments")), f"{where}.arguments.")
    with _prefix(where):
        found = visit(step, None)
    with _prefix(f"templates.{name}.steps"):
        tagcheck.check(_resolvable(step), scope | known.globals)
    scope |= template.offered(found, f"steps.{step['name']}", loop=_aggregates(step), known=known)
    with _prefix(where):
        visit(step, values.mapping(step.get("arguments")))
    for hook_name, hook in values.mapping(step.get("hooks")).items():
        if hook_name != "exit" and not hook.get("expression"):
            raise SpecError(f"{where}.hooks.{hook_name} Expression required")


class _prefix:
    """Puts a path before what goes wrong inside."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CoreError | LangError):
            raise SpecError(f"{self._where} {error.message}") from None


def _resolvable(call: Mapping[str, Any]) -> Json:
    """What is resolved with the step or task itself: hooks and inline bodies come later."""
    return {k: v for k, v in call.items() if k not in ("hooks", "onExit", "inline")}


def _aggregates(call: Mapping[str, Any]) -> bool:
    return bool(call.get("withItems") or call.get("withParam") or call.get("withSequence"))


def items(call: Mapping[str, Any]) -> set[str]:
    """The item names of a looped step or task. Raises SpecError for two kinds of loop."""
    kinds = [k for k in ("withItems", "withParam", "withSequence") if call.get(k)]
    if len(kinds) > 1:
        raise SpecError("only one of withItems, withParam, withSequence can be specified")
    if not kinds:
        return set()
    found = {"item"}
    if call.get("withParam") or isinstance(call.get("withItems"), str):
        found.add(tagcheck.ANY_ITEM)
    for item in call.get("withItems") or ():
        if isinstance(item, Mapping):
            found |= {f"item.{key}" for key in item}
        elif isinstance(item, list):
            found |= {f"item.[{index}]" for index in range(len(item))}
    sequence = values.mapping(call.get("withSequence"))
    if sequence.get("count") is not None and sequence.get("end") is not None:
        raise SpecError("only one of count or end can be defined in withSequence")
    return found


def check_dag(flow: Mapping[str, Any], known: Known, visit: Visit) -> set[str]:
    """The tasks in the order of their dependencies; the names the flow's outputs may use."""
    name = flow.get("name") or ""
    where = f"templates.{name}"
    tasks = {str(t.get("name") or ""): t for t in flow["dag"].get("tasks") or ()}
    if not tasks:
        raise SpecError(f"{where} must have at least one task")
    seen: set[str] = set()
    for index, task in enumerate(flow["dag"]["tasks"]):
        _name(task, f"{where}.tasks[{index}].name", seen, sep=": ")
    _styles(tasks, where)
    needs = {task: _needs(body, tasks, where) for task, body in tasks.items()}
    order = _sorted(needs, where)
    _states(tasks, where)
    _targets(flow, tasks, where)
    offers: dict[str, set[str]] = {}
    for task in order:
        with _prefix(f"{where}.tasks.{task}"):
            found = visit(tasks[task], None)
        loop = _aggregates(tasks[task])
        offers[task] = template.offered(found, f"tasks.{task}", loop=loop, known=known)
    before = _Ancestors(needs)
    own = template.own_scope(flow)
    for task in order:
        _task(tasks[task], where, own | known.globals, offers, before)
        with _prefix(f"{where}.tasks.{task}"):
            visit(tasks[task], values.mapping(tasks[task].get("arguments")))
    return own | known.globals | set().union(*offers.values())


def _styles(tasks: Mapping[str, Mapping[str, Any]], where: str) -> None:
    uses = {key: any(t.get(key) for t in tasks.values()) for key in ("depends", "dependencies")}
    if uses["depends"] and uses["dependencies"]:
        raise SpecError(
            f"{where} cannot use both 'depends' and 'dependencies' in the same DAG template"
        )
    if uses["depends"] and any(t.get("continueOn") for t in tasks.values()):
        raise SpecError(
            f"{where} cannot use 'continueOn' when using 'depends'. "
            "Instead use 'dep-task.Failed'/'dep-task.Errored'"
        )
    if not (uses["depends"] or uses["dependencies"]):
        return
    for name in tasks:
        if name[:1].isdecimal():
            raise SpecError(
                f"{where}.tasks.{name} name cannot begin with a digit when using either "
                "'depends' or 'dependencies'"
            )


def _needs(
    task: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], where: str
) -> tuple[str, ...]:
    """The tasks one waits for. Raises SpecError for one that does not exist."""
    text = str(task.get("depends") or "")
    wanted = _words(text) if text else tuple(task.get("dependencies") or ())
    for need in wanted:
        if need not in tasks:
            raise SpecError(f"{where} sorting failed: invalid dependency {need}")
    return tuple(wanted)


def _states(tasks: Mapping[str, Mapping[str, Any]], where: str) -> None:
    for name, task in tasks.items():
        if task.get("depends"):
            with _prefix(f"{where}.tasks.{name}"):
                depends.compile(task, _mentioned(task, tasks)).check()


def _mentioned(
    task: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    return [tasks[name] for name in _words(str(task["depends"]))]


def _words(text: str) -> tuple[str, ...]:
    """The tasks a `depends` names, existing or not."""
    anything = [{"name": word} for word in dict.fromkeys(_WORD.findall(text))]
    return depends.compile({"depends": text}, anything).names


def _sorted(needs: Mapping[str, tuple[str, ...]], where: str) -> list[str]:
    """Every task after those it needs."""
    waiting = {name: len(set(wanted)) for name, wanted in needs.items()}
    behind: dict[str, list[str]] = {}
    for name, wanted in needs.items():
        for need in dict.fromkeys(wanted):
            behind.setdefault(need, []).append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    for name in ready:
        for follower in behind.get(name, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    if len(ready) < len(needs):
        raise SpecError(f"{where} sorting failed: graph with cycle")
    return ready


def _targets(flow: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], where: str) -> None:
    for target in str(flow["dag"].get("target") or "").split():
        if "{{" not in target and target not in tasks:
            raise SpecError(f"{where}.targets: target '{target}' is not defined")


class _Ancestors:
    """Whether one task comes before another; direct needs are looked at first."""

    def __init__(self, needs: Mapping[str, tuple[str, ...]]) -> None:
        self._needs = needs
        self._all: dict[str, set[str]] = {}

    def has(self, task: str, other: str) -> bool:
        if other in self._needs[task]:
            return True
        if task not in self._all:
            found: set[str] = set()
            stack = list(self._needs[task])
            while stack:
                name = stack.pop()
                if name not in found:
                    found.add(name)
                    stack.extend(self._needs[name])
            self._all[task] = found
        return other in self._all[task]


def _task(
    task: Mapping[str, Any],
    where: str,
    scope: set[str],
    offers: Mapping[str, set[str]],
    before: _Ancestors,
) -> None:
    name = task["name"]
    path = f"{where}.tasks.{name}"
    arguments = values.mapping(task.get("arguments"))
    with _prefix(path):
        own = items(task)
    names.check_arguments(arguments, f"{path}.arguments.")
    for kind, key in (("parameters", "parameter"), ("artifacts", "artifact")):
        for argument in arguments.get(kind) or ():
            for tag in tagcheck.names(dict(argument)):
                other = tag.split(".")[1] if tag.startswith("tasks.") else ""
                if other in offers and not before.has(name, other):
                    raise SpecError(
                        f"{path} missing dependency '{other}' for {key} '{argument['name']}'"
                    )
    for tag in tagcheck.names(_resolvable(task)):
        other = tag.split(".")[1] if tag.startswith("tasks.") else ""
        # Only arguments must wait for what they name: `when` may look at any task.
        pool = offers[other] if other in offers else scope | own
        if not tagcheck.resolves(tag, pool):
            raise SpecError(f"{path} failed to resolve {{{{{tag}}}}}")
