"""`Kubelet`: watches pods, decides which run, and keeps an actor for each that does.

Entry of this folder. Whatever it does is found again by its successor: processes by their
records on disk, pods by the API. Stopping it leaves pods running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from headrace.local.apiserver.nodeproxy import LogOptions, Streams
from headrace.local.kubelet import assembly, binding, choosing, launcher, node, status
from headrace.local.kubelet.actor import Actor
from headrace.local.kubelet.launcher import Launcher
from headrace.local.kubelet.policy import Capacity, Policy
from headrace.local.kubelet.proxy import Proxy
from headrace.local.kubelet.recorder import Recorder
from headrace.local.kubelet.records import Folders
from headrace.local.kubelet.runtime import Runtime
from headrace.local.kubelet.scheduler import Scheduler
from headrace.local.kubelet.tools import Tools
from kube import crashpoints, resources
from kube.clock import SystemClock
from kube.cluster import MERGE_STATUS, Cluster, Object, WatchEvent
from kube.errors import KubeError
from kube.informers import Informer
from kube.service import Service

ENDED = {"Succeeded", "Failed"}
BIND_SECONDS = 30.0


class Kubelet(Service):
    """Start it after the API server. It is the API server's `NodeProxy` too.

    `data_dir` is the folder of the whole cluster; the kubelet's own is `data_dir/kubelet`.
    `runtime` is auto, process, bubblewrap, podman or docker. Without a policy, artifacts may be in
    `data_dir/artifacts` and hostPath volumes nowhere.
    """

    def __init__(
        self,
        cluster: Cluster,
        data_dir: Path,
        runtime: str = "auto",
        capacity: Capacity | None = None,
        policy: Policy | None = None,
    ) -> None:
        super().__init__("kubelet")
        self._cluster = cluster
        self._wanted_runtime = runtime
        self._policy = policy or Policy(artifact_folders=(str(data_dir / "artifacts"),))
        self._name = self._policy.node_name
        self._capacity = capacity or Capacity.of_this_machine()
        self._folders = Folders(data_dir / "kubelet")
        self._launcher = Launcher()
        self._recorder = Recorder(cluster, self._name)
        self._clock = SystemClock()
        self._scheduler = Scheduler(self._capacity, self._name, node.labels(self._name))
        self._informer = Informer(cluster, resources.PODS)
        self._actors: dict[str, Actor] = {}
        self._deciding: asyncio.Handle | None = None
        self._tools: Tools | None = None
        self.runtime: Runtime | None = None
        self._proxy = Proxy(self._folders, self._informer, self._actors, lambda: self._tools)

    async def run(self) -> None:
        """Until stopped; pods go on then."""
        await asyncio.to_thread(self._folders.prepare)
        registration: node.Node | None = None
        try:
            await self._launcher.open()
            await self._recorder.start()
            runtime = self.runtime = await choosing.choose(self._wanted_runtime, self._launcher)
            self._tools = self._tools_with(runtime)
            self._informer.add_handler(self._seen)
            await self._informer.start()
            await self._forget_orphans()
            registration = node.Node(
                self._cluster, self._name, self._capacity, runtime.name, self._node_seen
            )
            await registration.start()
            self.log.info("kubelet runs", runtime=runtime.name, node=self._name)
            self.mark_started()
            await self._informer.wait()
        finally:
            if registration is not None:
                await registration.stop()
            await self._informer.stop()
            await self._recorder.stop()
            await self._launcher.close()
            if self._deciding is not None:
                self._deciding.cancel()

    def _tools_with(self, runtime: Runtime) -> Tools:
        return Tools(
            cluster=self._cluster,
            folders=self._folders,
            launcher=self._launcher,
            runtime=runtime,
            policy=self._policy,
            capacity=self._capacity,
            node_name=self._name,
            clock=self._clock,
            recorder=self._recorder,
            given=assembly.environment_of_containers(self._policy.environment),
        )

    # -- what the API server asks ---------------------------------------------------------------

    def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[bytes]:
        """See NodeProxy."""
        return self._proxy.logs(namespace, pod, options)

    async def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str], streams: Streams
    ) -> int:
        """See NodeProxy."""
        return await self._proxy.exec(namespace, pod, container, command, streams)

    async def attach(self, namespace: str, pod: str, container: str, streams: Streams) -> int:
        """See NodeProxy."""
        return await self._proxy.attach(namespace, pod, container, streams)

    # -- what the API says --------------------------------------------------------------------

    async def _seen(self, event: WatchEvent) -> None:
        pod = event.object
        uid = pod["metadata"]["uid"]
        actor = self._actors.get(uid)
        if event.type == "DELETED":
            self._gone(pod, actor)
        elif actor is not None:
            actor.update(pod)
        elif (pod.get("status") or {}).get("phase") in ENDED:
            self._room(uid)
        else:
            self._arrived(pod)

    def _arrived(self, pod: Object) -> None:
        uid, spec = pod["metadata"]["uid"], pod["spec"]
        place = spec.get("nodeName")
        if place and place != self._name:
            return
        if place or self._folders.pod(uid).exists():
            self._scheduler.take(pod)
            self._begin(pod)
        elif spec.get("schedulingGates"):
            return
        elif not pod["metadata"].get("deletionTimestamp"):
            self._scheduler.add(pod)
            self._decide_soon()

    def _gone(self, pod: Object, actor: Actor | None) -> None:
        uid = pod["metadata"]["uid"]
        if actor is not None:
            actor.vanish()
            return
        self._room(uid)
        self._remove(self._folders.pod_logs(pod))

    def _node_seen(self, found: Object) -> None:
        self._scheduler.labels = dict(found["metadata"].get("labels") or {})
        self._scheduler.cordoned = bool((found.get("spec") or {}).get("unschedulable"))
        self._decide_soon()

    # -- deciding -----------------------------------------------------------------------------

    def _room(self, uid: str) -> None:
        if self._scheduler.remove(uid):
            self._decide_soon()

    def _decide_soon(self) -> None:
        """Once for all changes of this turn of the loop."""
        if self._deciding is None:
            self._deciding = asyncio.get_running_loop().call_soon(self._decide)

    def _decide(self) -> None:
        self._deciding = None
        decision = self._scheduler.decide()
        for pod in decision.admitted:
            self.spawn(self._bind(pod), "bind")
            self._begin(pod)
        for pod, message in decision.refused:
            self.spawn(self._refuse(pod, message), "refuse")

    async def _bind(self, pod: Object) -> None:
        try:
            async with asyncio.timeout(BIND_SECONDS):
                await binding.bind(self._cluster, pod, self._name)
            place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            self._recorder.tell(pod, "Scheduled", f"Successfully assigned {place} to {self._name}")
        except (KubeError, TimeoutError) as error:
            self.log.warning("pod not bound", pod=pod["metadata"]["name"], error=str(error))

    async def _refuse(self, pod: Object, message: str) -> None:
        meta = pod["metadata"]
        self._recorder.tell(pod, "FailedScheduling", message, warning=True)
        made = status.unschedulable(pod, "Unschedulable", message, self._clock.now())
        body = {"metadata": {"uid": meta["uid"]}, "status": made}
        try:
            async with asyncio.timeout(BIND_SECONDS):
                await self._cluster.patch(
                    resources.PODS, meta["namespace"], meta["name"], body, MERGE_STATUS
                )
        except (KubeError, TimeoutError) as error:
            self.log.info("condition not written", pod=meta["name"], error=str(error))

    # -- running ------------------------------------------------------------------------------

    def _begin(self, pod: Object) -> None:
        assert self._tools is not None
        actor = Actor(pod, self._tools)
        self._actors[pod["metadata"]["uid"]] = actor
        crashpoints.reached("kubelet.admitted")
        self.spawn(self._live(actor), f"pod {pod['metadata']['name']}")

    async def _live(self, actor: Actor) -> None:
        uid = actor.object["metadata"]["uid"]
        assert self.runtime is not None
        if not self.runtime.pulls_images:
            self._recorder.tell(actor.object, "HostTools", _stand_ins(actor.object, self.runtime))
        try:
            await actor.run()
        except Exception:
            self.log.exception("pod lost", pod=actor.object["metadata"]["name"])
        finally:
            self._actors.pop(uid, None)
        self._room(uid)
        if (
            self._informer.get(
                actor.object["metadata"]["namespace"], actor.object["metadata"]["name"]
            )
            is None
        ):
            self._remove(self._folders.pod_logs(actor.object))

    # -- cleaning -----------------------------------------------------------------------------

    async def _forget_orphans(self) -> None:
        """End and remove what is left of pods that went away while nobody watched."""
        known = {p["metadata"]["uid"]: p for p in self._informer.items()}
        for uid in await asyncio.to_thread(self._folders.uids):
            pod = known.get(uid)
            if pod is None or (pod.get("status") or {}).get("phase") in ENDED:
                self.spawn(self._forget(uid), "forget")
        for entry in await asyncio.to_thread(os.listdir, self._folders.logs):
            if entry.rpartition("_")[2] not in known:
                self._remove(self._folders.logs / entry)

    async def _forget(self, uid: str) -> None:
        for shim in await asyncio.to_thread(_kill_runs, self._folders, uid):
            await launcher.gone(shim)
        self._remove(self._folders.pod(uid))

    def _remove(self, folder: Path) -> None:
        work: Callable[[], None] = lambda: shutil.rmtree(folder, ignore_errors=True)  # noqa: E731
        self.spawn(asyncio.to_thread(work), "clean")


def _kill_runs(folders: Folders, uid: str) -> list[int]:
    """The shims that were told to end everything."""
    told = []
    for paths in folders.runs(uid):
        start = paths.start()
        if start is not None and start.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(start.shim, signal.SIGUSR1)
                told.append(start.shim)
    return told


def _stand_ins(pod: Object, runtime: Runtime) -> str:
    images = sorted({c.get("image", "") for c in pod["spec"]["containers"]})
    return (
        f"the {runtime.name} runtime does not pull images: this machine's own tools stand in "
        f"for {', '.join(images)}"
    )
