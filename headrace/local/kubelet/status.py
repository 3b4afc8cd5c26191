"""A pod's `status`, as a kubelet reports it. Pure.

Source: Kubernetes `pkg/kubelet/kubelet_pods.go` and `status/generate.go` (phases, conditions and
their reasons, order and fields of container statuses).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace.local.kubelet import amounts
from headrace.local.kubelet.containerstate import (
    ContainerState,
    Role,
    Running,
    Terminated,
    Waiting,
)
from headrace.local.kubelet.fields import ADDRESS
from kube.cluster import Object

INITIALIZING = Waiting("PodInitializing")
CREATING = Waiting("ContainerCreating")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What overrides the containers: the pod's own reason and message, and its final phase."""

    phase: str = ""
    reason: str = ""
    message: str = ""


def stamp(moment: float) -> str:
    """RFC 3339 in whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def phase_of(containers: Sequence[ContainerState], policy: str) -> str:
    """The phase that the containers' states mean together."""
    inits = [c for c in containers if c.role is Role.INIT]
    mains = [c for c in containers if c.role is Role.MAIN]
    for item in inits:
        ended = item.ended
        if not ended or ended.exit_code:
            return "Pending"
    if all(c.ended for c in mains):
        if policy == "Always":
            return "Running"
        if all(c.ended and c.ended.exit_code == 0 for c in mains):
            return "Succeeded"
        return "Failed" if policy == "Never" else "Running"
    if any(not c.is_running and not c.ended and not c.last for c in mains):
        return "Pending"
    return "Running"


def _unfinished(phase: str) -> str:
    """A final phase is only ever told by the verdict: outputs may still be on their way."""
    return "Running" if phase in {"Succeeded", "Failed"} else phase


def build(
    pod: Object,
    containers: Sequence[ContainerState],
    verdict: Verdict,
    started_at: float,
    now: float,
) -> dict[str, Any]:
    """The whole status object."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    phase = verdict.phase or _unfinished(phase_of(containers, policy))
    inits = [c for c in containers if c.role is not Role.MAIN]
    mains = [c for c in containers if c.role is Role.MAIN]
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": _conditions(pod, containers, phase, now),
        "hostIP": ADDRESS,
        "hostIPs": [{"ip": ADDRESS}],
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": stamp(started_at),
        "containerStatuses": [_container(c) for c in sorted(mains, key=lambda c: c.name)],
        "qosClass": amounts.qos_class(pod["spec"]),
    }
    if inits:
        status["initContainerStatuses"] = [_container(c) for c in inits]
    if verdict.reason:
        status["reason"] = verdict.reason
    if verdict.message:
        status["message"] = verdict.message
    return status


def _container(item: ContainerState) -> dict[str, Any]:
    image = item.spec.get("image") or ""
    status: dict[str, Any] = {
        "name": item.name,
        "state": _state(item.state),
        "lastState": _state(item.last) if item.last else {},
        "ready": item.ready,
        "restartCount": item.restarts,
        "image": image,
        "imageID": image if item.container_id else "",
        "started": item.started,
    }
    if item.container_id:
        status["containerID"] = item.container_id
    return status


def _state(state: Waiting | Running | Terminated) -> dict[str, Any]:
    match state:
        case Waiting(reason, message):
            waiting = {"reason": reason}
            if message:
                waiting["message"] = message
            return {"waiting": waiting}
        case Running(started_at):
            return {"running": {"startedAt": stamp(started_at)}}
        case Terminated():
            ended: dict[str, Any] = {
                "exitCode": state.exit_code,
                "reason": state.reason,
                "startedAt": stamp(state.started_at),
                "finishedAt": stamp(state.finished_at),
            }
            if state.signal:
                ended["signal"] = state.signal
            if state.message:
                ended["message"] = state.message
            if state.container_id:
                ended["containerID"] = state.container_id
            return {"terminated": ended}


def _conditions(
    pod: Object, containers: Sequence[ContainerState], phase: str, now: float
) -> list[dict[str, Any]]:
    over = phase in {"Succeeded", "Failed"}
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "")
    unready = [c.name for c in containers if c.role is not Role.INIT and not c.ready]
    names = " ".join(unready)
    not_ready = ("ContainersNotReady", f"containers with unready status: [{names}]")
    waiting = [
        c.name
        for c in containers
        if (c.role is Role.INIT and not (c.ended and c.ended.exit_code == 0))
        or (c.role is Role.SIDECAR and not c.started)
    ]
    not_initialized = (
        "ContainersNotInitialized",
        f"containers with incomplete status: [{' '.join(waiting)}]",
    )
    wanted: list[tuple[str, bool, tuple[str, str]]] = [
        ("PodReadyToStartContainers", not over, ("", "")),
        (
            "Initialized",
            phase == "Succeeded" or not waiting,
            ("PodCompleted", "")
            if phase == "Succeeded"
            else ("", "")
            if not waiting
            else not_initialized,
        ),
        (
            "Ready",
            not over and not unready,
            (reason, "") if over else not_ready if unready else ("", ""),
        ),
        (
            "ContainersReady",
            not over and not unready,
            (reason, "") if over else not_ready if unready else ("", ""),
        ),
        ("PodScheduled", True, ("", "")),
    ]
    before = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or ()}
    made = [
        _condition(before.pop(kind, None), kind, value, why, now) for kind, value, why in wanted
    ]
    return [*made, *before.values()]


def _condition(
    before: dict[str, Any] | None, kind: str, value: bool, why: tuple[str, str], now: float
) -> dict[str, Any]:
    text = "True" if value else "False"
    unchanged = before is not None and before.get("status") == text
    made = {
        "type": kind,
        "status": text,
        "lastProbeTime": None,
        "lastTransitionTime": before["lastTransitionTime"] if unchanged and before else stamp(now),
    }
    if why[0]:
        made["reason"] = why[0]
    if why[1]:
        made["message"] = why[1]
    return made


def unschedulable(pod: Object, reason: str, message: str, now: float) -> dict[str, Any]:
    """The status of a pod that no node takes."""
    before = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or ()}
    condition = _condition(
        before.get("PodScheduled"), "PodScheduled", False, (reason, message), now
    )
    return {"phase": "Pending", "conditions": [condition]}
