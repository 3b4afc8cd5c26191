"""The order of a container set: which containers of a pod wait for the success of others.

The engine writes it as the annotation `headrace.dev/container-dependencies`: a JSON object of
container name → names it waits for. A container whose dependency failed never starts and ends
with the exit code that Argo's emissary gives it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from headrace.local.kubelet.containerstate import ContainerState, Terminated
from kube.cluster import Object

DEPENDENCIES = "headrace.dev/container-dependencies"
NOT_STARTED = 64


def dependencies_of(pod: Object) -> dict[str, list[str]]:
    """Container name → what it waits for; names that are not in the pod are left out."""
    text = (pod["metadata"].get("annotations") or {}).get(DEPENDENCIES)
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    present = {c["name"] for c in pod["spec"]["containers"]}
    if not isinstance(found, dict):
        return {}
    return {
        name: [need for need in needs if need in present]
        for name, needs in found.items()
        if isinstance(needs, list)
    }


async def after(
    state: ContainerState,
    needs: Mapping[str, tuple[ContainerState, Awaitable[None]]],
    run: Callable[[], Awaitable[None]],
) -> None:
    """Run the container once everything it needs has succeeded."""
    for name, (needed, task) in needs.items():
        await asyncio.wait({asyncio.ensure_future(task)})
        if needed.ended is None or needed.ended.exit_code:
            code = needed.ended.exit_code if needed.ended is not None else NOT_STARTED
            message = f"dependency {name!r} exited with non-zero code: {code}"
            state.state = Terminated(NOT_STARTED, "Error", message)
            return
    await run()
