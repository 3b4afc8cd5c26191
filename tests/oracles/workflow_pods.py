"""The pods of recorded workflow cases: how each ends, in the words of a pod's status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.core.decisions import StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs
from engine.core.phases import Phase
from engine.executors import podstate
from engine.runtime import podfacts

Json = dict[str, Any]


@dataclass
class Pod:
    """A pod of the run: what was asked for, and how it will end."""

    leaf: StartLeaf
    rule: Json
    started: float
    over: bool = False


def mains(leaf: StartLeaf) -> list[str]:
    block = leaf.template.get("containerSet")
    if block:
        return [c["name"] for c in block["containers"]]
    return ["main"]


def deadline(leaf: StartLeaf) -> float | None:
    assert leaf.pod is not None
    seconds = leaf.pod["spec"].get("activeDeadlineSeconds")
    return None if seconds is None else float(seconds)


def container_status(name: str, code: int | None = None, **state: Any) -> Json:
    if "waiting" in state:
        return {"name": name, "state": {"waiting": state["waiting"]}}
    if state.get("running"):
        return {"name": name, "ready": True, "state": {"running": {}}}
    ended = {"exitCode": code, "reason": state.get("reason") or ("Error" if code else "Completed")}
    if state.get("message"):
        ended["message"] = state["message"]
    return {"name": name, "state": {"terminated": ended}}


def deadline_status() -> Json:
    return {
        "phase": "Failed",
        "reason": "DeadlineExceeded",
        "message": "Pod was active on the node longer than the specified deadline",
    }


def final_status(pod: Pod) -> Json:
    """The status a pod ends with, as its rule says."""
    rule, names = pod.rule, mains(pod.leaf)
    message = rule.get("message") or ""
    if rule.get("reason") == "Evicted":
        return {"phase": "Failed", "reason": "Evicted", "message": message}
    if rule.get("init") is not None:
        # The recorded pods show 0 for containers that were never started.
        init = container_status("init", int(rule["init"]), message=message)
        idle = [container_status(name, 0) for name in names]
        return {
            "phase": "Failed", "initContainerStatuses": [init], "containerStatuses": idle
        }  # fmt: skip
    code = int(rule.get("exit") or 0)
    reason = rule.get("reason") or ""
    if reason == "OOMKilled":
        code = code or 137
    codes = {name: code if name == "main" else 0 for name in names}
    others = {k: int(v) for k, v in (rule.get("containers") or {}).items()}
    sides = [c["name"] for c in pod.leaf.template.get("sidecars") or ()]
    codes |= dict.fromkeys(sides, 0) | others
    statuses = [
        container_status(
            n, c, reason=reason if n in names else "", message=message if n in names else ""
        )
        for n, c in codes.items()
    ]
    failed = any(c and not (n in sides and c in (137, 143)) for n, c in codes.items())
    return {"phase": "Failed" if failed else "Succeeded", "containerStatuses": statuses}


def changed(pod: Pod, status: Json) -> LeafChanged:
    """The fact that the runtime makes of a pod's status."""
    names = mains(pod.leaf)
    state = podstate.assess({"status": status}, names)
    phase = Phase(state.phase)
    outputs = None
    if status["phase"] in ("Succeeded", "Failed"):
        outputs = _outputs(pod, phase, state.exit_code, status)
    containers = {}
    if pod.leaf.template.get("containerSet"):
        containers = podfacts.containers(status, names)
    return LeafChanged(
        pod.leaf.node_id,
        phase,
        state.message,
        outputs,
        ready=state.ready,
        containers=containers,
    )


def _outputs(pod: Pod, phase: Phase, code: int | None, status: Json) -> LeafOutputs:
    rule, capture = pod.rule, pod.leaf.capture
    given = {k: str(v) for k, v in (rule.get("parameters") or {}).items()}
    helped = status.get("message") is None and rule.get("init") is None
    for name in capture.parameters:
        if name in given:
            continue
        if name in capture.parameter_defaults:
            given[name] = capture.parameter_defaults[name]
        elif (phase is Phase.SUCCEEDED or rule.get("containers")) and helped:
            given[name] = f"out-{name}"
    saved = None
    if phase is not Phase.SUCCEEDED:
        saved = frozenset(rule.get("artifacts") or ())
    return LeafOutputs(
        result=str(rule["stdout"]) if capture.result and "stdout" in rule else None,
        parameters=given if helped else {},
        artifacts=saved,
        missing_artifacts=frozenset(rule.get("missing") or ()),
        exit_code=None if code is None else str(code),
    )


def refusal(leaf: StartLeaf) -> str:
    """What an API server says of a pod with two kinds in one volume."""
    assert leaf.pod is not None
    for index, volume in enumerate(leaf.pod["spec"].get("volumes") or ()):
        kinds = [key for key in volume if key != "name"]
        if len(kinds) > 1:
            return (
                f'Pod "{leaf.pod_name}" is invalid: spec.volumes[{index}].{kinds[-1]}: '
                "Forbidden: may not specify more than 1 volume type"
            )
    return ""
