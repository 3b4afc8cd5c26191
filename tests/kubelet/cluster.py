"""A kubelet on the embedded API server, in this process, and looking at what became of pods."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from headrace.local.apiserver.api import Api
from headrace.local.apiserver.inprocess import InProcessCluster
from headrace.local.apiserver.kinds import Kinds
from headrace.local.apiserver.nodeproxy import LogOptions, Streams
from headrace.local.apiserver.state import State
from headrace.local.apiserver.store import Store
from headrace.local.kubelet.kubelet import Kubelet
from headrace.local.kubelet.policy import Backoff, Policy
from kube import resources
from kube.cluster import Object, Selector

Check = Callable[[Object], Any]
ENDED = {"Succeeded", "Failed"}


class Machine:
    """One API server and one kubelet after the other on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._store = Store(folder / "cluster.sqlite3")
        state = State(self._store)
        state.load()
        self._store.start()
        self.cluster = InProcessCluster(Api(state, Kinds()))
        self.kubelet: Kubelet | None = None

    async def prepare(self) -> None:
        with contextlib.suppress(Exception):
            for name in ("default", "kube-node-lease"):
                await self.cluster.create(resources.NAMESPACES, None, {"metadata": {"name": name}})

    async def up(self, **settings: Any) -> Kubelet:
        await self.prepare()
        policy = Policy(
            backoff=Backoff(0.05, 0.2),
            artifact_folders=(str(self.folder / "artifacts"),),
            **settings.pop("policy", {}),
        )
        chosen = {"runtime": "process", "policy": policy, **settings}
        self.kubelet = Kubelet(self.cluster, self.folder, **chosen)
        await self.kubelet.start()
        return self.kubelet

    async def down(self) -> None:
        if self.kubelet is not None:
            await self.kubelet.stop()
            self.kubelet = None

    async def close(self) -> None:
        await self.down()
        await asyncio.to_thread(self._store.close)

    # -- objects --------------------------------------------------------------------------------

    async def create(self, body: Object) -> Object:
        return await self.cluster.create(resources.PODS, "default", body)

    async def get(self, name: str) -> Object:
        return await self.cluster.get(resources.PODS, "default", name)

    async def until(self, name: str, check: Check, seconds: float = 40) -> Object:
        """The pod as soon as `check` holds for it."""
        async with asyncio.timeout(seconds):
            listed = await self.cluster.list(resources.PODS, "default")
            for pod in listed.items:
                if pod["metadata"]["name"] == name and check(pod):
                    return pod
            async for event in self.cluster.watch(
                resources.PODS, "default", resource_version=listed.resource_version
            ):
                meta = event.object["metadata"]
                if event.type != "BOOKMARK" and meta["name"] == name and check(event.object):
                    return event.object
        raise AssertionError("the watch ended")

    async def ended(self, name: str) -> Object:
        return await self.until(name, lambda p: p["status"].get("phase") in ENDED)

    async def gone(self, name: str, seconds: float = 40) -> None:
        async with asyncio.timeout(seconds):
            listed = await self.cluster.list(resources.PODS, "default")
            if not any(p["metadata"]["name"] == name for p in listed.items):
                return
            async for event in self.cluster.watch(
                resources.PODS, "default", resource_version=listed.resource_version
            ):
                if event.type == "DELETED" and event.object["metadata"]["name"] == name:
                    return

    async def event(self, name: str, reason: str) -> Object:
        """The first event of a pod with this reason."""
        async with asyncio.timeout(40):
            listed = await self.cluster.list(resources.EVENTS, "default")
            found = [e for e in listed.items if _about(e, name, reason)]
            if found:
                return found[0]
            async for event in self.cluster.watch(
                resources.EVENTS, "default", Selector(), resource_version=listed.resource_version
            ):
                if event.type == "ADDED" and _about(event.object, name, reason):
                    return event.object
        raise AssertionError("the watch ended")

    async def logs(self, name: str, container: str = "main", **options: Any) -> str:
        assert self.kubelet is not None
        pieces = [
            piece
            async for piece in self.kubelet.logs("default", name, LogOptions(container, **options))
        ]
        return b"".join(pieces).decode()

    async def exec(
        self, name: str, *command: str, stdin: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of a command in `main`."""
        assert self.kubelet is not None
        out, err = bytearray(), bytearray()

        async def write_out(data: bytes) -> None:
            out.extend(data)

        async def write_err(data: bytes) -> None:
            err.extend(data)

        async def typed() -> AsyncIterator[bytes]:
            yield stdin or b""

        streams = Streams(typed() if stdin is not None else None, write_out, write_err)
        code = await self.kubelet.exec("default", name, "main", command, streams)
        return code, bytes(out), bytes(err)


def _about(event: Object, name: str, reason: str) -> bool:
    return bool(event["involvedObject"]["name"] == name and event["reason"] == reason)


@contextlib.asynccontextmanager
async def machine(folder: Path, **settings: Any) -> AsyncIterator[Machine]:
    made = Machine(folder)
    try:
        await made.up(**settings)
        yield made
    finally:
        await made.close()


def pod(
    name: str, script: str = "", *, annotations: dict[str, str] | None = None, **spec: Any
) -> Object:
    """A pod whose container `main` runs a shell script."""
    container = {"name": "main", "image": "alpine:3", "command": ["sh", "-c", script]}
    container |= spec.pop("main", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations or {}},
        "spec": {"restartPolicy": "Never", "containers": [container], **spec},
    }


def container(found: Object, name: str = "main") -> Object:
    """A container's status."""
    for group in ("containerStatuses", "initContainerStatuses"):
        for entry in found["status"].get(group) or ():
            if entry["name"] == name:
                return dict(entry)
    raise AssertionError(f"no container {name}")


def terminated(found: Object, name: str = "main") -> Object:
    """How a container ended."""
    return dict(container(found, name)["state"]["terminated"])


def condition(found: Object, kind: str) -> Object:
    """One of the pod's conditions."""
    return next(c for c in found["status"]["conditions"] if c["type"] == kind)


def is_running(found: Object) -> bool:
    """Whether `main` runs."""
    return bool(found["status"].get("containerStatuses")) and "running" in container(found)["state"]
