"""`metrics.prometheus` blocks: samples when a node or the workflow is over.

A metric that cannot be computed never fails anything: the condition `MetricsError` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.decisions import EmitMetric
from engine.core.errors import CoreError
from engine.core.nodes import Node
from engine.core.run import Run
from engine.core.work import Call
from lang import govaluate, strconv, tags
from lang.errors import LangError


def of_workflow(run: Run) -> None:
    """The workflow is over: emit its own metrics."""
    block = values.mapping(run.spec.get("metrics"))
    if block:
        scope = dict(run.globals)
        scope["status"] = run.phase.value
        scope["duration"] = run.globals.get("workflow.duration", "0")
        for resource, seconds in run.resources_duration.items():
            scope[f"resourcesDuration.{resource}"] = str(seconds)
            scope[f"workflow.resourcesDuration.{resource}"] = str(seconds)
        _emit_all(run, block, scope)


def of_node(run: Run, call: Call, node: Node) -> None:
    """A node is over: emit the metrics of its template. Attempts of a retry emit none."""
    if call.template is None or call.retried:
        return
    block = values.mapping(call.template.raw.get("metrics"))
    if block:
        _emit_all(run, block, _scope(run, call, node))


def _scope(run: Run, call: Call, node: Node) -> dict[str, Any]:
    scope = {**run.globals, **call.variables}
    scope["status"] = node.phase.value
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
        if values.mapping(metric.get("gauge")).get("realtime"):
            continue
        try:
            sample = _sample(metric, scope)
        except (CoreError, LangError) as error:
            run.conditions["MetricsError"] = {
                "type": "MetricsError",
                "status": "True",
                "message": error.message,
            }
            run.head_dirty = True
            continue
        if sample is not None:
            run.decide(sample)


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
