"""The engine on an embedded API server, in this process, with pods that end as a script says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from engine.runtime.controller import EngineRuntime, Settings
from headrace import app
from headrace.local.apiserver.server import ApiServer
from headrace.local.apiserver.server import Settings as ApiSettings
from kube import resources
from kube.clock import SystemClock
from kube.cluster import Cluster, Object
from kube.resources import Resource
from kube.throttle import Throttle
from tests.engine.scripted import Script, ScriptedKubelet, succeed

Check = Callable[[Object], Any]
ENDED = {"Succeeded", "Failed", "Error"}
WAIT = 40.0


class Rig:
    """One API server, and one engine after the other."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.cluster: Cluster = server.cluster
        self.folder = folder
        self.engine: EngineRuntime | None = None
        self.kubelet: ScriptedKubelet | None = None

    async def up(self, script: Script = succeed, **settings: Any) -> None:
        """Start the kubelet, then the engine."""
        if self.kubelet is None:
            self.kubelet = ScriptedKubelet(self.cluster, script)
            await self.kubelet.start()
        chosen = {"artifact_folder": self.folder / "artifacts", **settings}
        self.engine = EngineRuntime(self.cluster, SystemClock(), Throttle(), Settings(**chosen))
        await self.engine.start()

    async def down(self) -> None:
        """Stop the engine; pods go on."""
        if self.engine is not None:
            await self.engine.stop()
            self.engine = None

    async def submit(self, spec: Object, name: str = "wf", **meta: Any) -> str:
        """Create a workflow."""
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name, **meta},
            "spec": {"entrypoint": "main", **spec},
        }
        made = await self.cluster.create(resources.WORKFLOWS, "default", body)
        return str(made["metadata"]["name"])

    async def until(self, resource: Resource, name: str, check: Check) -> Object:
        """The object as soon as `check` holds for it."""
        async with asyncio.timeout(WAIT):
            listed = await self.cluster.list(resource, "default")
            for item in listed.items:
                if item["metadata"]["name"] == name and check(item):
                    return item
            async for event in self.cluster.watch(
                resource, "default", resource_version=listed.resource_version
            ):
                if event.type in ("ADDED", "MODIFIED") and (
                    event.object["metadata"]["name"] == name and check(event.object)
                ):
                    return event.object
        raise AssertionError("the watch ended")

    async def ended(self, name: str = "wf") -> Object:
        """The finished workflow."""
        return await self.until(resources.WORKFLOWS, name, lambda w: phase_of(w) in ENDED)

    async def events(self, least: int, name: str = "wf") -> list[Object]:
        """The Events about an object, as soon as there are so many."""
        found: list[Object] = []

        def take(event: Object) -> bool:
            if event["involvedObject"]["name"] == name:
                found.append(event)
            return len(found) >= least

        async with asyncio.timeout(WAIT):
            listed = await self.cluster.list(resources.EVENTS, "default")
            enough = [take(item) for item in listed.items]
            if any(enough):
                return found
            async for event in self.cluster.watch(
                resources.EVENTS, "default", resource_version=listed.resource_version
            ):
                if event.type == "ADDED" and take(event.object):
                    break
        return found


def phase_of(workflow: Object) -> str:
    return str((workflow.get("status") or {}).get("phase") or "")


def node_of(workflow: Object, display_name: str) -> Object:
    """The only node with this display name."""
    nodes = workflow["status"]["nodes"].values()
    [found] = [n for n in nodes if n["displayName"] == display_name]
    return dict(found)


@contextlib.asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    """A rig whose engine is not started yet."""
    folder.mkdir(exist_ok=True)
    server = ApiServer(ApiSettings(folder, token="t", insecure_http=True))
    await server.start()
    for definition in app.kinds():
        await server.cluster.create(resources.CRDS, None, definition)
    server.set_ready()
    made = Rig(server, folder)
    try:
        yield made
    finally:
        await made.down()
        if made.kubelet is not None:
            await made.kubelet.stop()
        await server.stop()
