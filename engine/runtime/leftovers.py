"""What a process that died left undone: pods to collect or to stop, found from the objects.

The core says it once, when a node ends; after a crash between the status that holds the end and
what follows from it, only the pods themselves still tell: their label `completed` is false, or
they still run for a node that is over. Pods carry their workflow's `podGC` in an annotation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crds import hydration
from engine.core import podgc
from engine.core.decisions import CollectPod, StopLeaf, StopReason
from engine.core.phases import NodeType
from engine.runtime import podfacts
from engine.runtime.context import Context
from kube import resources
from kube.cluster import Object
from kube.errors import KubeError, NotFound
from lang import duration
from lang.errors import LangError

FINAL = frozenset({"Succeeded", "Failed", "Error", "Skipped", "Omitted"})
ENDED = frozenset({"Succeeded", "Failed"})
STRATEGY = "workflows.argoproj.io/pod-gc-strategy"
COMPLETED = "workflows.argoproj.io/completed"


def of(context: Context, workflow: Object) -> Iterator[CollectPod | StopLeaf]:
    """What is still to do about the pods of nodes whose end is written."""
    waiting = [pod for pod in context.pods_of(workflow) if _node_id(pod)]
    if not waiting:
        return
    rows = context.rows(workflow)
    status = workflow.get("status") or {}
    for pod in waiting:
        node_id, name = _node_id(pod), pod["metadata"]["name"]
        row = rows.get(node_id) or {}
        if row.get("phase") not in FINAL and status.get("phase") not in FINAL:
            continue
        if (pod.get("status") or {}).get("phase") not in ENDED:
            yield StopLeaf(node_id, name, StopReason.TERMINATE, NodeType.POD)
            continue
        strategy, _, delay = _annotation(pod, STRATEGY).partition("/")
        if _deletes(strategy, workflow, pod):
            yield CollectPod(node_id, name, True, _seconds(delay))
        elif (pod["metadata"].get("labels") or {}).get(COMPLETED) != "true":
            yield CollectPod(node_id, name, False)


def clear(context: Context, workflow: Object) -> None:
    """Do what is left of a finished workflow."""
    namespace = workflow["metadata"]["namespace"]
    try:
        decisions = list(of(context, workflow))
    except hydration.HydrationError as error:
        context.log.warning(
            "status unreadable", workflow=workflow["metadata"]["name"], error=str(error)
        )
        return
    for decision in decisions:
        if isinstance(decision, CollectPod):
            context.collector.pod(namespace, decision)
        else:
            context.spawn(_stop(context, namespace, decision.pod_name), f"stop {decision.pod_name}")


async def _stop(context: Context, namespace: str, name: str) -> None:
    try:
        await context.cluster.delete(resources.PODS, namespace, name)
    except NotFound:
        return
    except KubeError as error:
        context.log.warning("not stopped", pod=name, error=error.message)
        context.collector.pod(namespace, CollectPod("", name, True, 1.0))


def _deletes(strategy: str, workflow: Object, pod: Object) -> bool:
    phase = (workflow.get("status") or {}).get("phase")
    match strategy:
        case "OnPodCompletion":
            return podgc.selected(_block(workflow), pod["metadata"].get("labels") or {})
        case "OnPodSuccess":
            good = pod["status"]["phase"] == "Succeeded"
            return good and podgc.selected(_block(workflow), pod["metadata"].get("labels") or {})
        case "OnWorkflowCompletion":
            return phase in FINAL
        case "OnWorkflowSuccess":
            return bool(phase == "Succeeded")
        case _:
            return False


def _block(workflow: Object) -> Mapping[str, Any]:
    status = workflow.get("status") or {}
    spec = status.get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
    return spec.get("podGC") or {}


def _seconds(text: str) -> float:
    try:
        return float(duration.parse_go(text)) if text else 0.0
    except LangError:
        return 0.0


def _node_id(pod: Object) -> str:
    return _annotation(pod, podfacts.NODE_ID)


def _annotation(pod: Object, name: str) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(name) or "")
