"""The phase of a finished DAG, computed once from the phases of its tasks.

Semantics: Argo's `assessDAGPhase`: phases flow down the branches of the graph, skipped and
omitted tasks pass on what they were given, and each target keeps the first bad phase that
reaches it. Of a task that is a flow or a loop the nodes where it ends count, not its own node.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from engine.core.dagplan import DagPlan
from engine.core.nodes import Node
from engine.core.phases import BAD, COMPLETED, Phase

NodeOf = Callable[[str], Node | None]
EndsOf = Callable[[Node], Iterable[Node]]


def assess(plan: DagPlan, node_of: NodeOf, ends_of: EndsOf) -> Phase:
    """Succeeded, or the phase of a target that a failure reaches and does not cover.

    With the DAG's `failFast` (the default) the first such target decides, else the last.
    """
    incoming: dict[str, dict[Phase, None]] = {}
    reached: dict[str, Phase] = {}
    for name in _in_order(plan):
        node = node_of(name)
        given = incoming.get(name) or {Phase.SUCCEEDED: None}
        own = {node.phase: None} if node is not None and node.phase in COMPLETED else given
        reached[name] = next((phase for phase in own if phase in BAD), Phase.SUCCEEDED)
        passed = own if node is None else _passed_on(node, own, ends_of)
        for dependent in plan.dependents[name]:
            incoming.setdefault(dependent, {}).update(passed)
    result = Phase.SUCCEEDED
    for target in plan.targets:
        phase = reached[target]
        if phase in BAD and not plan.tasks[target].spec.continues(phase.value):
            result = phase
            if plan.fail_fast:
                break
    return result


def _passed_on(node: Node, own: dict[Phase, None], ends_of: EndsOf) -> dict[Phase, None]:
    """The phases that the tasks behind a node are given."""
    found: dict[Phase, None] = {}
    for end in ends_of(node):
        if end.phase in COMPLETED:
            found[end.phase] = None
        else:
            found.update(own)
    return found or own


def _in_order(plan: DagPlan) -> list[str]:
    """The needed tasks, each after everything it depends on."""
    waiting = {name: len(plan.tasks[name].needs) for name in plan.needed}
    ready = deque(name for name in plan.tasks if waiting.get(name) == 0)
    order: list[str] = []
    while ready:
        name = ready.popleft()
        order.append(name)
        for dependent in plan.dependents[name]:
            if dependent in waiting:
                waiting[dependent] -= 1
                if waiting[dependent] == 0:
                    ready.append(dependent)
    return order
