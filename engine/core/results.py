"""The variables of one finished (or running) step or task: `status`, `outputs.…` and the rest.

Values are looked up one by one, when a tag names them: a flow of ten thousand tasks never builds
a table of everything. Semantics: Argo's `buildLocalScope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.core import values
from engine.core.frames import Result
from engine.core.nodes import Node
from engine.core.phases import NodeType, Phase
from engine.core.run import Run
from lang import aggregate

_PARAMETER = "outputs.parameters."
_ARTIFACT = "outputs.artifacts."
_SKIPPED = (Phase.SKIPPED, Phase.OMITTED)
MISSING = object()


def lookup(run: Run, result: Result, rest: str) -> Any:
    """The value of `<prefix>.<name>.<rest>`; None: an absent optional; MISSING: no such thing."""
    node = effective(run, run.nodes[result.node_id])
    if result.items is not None and rest.startswith("outputs."):
        return _aggregates(run, result).get(rest, MISSING)
    plain = _plain(node, rest)
    if plain is not MISSING:
        return plain
    found = _output(node, rest)
    if found is MISSING and node.phase in _SKIPPED and result.declared is not None:
        return _declared(result.declared, rest)
    return found


def names(run: Run, result: Result) -> Iterator[str]:
    """Every `<rest>` that `lookup` knows, for expressions (which see all variables)."""
    node = effective(run, run.nodes[result.node_id])
    for rest in ("id", "startedAt", "finishedAt", "status", "hostNodeName", "ip", "exitCode"):
        if _plain(node, rest) is not MISSING:
            yield rest
    if result.items is not None:
        yield from _aggregates(run, result)
        return
    outputs = node.outputs or {}
    if outputs.get("result") is not None:
        yield "outputs.result"
    for parameter in outputs.get("parameters") or ():
        yield _PARAMETER + parameter["name"]
    for artifact in outputs.get("artifacts") or ():
        yield _ARTIFACT + artifact["name"]
    if node.phase in _SKIPPED and result.declared is not None:
        known = {p["name"] for p in outputs.get("parameters") or ()}
        for parameter in result.declared.get("parameters") or ():
            if parameter["name"] not in known:
                yield _PARAMETER + parameter["name"]


def effective(run: Run, node: Node) -> Node:
    """The node that counts: of a Retry node its last attempt."""
    if node.type is NodeType.RETRY and node.children:
        for child_id in reversed(node.children):
            child = run.nodes.get(child_id)
            if child is not None and not child.hooked:
                return child
    return node


def _aggregates(run: Run, result: Result) -> dict[str, str]:
    if result.aggregates is None:
        members = [
            {
                "name": node.name,
                "phase": node.phase.value,
                "outputs": node.outputs,
                "nodeFlag": {"hooked": node.hooked, "retried": node.retried},
            }
            for node_id in result.items or ()
            if (node := run.nodes[node_id]).type is not NodeType.SKIPPED
        ]
        # The empty prefix leaves a dot in front of each name.
        found = aggregate.variables("", members)
        result.aggregates = {name.removeprefix("."): value for name, value in found.items()}
    return result.aggregates


def _plain(node: Node, rest: str) -> Any:
    match rest:
        case "id":
            return node.id
        case "startedAt":
            return values.rfc3339(node.started_at)
        case "finishedAt" if node.finished_at is not None:
            return values.rfc3339(node.finished_at)
        case "status":
            return node.phase.value
        case "hostNodeName" if node.host_node_name:
            return node.host_node_name
        case "ip" if node.pod_ip:
            return node.pod_ip
        case "exitCode" if node.outputs and node.outputs.get("exitCode") is not None:
            return node.outputs["exitCode"]
        case _:
            return MISSING


def _output(node: Node, rest: str) -> Any:
    outputs = node.outputs
    if not outputs:
        return MISSING
    if rest == "outputs.result":
        result = outputs.get("result")
        return MISSING if result is None else result
    if rest.startswith(_PARAMETER):
        return _named(outputs, "parameters", rest.removeprefix(_PARAMETER))
    if rest.startswith(_ARTIFACT):
        name = rest.removeprefix(_ARTIFACT)
        found = [a for a in outputs.get("artifacts") or () if a["name"] == name]
        return found[0] if found else MISSING
    return MISSING


def _named(outputs: dict[str, Any], kind: str, name: str) -> Any:
    for parameter in outputs.get(kind) or ():
        if parameter["name"] == name and parameter.get("value") is not None:
            return values.text(parameter["value"])
    return MISSING


def _declared(outputs: Any, rest: str) -> Any:
    """What a skipped producer declared: its default, or an absent optional."""
    if rest == "outputs.result" and outputs.get("result") is not None:
        return None
    if rest.startswith(_PARAMETER):
        name = rest.removeprefix(_PARAMETER)
        for parameter in outputs.get("parameters") or ():
            if parameter.get("name") == name:
                default = values.mapping(parameter.get("valueFrom")).get("default")
                return None if default is None else values.text(default)
    return MISSING
