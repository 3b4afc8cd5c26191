"""The shape of a DAG: who waits for whom, which tasks the targets need, and when each may run.

Compiled once per template and run; everything here is linear in tasks and dependencies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.callspec import CallSpec, compile_call
from engine.core.errors import CoreError
from lang import depends, tags
from lang.errors import LangError

_WORD = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")


@dataclass(frozen=True, slots=True)
class Task:
    """A task with its dependencies in sorted order. `logic` None: plain `dependencies`."""

    spec: CallSpec
    needs: tuple[str, ...]
    logic: depends.Logic | None
    has_expressions: bool = False
    """Some part of it is an expression, which can see every task before it."""


@dataclass(slots=True)
class DagPlan:
    """All tasks by name in the order of the manifest, and the edges between them."""

    tasks: dict[str, Task]
    dependents: dict[str, tuple[str, ...]]
    targets: tuple[str, ...]
    needed: tuple[str, ...]
    """Tasks that the targets need, in the order they are begun."""
    fail_fast: bool = True
    _ancestors: dict[str, frozenset[str]] = field(default_factory=dict)

    def ancestors(self, name: str) -> frozenset[str]:
        """Every task that comes before `name`; computed when asked for, then kept."""
        known = self._ancestors.get(name)
        if known is None:
            seen: set[str] = set()
            stack = list(self.tasks[name].needs)
            while stack:
                task = stack.pop()
                if task not in seen:
                    seen.add(task)
                    stack.extend(self.tasks[task].needs)
            known = self._ancestors[name] = frozenset(seen)
        return known


def compile_dag(dag: Mapping[str, Any]) -> DagPlan:
    """The plan of a `dag` block. Raises CoreError for an unknown dependency or target."""
    raw = {str(task.get("name") or ""): task for task in dag.get("tasks") or ()}
    tasks = {name: _task(task, raw) for name, task in raw.items()}
    dependents: dict[str, list[str]] = {name: [] for name in tasks}
    for name, task in tasks.items():
        for need in task.needs:
            if need not in tasks:
                raise CoreError(f"sorting failed: invalid dependency {need}")
            dependents[need].append(name)
    wanted = str(dag.get("target") or "").split()
    targets = tuple(wanted or sorted(name for name in tasks if not dependents[name]))
    for target in targets:
        if target not in tasks and "{{" not in str(dag.get("target")):
            raise CoreError(f"targets: target '{target}' is not defined")
    needed = _needed(tasks, tuple(target for target in targets if target in tasks))
    place = {name: index for index, name in enumerate(needed)}
    return DagPlan(
        tasks,
        {name: _sorted(others, place) for name, others in dependents.items()},
        targets,
        needed,
        fail_fast=dag.get("failFast") is not False,
    )


def _sorted(names: list[str], place: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: place.get(name, len(place))))


def _task(raw: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> Task:
    spec = compile_call(raw)
    expressive = bool(tags.compile(dict(raw)).expressions)
    if not raw.get("depends"):
        return Task(spec, tuple(sorted(set(raw.get("dependencies") or ()))), None, expressive)
    # Only tasks whose names stand in the text can matter: big DAGs stay linear.
    words = _WORD.findall(str(raw["depends"]))
    mentioned = [others[word] for word in dict.fromkeys(words) if word in others]
    try:
        logic = depends.compile(raw, mentioned)
    except LangError as error:
        raise CoreError(error.message) from None
    return Task(spec, tuple(sorted(logic.names)), logic, expressive)


def _needed(tasks: Mapping[str, Task], targets: tuple[str, ...]) -> tuple[str, ...]:
    """The tasks the targets need, each after what it depends on: the order they are begun in
    when several can begin at once."""
    order: dict[str, None] = {}
    seen: set[str] = set()
    for target in targets:
        if target in seen:
            continue
        seen.add(target)
        stack = [(target, iter(tasks[target].needs))]
        while stack:
            name, rest = stack[-1]
            need = next((each for each in rest if each not in seen), None)
            if need is not None:
                seen.add(need)
                stack.append((need, iter(tasks[need].needs)))
            else:
                stack.pop()
                order[name] = None
    return tuple(order)
