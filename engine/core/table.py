"""The node table: creating rows, edges, and changing phases, each exactly once.

Every change to a row goes through here (or marks it with `run.touch`). Ids are derived from
names; two names with one hash get different ids, in order of creation.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.core import variables
from engine.core.nodes import Node
from engine.core.phases import LEAF_TYPES, NodeType, Phase
from engine.core.run import Run
from engine.core.work import Call
from lang import naming


def identify(run: Run, name: str) -> str:
    """The id of the node called `name`, existing or to be made."""
    first = naming.node_id(run.name, name)
    node = run.nodes.get(first)
    number = 0
    found = first
    while node is not None and node.name != name:
        number += 1
        found = f"{first}-{number}"
        node = run.nodes.get(found)
    return found


def existing(run: Run, name: str) -> Node | None:
    """The node called `name`, if there is one (it was adopted from a status)."""
    return run.nodes.get(identify(run, name))


def create(
    run: Run, call: Call, kind: NodeType, phase: Phase, message: str = "", *, name: str = ""
) -> Node:
    """A new row for a call, or the row it already has. A row that changes type keeps its edges."""
    name = name or call.name
    node_id = identify(run, name)
    node = run.nodes.get(node_id)
    if node is not None:
        if node.type is not kind:
            run.all_leaves += (kind in LEAF_TYPES) - (node.type in LEAF_TYPES)
            node.type = kind
            run.touch(node)
        _connect(run, call, node)
        return node
    node = Node(
        id=node_id,
        name=name,
        display_name=call.display_name or _display_name(run, name, call.boundary_id),
        type=kind,
        phase=phase,
        boundary_id=call.boundary_id,
        message=message,
        template_name=call.reference.template,
        template_ref=dict(call.reference.ref) if call.reference.ref else None,
        template_scope=call.source.shown,
        started_at=run.now,
        inputs=call.inputs,
        hooked=call.hooked,
        retried=call.retried,
    )
    run.nodes[node_id] = node
    if kind in LEAF_TYPES:
        run.all_leaves += 1
    run.touch(node)
    if node.fulfilled:
        node.finished_at = run.now
    _connect(run, call, node)
    return node


def _connect(run: Run, call: Call, node: Node) -> None:
    if node.name == call.name:
        for parent_id in call.parents:
            add_child(run, parent_id, node.id)


def _display_name(run: Run, name: str, boundary_id: str) -> str:
    boundary = run.nodes.get(boundary_id)
    if boundary is None:
        return name
    rest = name.removeprefix(boundary.name)
    if rest.startswith("["):
        close = rest.find("].")
        return rest[close + 2 :] if close >= 0 else rest
    return rest.removeprefix(".")


def add_child(run: Run, parent_id: str, child_id: str) -> None:
    """Add an edge, once."""
    parent = run.nodes[parent_id]
    if parent.add_child(child_id):
        run.touch(parent)


def finish(run: Run, node: Node, phase: Phase, message: str = "") -> None:
    """Give a node its final phase. A completed node is left as it is."""
    if node.completed and not node.daemoned:
        return
    node.phase = phase
    node.message = message
    node.waiting_lock = ""
    if node.finished_at is None:
        node.finished_at = run.now
    if phase is Phase.SUCCEEDED and node.type in LEAF_TYPES:
        run.done_leaves += 1
    run.touch(node)


def move(run: Run, node: Node, phase: Phase, message: str = "") -> bool:
    """Change an active node's phase or message; True if anything changed."""
    if node.phase is phase and node.message == message:
        return False
    node.phase = phase
    node.message = message
    run.touch(node)
    return True


def outbound(run: Run, node_ids: Iterable[str]) -> list[str]:
    """The nodes where the graph of each of `node_ids` ends, in order."""
    found: list[str] = []
    stack = list(node_ids)
    stack.reverse()
    while stack:
        node = run.nodes[stack.pop()]
        match node.type:
            case NodeType.TASK_GROUP if node.children:
                stack.extend(reversed(node.children))
            case NodeType.RETRY:
                if node.children:
                    found.append(next(reversed(node.children)))
            case NodeType.POD if node.children:
                found.extend(_container_ends(run, node) or [node.id])
            case NodeType.STEPS | NodeType.DAG:
                if node.memoization and node.memoization.get("hit"):
                    found.append(node.id)
                else:
                    stack.extend(reversed(node.outbound or ()))
            case _:
                found.append(node.id)
    return found


def _container_ends(run: Run, pod: Node) -> list[str]:
    """Of a container set, the containers that no other one waits for."""
    found: dict[str, None] = {}
    stack = _containers(run, pod)
    seen: set[str] = set()
    while stack:
        node = stack.pop()
        if node.id not in seen:
            seen.add(node.id)
            after = _containers(run, node)
            stack.extend(after)
            if not after:
                found[node.id] = None
    return list(found)


def _containers(run: Run, node: Node) -> list[Node]:
    children = [run.nodes[child] for child in reversed(node.children or {})]
    return [child for child in children if child.type is NodeType.CONTAINER]


def pod_name(run: Run, node: Node) -> str:
    """The name of a node's pod: a pure function of names, so creating it twice meets itself."""
    template = variables.template_name(node.template_name, node.template_ref)
    name = naming.pod_name(run.name, node.name, template, version=run.pod_name_version)
    plain = naming.node_id(run.name, node.name)
    return name + node.id.removeprefix(plain) if node.id != plain else name
