"""The phase of a finished DAG, computed once from the nodes under it.

Semantics: Argo's `assessDAGPhase`. Phases flow down the edges of the node table, breadth first;
skipped and omitted nodes pass on what they were given, and each target keeps the first bad phase
that reaches it. Inner flows and loops are walked through, not looked at from outside. Linear in
the nodes below the DAG.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from engine.core.dagplan import DagPlan
from engine.core.nodes import Node
from engine.core.phases import BAD, COMPLETED, NodeType, Phase


def assess(
    plan: DagPlan, dag: Node, targets: Mapping[str, str], nodes: Mapping[str, Node]
) -> Phase:
    """Succeeded, or the phase of a target that a failure reaches and does not cover.

    `targets` maps the node id of each target task to its name, in the order of the plan. With the
    DAG's `failFast` (the default) the first such target decides, else the last.
    """
    reached = _flow(dag, targets, nodes)
    result = Phase.SUCCEEDED
    for node_id, name in targets.items():
        phase = reached.get(node_id, Phase.SUCCEEDED)
        if phase in BAD and not plan.tasks[name].spec.continues(phase.value):
            result = phase
            if plan.fail_fast:
                break
    return result


def _flow(dag: Node, targets: Mapping[str, str], nodes: Mapping[str, Node]) -> dict[str, Phase]:
    """The phase that each target gets: its own, or the worst of those before it."""
    reached: dict[str, Phase] = {}
    todo = deque((child, Phase.SUCCEEDED) for child in dag.children or ())
    seen = set(todo)
    while todo:
        node_id, phase = todo.popleft()
        node = nodes.get(node_id)
        if node is None:
            continue
        if node.phase in COMPLETED:
            phase = node.phase
        if node_id in targets and reached.get(node_id) not in BAD:
            reached[node_id] = phase
        for child in _behind(node, nodes):
            step = (child, phase)
            if step not in seen:
                seen.add(step)
                todo.append(step)
    return reached


def _behind(node: Node, nodes: Mapping[str, Node]) -> Iterable[str]:
    """The nodes that a phase flows on to. Attempts of a Retry node are passed over: it has the
    phase of the last one already."""
    if node.type is not NodeType.RETRY:
        return node.children or ()
    found: list[str] = []
    for child_id in reversed(node.children or {}):
        child = nodes.get(child_id)
        if child is not None:
            found.extend([child_id] if child.hooked else child.children or ())
    return found
