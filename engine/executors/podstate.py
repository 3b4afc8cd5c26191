"""What a pod's status says about its node.

Pure. Source: Argo Workflows `assessNodeStatus` and `inferFailedReason`: the pod's own message
wins; then the first bad container in the order init, main, wait, sidecars; init and wait
failures are errors of the system, a main failure is the user's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

KILLED = {137, 143}  # a sidecar that we ended ourselves

Pod = dict[str, Any]
ContainerStatus = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodState:
    """One look at a pod, in the words of a node."""

    phase: str  # Pending, Running, Succeeded, Failed, Error
    message: str = ""
    exit_code: int | None = None  # of the main container, once it ended
    ready: bool = False  # running, and every container ready: what a daemon waits for
    started_at: str = ""
    finished_at: str = ""


def assess(pod: Pod, main: Collection[str]) -> PodState:
    """The node state of `pod`; `main` names the user's main containers."""
    status = pod.get("status") or {}
    phase = status.get("phase") or "Pending"
    exit_code = _exit_code(status, main)
    started, finished = _times(status)
    if phase == "Pending":
        return PodState("Pending", _pending_message(status))
    if phase == "Running":
        containers = status.get("containerStatuses") or []
        ready = bool(containers) and all(c.get("ready") for c in containers)
        return PodState("Running", "", exit_code, ready, started)
    if phase == "Succeeded":
        return PodState("Succeeded", "", exit_code, False, started, finished)
    if phase == "Failed":
        verdict, message = _failure(status, main)
        return PodState(verdict, message, exit_code, False, started, finished)
    return PodState("Error", f"Unexpected pod phase {phase}", exit_code, False, started, finished)


def _pending_message(status: dict[str, Any]) -> str:
    for container in _containers(status):
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason"):
            text = waiting.get("message") or ""
            return f"{waiting['reason']}: {text}" if text else str(waiting["reason"])
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"Unschedulable: {condition.get('message', '')}"
    return str(status.get("message") or "")


def _failure(status: dict[str, Any], main: Collection[str]) -> tuple[str, str]:
    if status.get("message"):
        return "Failed", str(status["message"])
    inits = {c["name"] for c in status.get("initContainerStatuses") or []}
    ordered = sorted(_containers(status), key=lambda c: _rank(c["name"], inits, main))
    for container in ordered:
        state = container.get("state") or {}
        name = container["name"]
        if waiting := state.get("waiting"):
            reason, text = waiting.get("reason", ""), waiting.get("message", "")
            return "Error", f"Pod failed before {name} container starts due to {reason}: {text}"
        ended = state.get("terminated")
        if not ended or not ended.get("exitCode"):
            continue
        message = f"{name}: {ended.get('reason') or 'Error'} (exit code {ended['exitCode']})"
        if ended.get("message"):
            message += f": {ended['message']}"
        if name in {"init", "wait"}:
            return "Error", message
        if name in main or name in inits or ended["exitCode"] not in KILLED:
            return "Failed", message
    if status.get("reason"):
        return "Failed", str(status["reason"])
    if not ordered:
        return "Failed", "the pod failed, and nothing says why"
    if not all(_succeeded(c) for c in ordered if c["name"] in main):
        return "Failed", "pod failed: main container did not complete successfully"
    return "Succeeded", ""


def _succeeded(container: ContainerStatus) -> bool:
    ended = (container.get("state") or {}).get("terminated")
    return ended is not None and not ended.get("exitCode")


def _rank(name: str, inits: Collection[str], main: Collection[str]) -> int:
    if name in inits:
        return 0
    if name in main:
        return 1
    return 2 if name == "wait" else 3


def _containers(status: dict[str, Any]) -> Iterator[ContainerStatus]:
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def _exit_code(status: dict[str, Any], main: Collection[str]) -> int | None:
    for container in status.get("containerStatuses") or []:
        if container["name"] in main:
            ended = (container.get("state") or {}).get("terminated")
            if ended and container["name"] == "main":
                return int(ended.get("exitCode", 0))
    return None


def _times(status: dict[str, Any]) -> tuple[str, str]:
    started = str(status.get("startTime") or "")
    finished = ""
    for container in _containers(status):
        ended = (container.get("state") or {}).get("terminated") or {}
        finished = max(finished, str(ended.get("finishedAt") or ""))
    return started, finished


def moment(text: str) -> float | None:
    """RFC 3339 to seconds since the epoch; None for an empty text."""
    return datetime.fromisoformat(text).timestamp() if text else None
