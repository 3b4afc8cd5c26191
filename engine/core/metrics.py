"""`metrics.prometheus` blocks: samples when a node or the workflow is over, and live gauges.

A metric that cannot be computed never fails anything: the condition `MetricsError` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.core import values
from engine.core.decisions import EmitMetric
from engine.core.errors import CoreError
from engine.core.nodes import Node
from engine.core.run import Run
from engine.core.work import Call
from lang import govaluate, strconv, tags
from lang.errors import LangError

_OFFERED = ("workflow.duration", "duration")
"""What a real-time gauge can show: seconds since the workflow or the node began."""


def workflow_started(run: Run) -> None:
    """The workflow begins: its real-time gauges do, too."""
    block = values.mapping(run.spec.get("metrics"))
    if block:
        _emit_live(run, block, {**run.globals, "status": "Pending", "duration": "0"}, None)


def node_started(run: Run, call: Call, node: Node) -> None:
    """A node has been made: the real-time gauges of its template begin."""
    block = _block(call)
    if block:
        _emit_live(run, block, _scope(run, call, node), node)


def of_workflow(run: Run) -> None:
    """The workflow is over: emit its own metrics, in the variables of its entrypoint."""
    block = values.mapping(run.spec.get("metrics"))
    if not block:
        return
    entry = run.nodes.get(run.name)
    scope: dict[str, Any] = {**run.globals, "status": run.phase.value}
    if entry is not None:
        scope |= _of_node(run, entry)
        for parameter in (entry.inputs or {}).get("parameters") or ():
            scope[f"inputs.parameters.{parameter['name']}"] = values.text(parameter["value"])
    for resource, seconds in run.resources_duration.items():
        scope[f"resourcesDuration.{resource}"] = str(seconds)
        scope[f"workflow.resourcesDuration.{resource}"] = str(seconds)
    _emit_all(run, block, scope)


def of_node(run: Run, call: Call, node: Node) -> None:
    """A node is over: emit the metrics of its template. The last attempt of a retry emits none:
    the Retry node does."""
    block = None if call.retried else _block(call)
    if block:
        _emit_all(run, block, _scope(run, call, node))


def of_attempt(run: Run, call: Call, attempt: Node) -> None:
    """An attempt was bad, and another one follows."""
    block = _block(call)
    if block:
        _emit_all(run, block, _scope(run, call, attempt))


def _block(call: Call) -> Mapping[str, Any] | None:
    return None if call.template is None else call.template.raw.get("metrics")


def _scope(run: Run, call: Call, node: Node) -> dict[str, Any]:
    return {**run.globals, **call.variables, **_of_node(run, node)}


def _of_node(run: Run, node: Node) -> dict[str, Any]:
    scope = {"status": node.phase.value, "duration": "0"}
    scope |= {"resourcesDuration.cpu": "0", "resourcesDuration.memory": "0"}
    if node.started_at is not None:
        until = node.finished_at if node.finished_at is not None else run.now
        scope["duration"] = f"{until - node.started_at:.6f}"
    for resource, seconds in (node.resources_duration or {}).items():
        scope[f"resourcesDuration.{resource}"] = str(seconds)
    outputs = node.outputs or {}
    if outputs.get("exitCode") is not None:
        scope["exitCode"] = outputs["exitCode"]
    if outputs.get("result") is not None:
        scope["outputs.result"] = outputs["result"]
    for parameter in outputs.get("parameters") or ():
        if parameter.get("value") is not None:
            name = parameter["name"]
            scope[f"outputs.parameters.{name}"] = values.text(parameter["value"])
    attempts = [c for c in node.children or () if run.nodes[c].retried]
    scope["retries"] = str(max(0, len(attempts) - 1))
    return scope


def _emit_all(run: Run, block: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
    for metric in block.get("prometheus") or ():
        try:
            sample = _sample(metric, scope)
        except (CoreError, LangError) as error:
            _failed(run, error.message)
            continue
        if sample is not None:
            run.decide(sample)


def _emit_live(
    run: Run, block: Mapping[str, Any], scope: Mapping[str, Any], node: Node | None
) -> None:
    for metric in block.get("prometheus") or ():
        if not values.mapping(metric.get("gauge")).get("realtime"):
            continue
        try:
            sample = _live(run, metric, scope, node)
        except (CoreError, LangError) as error:
            _failed(run, error.message)
            continue
        if sample is not None:
            run.decide(sample)


def _live(
    run: Run, metric: Mapping[str, Any], scope: Mapping[str, Any], node: Node | None
) -> EmitMetric | None:
    text = str(metric["gauge"].get("value") or "")
    if not (text.startswith("{{") and text.endswith("}}")):
        raise CoreError("real time metrics can only be used with metric variables")
    name = text.removeprefix("{{").removesuffix("}}").strip()
    since = run.started_at if name == "workflow.duration" or node is None else node.started_at
    if name not in _OFFERED or (name == "duration" and node is None) or since is None:
        raise CoreError(f"'{name}' is not available as a real time metric")
    sample = _sample(metric, scope)
    return None if sample is None else replace(sample, since=since)


def _failed(run: Run, message: str) -> None:
    condition = {"type": "MetricsError", "status": "True", "message": message}
    run.conditions["MetricsError"] = condition
    run.head_dirty = True


def _sample(metric: Mapping[str, Any], scope: Mapping[str, Any]) -> EmitMetric | None:
    if metric.get("when"):
        text = str(tags.render(str(metric["when"]), scope))
        if not govaluate.when(text):
            return None
    kind = next((k for k in ("counter", "gauge", "histogram") if metric.get(k)), "")
    body = values.mapping(metric.get(kind))
    text = str(tags.render(values.text(body.get("value") or ""), scope))
    value = _number(text)
    labels = tuple(
        (str(label["key"]), str(tags.render(values.text(label.get("value") or ""), scope)))
        for label in metric.get("labels") or ()
    )
    return EmitMetric(
        kind,
        str(metric.get("name") or ""),
        str(metric.get("help") or ""),
        labels,
        value,
        str(body.get("operation") or "Set"),
        tuple(_number(bucket) for bucket in body.get("buckets") or ()),
    )


def _number(raw: Any) -> float:
    text = values.text(raw)
    value = strconv.parse_float(text)
    if value is None:
        quoted = strconv.quote(text)
        raise CoreError(f"strconv.ParseFloat: parsing {quoted}: invalid syntax")
    return value
