"""Suspend nodes: waiting for a time, or for somebody.

Semantics: Argo's suspend template; outputs declared `supplied` come from `NodeSet` facts.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.core import execute, hooks, settle, table, timers, values
from engine.core.decisions import EmitEvent, EventType
from engine.core.errors import CoreError
from engine.core.nodes import Node
from engine.core.phases import COMPLETED, NodeType, Phase
from engine.core.run import Run
from engine.core.timers import Timer
from engine.core.values import Json
from engine.core.work import Call
from lang import duration, gojson
from lang.errors import LangError


def begin(run: Run, call: Call) -> None:
    """Make the node, and wait."""
    assert call.template is not None
    assert call.template.body is not None
    _offer_choices(call)
    node = table.create(run, call, NodeType.SUSPEND, Phase.RUNNING)
    table.move(run, node, Phase.RUNNING)
    settle.track(run, call, node)
    if execute.forbidden(run, call):
        end(run, call, Phase.FAILED, f"Stopped with strategy '{run.shutdown.value}'")
        return
    run.suspends[node.id] = call
    hooks.observe(run, call, node)
    body: Json = call.template.body.render(execute.scope(run, call), allow_unresolved=True)
    if node.outputs is None and body.get("outputs"):
        node.outputs = {"parameters": [dict(p) for p in body["outputs"].get("parameters") or ()]}
    wait = body["suspend"].get("duration")
    if not wait:
        return
    assert node.started_at is not None
    try:
        timers.set(run, node.started_at + duration.parse(str(wait)), Timer.RESUME, node.id)
    except LangError as error:
        run.suspends.pop(node.id)
        settle.fail(run, call, error.message)


def _offer_choices(call: Call) -> None:
    """An input whose value is JSON with an `enum` offers these choices to who resumes it."""
    if not (call.inputs or {}).get("parameters"):
        return
    assert call.inputs is not None
    parameters = []
    for parameter in call.inputs["parameters"]:
        choices = _choices(str(parameter.get("value") or ""))
        if choices:
            parameter = {"default": choices[0], **parameter, "enum": choices}
        parameters.append(parameter)
    call.inputs = {**call.inputs, "parameters": parameters}


def _choices(text: str) -> list[str]:
    if not text.startswith("{"):
        return []
    try:
        found = values.mapping(gojson.parse(text)).get("enum")
    except LangError:
        return []
    return [values.text(choice) for choice in found] if isinstance(found, list) else []


def end(run: Run, call: Call, phase: Phase, message: str) -> None:
    """The node is over."""
    node = run.nodes[call.node_id]
    run.suspends.pop(node.id, None)
    settle.done(run, call, node, phase, message)


def resume(run: Run, node_id: str, message: str = "") -> None:
    """Let a suspend node succeed, if everything it was to be supplied with is there."""
    call = run.suspends.get(node_id)
    if call is None:
        return
    node = run.nodes[node_id]
    try:
        _take_defaults(node)
    except CoreError as error:
        text = f"{node.display_name}: {error.message}"
        run.decide(EmitEvent(EventType.WARNING, "WorkflowNodeNotResumed", text, node_id))
        return
    end(run, call, Phase.SUCCEEDED, message or node.message)


def expire(run: Run, node_id: str) -> None:
    """The duration is over: succeed, or fail where something was never supplied."""
    call = run.suspends.get(node_id)
    if call is None:
        return
    try:
        _take_defaults(run.nodes[node_id])
    except CoreError as error:
        run.suspends.pop(node_id)
        settle.fail(run, call, error.message)
        return
    end(run, call, Phase.SUCCEEDED, run.nodes[node_id].message)


def _take_defaults(node: Node) -> None:
    for parameter in (node.outputs or {}).get("parameters") or ():
        source = values.mapping(parameter.get("valueFrom"))
        if parameter.get("value") is None and "supplied" in source:
            if source.get("default") is None:
                raise CoreError(
                    f"raw output parameter '{parameter['name']}' has not been set "
                    "and does not have a default value"
                )
            parameter["value"] = values.text(source["default"])


def change(
    run: Run, node_id: str, phase: Phase | None, message: str, supplied: Mapping[str, str]
) -> None:
    """`argo node set`: message, phase and supplied outputs of an active suspend node."""
    call = run.suspends.get(node_id)
    if call is None:
        return
    node = run.nodes[node_id]
    for parameter in (node.outputs or {}).get("parameters") or ():
        if parameter["name"] in supplied:
            parameter["value"] = supplied[parameter["name"]]
            run.touch(node)
    if message:
        node.message = f"{node.message}; {message}" if node.message else message
        run.touch(node)
    if phase in COMPLETED:
        end(run, call, phase, node.message)
