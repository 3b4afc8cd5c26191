"""`depends`, `dependencies` and `continueOn` of DAG tasks: which tasks must end, and how.

Owns the expansion to one logic text, its compiled form and the meaning of each result name.
Semantics: Argo Workflows (`A` alone means Succeeded, Skipped or Daemoned, widened by A's
continueOn; all named tasks must have finished before anything is decided). Ordinary logic runs
in its own small evaluator; anything else that expr-lang would take goes to `lang.expr`.
Callers: the engine's DAG, validation.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lang import depends_logic
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

# A task with a result, or a task alone. The first alternative is lazy: `a-b.Failed` is one task.
_OPERAND = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*?\.[A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9]*)")
_COMPLETED = frozenset({"Succeeded", "Failed", "Error"})
_FULFILLED = _COMPLETED | {"Skipped", "Omitted"}


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What `depends` may ask of a finished task."""

    succeeded: bool = False
    failed: bool = False
    errored: bool = False
    skipped: bool = False
    omitted: bool = False
    daemoned: bool = False
    any_succeeded: bool = False
    all_failed: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """The part of a node's status that dependants look at.

    `children`: the phases of the children of a loop, None for one that is unknown.
    `hooks_done`: whether every hook of the node has ended.
    """

    phase: str
    is_loop: bool = False
    daemoned: bool = False
    children: tuple[str | None, ...] = ()
    hooks_done: bool = True

    @property
    def fulfilled(self) -> bool:
        return self.phase in _FULFILLED or (self.daemoned and self.phase not in ("", "Pending"))

    def result(self) -> TaskResult:
        children = self.children if self.is_loop else ()
        return TaskResult(
            succeeded=self.phase == "Succeeded",
            failed=self.phase == "Failed",
            errored=self.phase == "Error",
            skipped=self.phase == "Skipped",
            omitted=self.phase == "Omitted",
            daemoned=self.daemoned and self.phase != "Pending",
            any_succeeded="Succeeded" in children,
            all_failed=bool(children) and all(phase == "Failed" for phase in children),
        )


@dataclass(frozen=True, slots=True)
class Logic:
    """Compiled logic. `names`: the needed tasks, sorted; `invalid`: results that do not exist."""

    text: str
    names: tuple[str, ...]
    invalid: tuple[tuple[str, str], ...] = ()
    _compiled: depends_logic.Program | None = field(default=None, compare=False, repr=False)

    def eval(self, results: Mapping[str, TaskResult]) -> bool:
        """Whether the task runs. Raises LangError where the logic is no boolean expression."""
        if self._compiled is not None:
            return self._compiled(results)
        return depends_logic.evaluate_any(self.text, results)

    def decide(self, node_of: Callable[[str], Node | None]) -> bool | None:
        """As `eval` over nodes; None while a named task or one of its hooks is not finished."""
        results: dict[str, TaskResult] = {}
        for name in self.names:
            node = node_of(name)
            if node is None or not node.fulfilled or not node.hooks_done:
                return None
            results[name] = node.result()
        return self.eval(results)

    def check(self) -> None:
        """Raise for a result name that does not exist (what lint says)."""
        for task, result in self.invalid:
            message = f"task result '{result}' for task '{task}' is invalid"
            raise LangError(ErrorKind.NAME, message, 0)


def compile(task: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> Logic:
    """The logic of a DAG task among all tasks of its DAG (JSON objects).

    Raises LangError(NAME) for a task that does not exist, LIMIT for a text that is too long.
    """
    by_name = {other["name"]: other for other in tasks}
    expand = functools.partial(_expand, by_name)
    text = task.get("depends") or ""
    if len(text) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "depends is too long", 0)
    if text:
        return _from_text(text, expand)
    names: Sequence[str] = task.get("dependencies") or ()
    return _logic(" && ".join(map(expand, names)), names, ())


def _from_text(text: str, expand: Callable[[str], str]) -> Logic:
    names: list[str] = []
    invalid: list[tuple[str, str]] = []

    def operand(match: re.Match[str]) -> str:
        with_result, alone = match.groups()
        if alone is not None:
            names.append(alone)
            return expand(alone)
        name, _, result = with_result.partition(".")
        names.append(name)
        expand(name)
        if result not in depends_logic.RESULTS:
            invalid.append((name, result))
        return str(with_result)

    return _logic(_OPERAND.sub(operand, text), names, invalid)


def _logic(text: str, names: Iterable[str], invalid: Iterable[tuple[str, str]]) -> Logic:
    known = tuple(sorted(set(names)))
    return Logic(text, known, tuple(invalid), depends_logic.compile(text, known))


def _expand(by_name: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """The results that a task alone stands for."""
    task = by_name.get(name)
    if task is None:
        raise LangError(ErrorKind.NAME, f"target {name} does not exist", 0)
    go_on = task.get("continueOn") or {}
    results = ["Succeeded", "Skipped", "Daemoned"]
    if go_on.get("error"):
        results.append("Errored")
    if go_on.get("failed"):
        results.append("Failed")
    return "(" + " || ".join(f"{name}.{result}" for result in results) + ")"
