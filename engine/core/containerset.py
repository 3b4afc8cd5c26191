"""Container sets: one pod, and a Container node for each of its containers.

The pod runs them in the order of their dependencies; here are only their rows.
"""

from __future__ import annotations

from engine.core import table
from engine.core.errors import CoreError
from engine.core.facts import LeafChanged
from engine.core.frames import LeafFrame
from engine.core.nodes import Node
from engine.core.phases import NodeType, Phase
from engine.core.run import Run
from engine.core.values import Json
from engine.core.work import Call


def begin(run: Run, frame: LeafFrame, pod: Node, body: Json) -> None:
    """Make the rows and their edges: a container hangs on its dependencies, else on the pod."""
    containers = body["containerSet"].get("containers") or []
    names = {str(c.get("name")) for c in containers}
    frame.containers = tuple(str(c.get("name")) for c in containers)
    for container in containers:
        call = _row_call(frame.call, pod)
        name = f"{pod.name}.{container.get('name')}"
        node = table.create(run, call, NodeType.CONTAINER, Phase.PENDING, name=name)
        node.inputs = None
        needs = container.get("dependencies") or ()
        unknown = [need for need in needs if need not in names]
        if unknown:
            raise CoreError(f"containerSet: container {unknown[0]!r} is not in the set")
        if not needs:
            table.add_child(run, pod.id, node.id)
    for container in containers:
        child = table.identify(run, f"{pod.name}.{container.get('name')}")
        for need in container.get("dependencies") or ():
            table.add_child(run, table.identify(run, f"{pod.name}.{need}"), child)


def _row_call(call: Call, pod: Node) -> Call:
    return Call(
        name="",
        reference=call.reference,
        source=call.source,
        owner=call.owner,
        boundary_id=pod.id,
        hooked=call.hooked,
        retried=call.retried,
    )


def changed(run: Run, frame: LeafFrame, pod: Node, fact: LeafChanged) -> None:
    """Some containers moved on."""
    for name in frame.containers:
        state = fact.containers.get(name)
        node = table.existing(run, f"{pod.name}.{name}")
        if state is None or node is None or node.completed:
            continue
        if state.phase in (Phase.PENDING, Phase.RUNNING):
            table.move(run, node, state.phase, state.message)
        else:
            table.finish(run, node, state.phase, state.message)


def over(run: Run, frame: LeafFrame, pod: Node, fact: LeafChanged) -> None:
    """The pod is over: what is not known of a container follows the pod."""
    if fact.phase is Phase.ERROR and fact.message == "pod deleted":
        stopped(run, frame, pod, fact.phase, "container deleted")
        return
    stopped(run, frame, pod, fact.phase, fact.message)


def stopped(run: Run, frame: LeafFrame, pod: Node, phase: Phase, message: str) -> None:
    """Every container that is not over gets the pod's end."""
    for name in frame.containers:
        node = table.existing(run, f"{pod.name}.{name}")
        if node is not None and not node.completed:
            table.finish(run, node, phase, message)
