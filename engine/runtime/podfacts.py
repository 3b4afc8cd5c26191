"""From pods to facts: which node a pod is, how it does, and what it left behind.

Outputs are found in the annotation that whoever captured them wrote (`headrace.dev/outputs`);
it is complete before the pod's phase is a final one, so a final phase without it means that
nothing was to be captured, or that the capture failed with the container.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from engine.core import facts
from engine.core.phases import Phase
from engine.executors import podstate
from kube.cluster import Object

NODE_ID = "workflows.argoproj.io/node-id"
WORKFLOW = "workflows.argoproj.io/workflow"
PROGRESS = "workflows.argoproj.io/progress"
OUTPUTS = "headrace.dev/outputs"
MAIN = "headrace.dev/main-containers"
"""Names of the user's containers in a container set, comma separated; without it, `main`."""
_HELPER_FAILED = 64
"""Exit code of the helper when it cannot run the process."""


def owned_by(pod: Object, uid: str) -> bool:
    """Whether the pod belongs to the workflow with this uid."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == uid for owner in owners)


def fact_of(pod: Object) -> facts.LeafChanged | None:
    """What the pod says of its node, None for pods that are no leaf."""
    meta = pod["metadata"]
    annotations = meta.get("annotations") or {}
    node_id = annotations.get(NODE_ID)
    if not node_id:
        return None
    named = annotations.get(MAIN)
    main = named.split(",") if named else ["main"]
    state = podstate.assess(pod, main)
    phase, message = Phase(state.phase), state.message
    outputs = None
    if phase in {Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR}:
        outputs, problem = _outputs(annotations.get(OUTPUTS), state.exit_code)
        if problem and phase is Phase.SUCCEEDED:
            phase, message = Phase.ERROR, problem
    status = pod.get("status") or {}
    return facts.LeafChanged(
        node_id,
        phase,
        message,
        outputs,
        ready=state.ready,
        pod_ip=str(status.get("podIP") or ""),
        host_node_name=str((pod.get("spec") or {}).get("nodeName") or ""),
        progress=annotations.get(PROGRESS, ""),
        containers=containers(status, main) if named else {},
        started_at=podstate.moment(state.started_at),
        finished_at=podstate.moment(state.finished_at),
    )


def _outputs(text: str | None, exit_code: int | None) -> tuple[facts.LeafOutputs, str]:
    """The outputs, and what went wrong while they were captured (empty: nothing)."""
    code = None if exit_code is None else str(exit_code)
    if not text:
        return facts.LeafOutputs(exit_code=code), ""
    try:
        captured: dict[str, Any] = orjson.loads(text)
    except ValueError:
        return facts.LeafOutputs(exit_code=code), f"annotation {OUTPUTS} is not JSON"
    saved = captured.get("artifacts")
    outputs = facts.LeafOutputs(
        result=captured.get("result"),
        parameters=captured.get("parameters") or {},
        artifacts=None if saved is None else frozenset(saved),
        missing_artifacts=frozenset(captured.get("missing") or ()),
        exit_code=code,
    )
    return outputs, str(captured.get("error") or "")


def containers(status: dict[str, Any], names: list[str]) -> dict[str, facts.ContainerState]:
    """What a pod's status says of the containers of a set. Code 64 is the helper's own."""
    found = {}
    for container in status.get("containerStatuses") or ():
        if container["name"] not in names:
            continue
        state = container.get("state") or {}
        ended = state.get("terminated")
        if ended is not None:
            found[container["name"]] = _ended(container["name"], ended)
        elif status.get("phase") == "Failed":
            text = "Pod Failed whilst container running"
            found[container["name"]] = facts.ContainerState(Phase.FAILED, text)
        elif "running" in state:
            found[container["name"]] = facts.ContainerState(Phase.RUNNING)
        else:
            found[container["name"]] = facts.ContainerState(Phase.PENDING)
    return found


def _ended(name: str, ended: dict[str, Any]) -> facts.ContainerState:
    code = int(ended.get("exitCode", 0))
    if code == 0:
        return facts.ContainerState(Phase.SUCCEEDED, exit_code="0")
    reason, text = ended.get("reason") or "Error", ended.get("message") or ""
    message = f"{name}: {reason} (exit code {code}): {text}"
    phase = Phase.ERROR if code == _HELPER_FAILED else Phase.FAILED
    return facts.ContainerState(phase, message, str(code))


def held_locks(workflow: Object) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Holders and the lock keys that the workflow's status says they hold."""
    synchronization = (workflow.get("status") or {}).get("synchronization") or {}
    held: dict[str, list[str]] = {}
    for kind, field, name in (("semaphore", "holding", "semaphore"), ("mutex", "holding", "mutex")):
        for entry in (synchronization.get(kind) or {}).get(field) or ():
            holders = entry.get("holders") or entry.get("holder") or ()
            for holder in [holders] if isinstance(holders, str) else holders:
                held.setdefault(holder, []).append(entry[name])
    for holder, keys in held.items():
        yield holder, tuple(keys)
