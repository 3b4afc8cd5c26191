"""What becomes of pods that are over: labelled, and deleted as `podGC` says.

Semantics: Argo's `podGC` strategies; without one, pods are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import values
from engine.core.decisions import CollectPod
from engine.core.nodes import Node
from engine.core.phases import COMPLETED, NodeType, Phase
from engine.core.run import Run
from engine.core.work import Call
from lang import duration, selector
from lang.errors import LangError


def pod_over(run: Run, call: Call, node: Node, pod_name: str, phase: Phase) -> None:
    """One pod is over."""
    if node.type is not NodeType.POD:
        return
    strategy = values.mapping(run.spec.get("podGC")).get("strategy") or ""
    now = strategy == "OnPodCompletion" or (strategy == "OnPodSuccess" and phase is Phase.SUCCEEDED)
    labels = values.mapping(values.mapping(call.template and call.template.raw.get("metadata")))
    block = values.mapping(run.spec.get("podGC"))
    delete = now and selected(block, values.mapping(labels.get("labels")))
    run.decide(CollectPod(node.id, pod_name, delete, delay(run) if delete else 0.0))


def workflow_over(run: Run, pod_names: Mapping[str, str]) -> None:
    """The workflow is over; `pod_names` by node id."""
    strategy = values.mapping(run.spec.get("podGC")).get("strategy") or ""
    good = run.phase is Phase.SUCCEEDED
    if strategy != "OnWorkflowCompletion" and not (strategy == "OnWorkflowSuccess" and good):
        return
    for node_id, name in pod_names.items():
        if run.nodes[node_id].phase in COMPLETED:
            run.decide(CollectPod(node_id, name, True, delay(run)))


def delay(run: Run) -> float:
    """Seconds between a pod's end and its deletion."""
    text = values.mapping(run.spec.get("podGC")).get("deleteDelayDuration")
    try:
        return duration.parse(str(text)) if text else run.config.pod_gc_delay
    except LangError:
        return run.config.pod_gc_delay


def annotation(run: Run) -> str | None:
    """What the pods say about their end: `<strategy>/<delay>`, or None without a strategy."""
    strategy = values.mapping(run.spec.get("podGC")).get("strategy")
    if not strategy:
        return None
    return f"{strategy}/{duration.format_ns(round(delay(run) * duration.NANOSECONDS))}"


def selected(block: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether the `labelSelector` of a `podGC` block takes a pod with these labels."""
    wanted = block.get("labelSelector")
    if not wanted:
        return True
    texts = [f"{key}={value}" for key, value in (wanted.get("matchLabels") or {}).items()]
    texts += [_requirement(rule) for rule in wanted.get("matchExpressions") or ()]
    known = {key: str(value) for key, value in labels.items()}
    try:
        return selector.parse(",".join(texts)).matches(known)
    except LangError:
        return False


def _requirement(rule: Mapping[str, Any]) -> str:
    key, operands = rule.get("key"), ",".join(map(str, rule.get("values") or ()))
    match rule.get("operator"):
        case "In":
            return f"{key} in ({operands})"
        case "NotIn":
            return f"{key} notin ({operands})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return str(key)
