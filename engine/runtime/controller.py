"""`EngineRuntime`: the engine's one door. Watches workflows and pods, runs one actor a workflow.

Watch events only put facts into mailboxes and wake the workflow's key; the work queue takes care
that one workflow has one turn at a time and that workflows do not wait for each other.
Recovery is nothing special: after the caches are filled every unfinished workflow gets an actor,
and its first turn rebuilds the `Run` from the object's status and the pods.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.artifacts.locations import LOCAL_REPOSITORY, Locations
from engine.core import facts
from engine.executors import registry
from engine.executors.plugin import PluginSettings
from engine.executors.window import Window
from engine.runtime import leftovers, limits, podfacts
from engine.runtime.actor import Actor
from engine.runtime.announcing import Announcer
from engine.runtime.artifactgc import ArtifactGc
from engine.runtime.collector import Collector
from engine.runtime.context import Caches, Context
from engine.runtime.fencing import GRACE, Fence, Fenced
from engine.runtime.limit_database import LimitDatabase
from engine.runtime.locks import LockTable
from engine.runtime.memo import MemoStore
from engine.runtime.packing import Limits
from engine.runtime.timers import Timers
from kube import queueing, resources
from kube.clock import Clock
from kube.cluster import Cluster, Object, Selector, WatchEvent
from kube.egress import Egress, EgressSettings
from kube.errors import KubeError, NotFound
from kube.eventlog import EventLog
from kube.informers import Informer
from kube.queueing import Done, Result, WorkQueue
from kube.service import Service
from kube.throttle import Throttle

TAKING_UP = 16  # workflows taken up at a time
LIMIT_SECONDS = 5.0  # between two looks at limits in the database
FINISHED = {"Succeeded", "Failed", "Error"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set. `namespace` None works on every namespace.

    `node_events`: whether nodes, not only workflows, have Kubernetes Events.
    `egress`: where http and plugin templates may connect to. `local_plugins`: executor plugins
    that name no address are looked for on this machine. `fence`: the lease's epoch, where several
    processes may come to work on the same workflows. `limits`: the database of semaphores' limits.
    """

    namespace: str | None = None
    workers: int = 32
    artifact_folder: Path | None = None
    node_events: bool = True
    egress: EgressSettings = field(default_factory=EgressSettings)
    local_plugins: bool = False
    packing: Limits = field(default_factory=Limits)
    fence: Fence | None = None
    limits: LimitDatabase | None = None
    config: facts.Config = field(default_factory=facts.Config)


class EngineRuntime(Service):
    """The workflow controller."""

    def __init__(
        self, cluster: Cluster, clock: Clock, throttle: Throttle, settings: Settings
    ) -> None:
        super().__init__("engine")
        self._cluster = cluster
        self._clock = clock
        self._settings = settings
        self._actors: dict[str, Actor] = {}
        self._timers = Timers(clock)
        self._queue = WorkQueue("workflows", self._turn, workers=settings.workers, clock=clock)
        self._workflows = self._informer(resources.WORKFLOWS)
        self._pods = self._informer(
            resources.PODS, Selector(labels=podfacts.WORKFLOW), index={"workflow": _workflow_of}
        )
        self._templates = self._informer(resources.WORKFLOW_TEMPLATES)
        self._cluster_templates = self._informer(resources.CLUSTER_WORKFLOW_TEMPLATES)
        self._config_maps = self._informer(resources.CONFIGMAPS, index={"plugins": _plugins_of})
        self._window = Window()
        self.events = EventLog(cluster, throttle, clock, component="workflow-controller")
        self._locations = Locations(cluster, settings.artifact_folder)
        self._artifacts = ArtifactGc(
            cluster, clock, throttle, self._locations, self._timers, self._background
        )
        self._context = self._composed(throttle)

    # -- composition ------------------------------------------------------------------------

    def _informer(
        self, resource: resources.Resource, selector: Any = None, **more: Any
    ) -> Informer:
        namespace = self._settings.namespace if resource.namespaced else None
        arguments = {"selector": selector} if selector is not None else {}
        return Informer(self._cluster, resource, namespace, **arguments, **more)

    def _composed(self, throttle: Throttle) -> Context:
        cluster, clock = self._cluster, self._clock
        config = self._settings.config
        if config.artifact_repository is None and self._settings.artifact_folder is not None:
            config = replace(config, artifact_repository=LOCAL_REPOSITORY)
        executors = registry.build(
            registry.Parts(
                cluster=cluster,
                clock=clock,
                throttle=throttle,
                window=self._window,
                locations=self._locations,
                egress=Egress(self._settings.egress),
                plugins=PluginSettings(config.controller_namespace, self._settings.local_plugins),
                plugin_maps=lambda namespace: self._config_maps.by_index("plugins", namespace),
                repository=config.artifact_repository,
            )
        )
        return Context(
            cluster=cluster,
            clock=clock,
            throttle=throttle,
            caches=Caches(
                self._templates, self._cluster_templates, self._config_maps, self._pods_of
            ),
            executors=executors,
            config=config,
            timers=self._timers,
            locks=LockTable(limits.source(self._config_maps, self._settings.limits)),
            memos=MemoStore(cluster, clock, throttle, self._background),
            collector=Collector(cluster, clock, throttle, self._timers, self._background),
            wake=self._queue.add,
            spawn=self._background,
            packing=self._settings.packing,
            fence=self._settings.fence,
            events=Announcer(self.events, clock, nodes=self._settings.node_events),
        )

    def _pods_of(self, namespace: str, workflow: str) -> list[Object]:
        return self._pods.by_index("workflow", f"{namespace}/{workflow}")

    def _background(self, body: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a piece of work whose failure must not stop the engine."""

        async def guarded() -> None:
            try:
                await body
            except Exception:
                self.log.exception("background work failed", work=name)

        return self.spawn(guarded(), name)

    # -- life -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Fill the caches, take up every unfinished workflow, then serve."""
        informers = [
            self._templates,
            self._cluster_templates,
            self._config_maps,
            self._pods,
            self._workflows,
        ]
        self._pods.add_handler(self._pod_changed)
        self._workflows.add_handler(self._workflow_changed)
        self._config_maps.add_handler(self._config_map_changed)
        async with AsyncExitStack() as stack:
            for part in (self.events, *informers):
                stack.push_async_callback(part.stop)
            stack.push_async_callback(self._write_all)
            for part in (self._queue, self._timers):
                stack.push_async_callback(part.stop)
            await self.events.start()
            await self._timers.start()
            await self._fill([i for i in informers if i is not self._pods])
            self._recover()
            await self._queue.start()
            if self._settings.limits is not None:
                self._background(self._watch_limits(), "limits in the database")
            self.mark_started()
            await asyncio.Event().wait()

    async def _fill(self, informers: list[Informer]) -> None:
        """Read everything. With a fence no pod is made behind our back once it is up: they are
        read after that."""
        pods = [self._pods] if self._settings.fence is None else []
        await asyncio.gather(*(informer.start() for informer in [*informers, *pods]))
        if self._settings.fence is not None:
            await self._take_up_all()
            await self._pods.start()

    async def _write_all(self) -> None:
        """The last writes of an orderly stop."""
        await asyncio.gather(*(_quietly(actor.finish_writing()) for actor in self._actors.values()))

    async def _turn(self, key: str) -> Result:
        actor = self._actors.get(key)
        if actor is not None:
            try:
                await actor.turn()
                if actor.over:
                    self._background(self._retire(key, actor), f"retire {key}")
            except Fenced:
                await self._let_go(key, actor)
            except KubeError as error:
                return queueing.Retry(error)
            except Exception as error:
                self.log.exception("turn failed", workflow=key)
                return queueing.Retry(error)
        return Done()

    async def _let_go(self, key: str, actor: Actor) -> None:
        """Another process has taken the workflow up. Its locks are that one's to give away."""
        self.log.warning("fenced", workflow=key)
        if self._actors.get(key) is actor:
            del self._actors[key]
        await actor.close(forget=False)

    # -- watch events -----------------------------------------------------------------------

    async def _workflow_changed(self, event: WatchEvent) -> None:
        workflow = event.object
        meta = workflow["metadata"]
        key = f"{meta['namespace']}/{meta['name']}"
        finished = (workflow.get("status") or {}).get("phase") in FINISHED
        actor = self._actors.get(key)
        if actor is not None and (
            event.type == "DELETED"
            or actor.uid != meta["uid"]
            or (actor.over and not finished)  # it was retried: begin from what is written
        ):
            del self._actors[key]
            await actor.close(forget=True)
            actor = None
        if event.type == "DELETED":
            return
        self._artifacts.changed(workflow)
        if self._settings.fence is not None and not self._settings.fence.owns(workflow):
            if actor is not None:
                await self._let_go(key, actor)
            return
        if actor is not None and finished and actor.run is None:
            del self._actors[key]  # another process ended it before we began
            await actor.close(forget=True)
            leftovers.clear(self._context, workflow)
        elif actor is not None:
            actor.observe(workflow)
            if actor.over:
                self._background(self._retire(key, actor), f"retire {key}")
        elif not finished:
            self._actors[key] = Actor(self._context, workflow)
            self._queue.add(key)
        if finished:
            self._context.collector.workflow(workflow)

    async def _retire(self, key: str, actor: Actor) -> None:
        """A workflow that is over needs no actor, once the last of its work is done."""
        await actor.quiet()
        if self._actors.get(key) is actor and actor.over:
            del self._actors[key]
            await actor.close(forget=True)

    async def _take_up_all(self) -> None:
        """Make every unfinished workflow ours before the first lock is given away."""
        self._context.collector.not_before = self._clock.now() + GRACE
        async with asyncio.TaskGroup() as group:
            for batch in range(TAKING_UP):
                mine = list(self._actors.items())[batch::TAKING_UP]
                group.create_task(self._take_up_each(mine))

    async def _take_up_each(self, actors: list[tuple[str, Actor]]) -> None:
        for key, actor in actors:
            while self._actors.get(key) is actor:
                try:
                    await actor.take_up()
                    break
                except (Fenced, NotFound):
                    await self._let_go(key, actor)
                except KubeError as error:
                    self.log.warning("not taken up", workflow=key, error=error.message)
                    await self._clock.sleep_until(self._clock.now() + 1.0)

    def _recover(self) -> None:
        """What the last process left undone, before the first turn of this one."""
        for actor in self._actors.values():
            self._context.restore_locks(actor.workflow)
        for workflow in self._workflows.items():
            if (workflow.get("status") or {}).get("phase") in FINISHED:
                leftovers.clear(self._context, workflow)

    async def _pod_changed(self, event: WatchEvent) -> None:
        pod = event.object
        meta = pod["metadata"]
        name = f"{meta['namespace']}/{meta['name']}"
        if event.type == "DELETED" or (pod.get("status") or {}).get("phase") != "Pending":
            self._window.leave(name)
        actor = self._actors.get(_workflow_of(pod) or "")
        if actor is None or not podfacts.owned_by(pod, actor.uid):
            return
        fact = podfacts.fact_of(pod)
        if fact is None:
            return
        if event.type == "DELETED" and (pod.get("status") or {}).get("phase") not in {
            "Succeeded",
            "Failed",
        }:
            fact = self._context.pod_deleted(fact.node_id)
        actor.tell(fact)

    async def _config_map_changed(self, event: WatchEvent) -> None:
        """A semaphore's limit may have changed."""
        meta = event.object["metadata"]
        keys = limits.keys_of(event.object)
        if keys and self._context.locks.watches(keys):
            self._background(
                self._context.locks.recheck(keys), f"limits {meta['namespace']}/{meta['name']}"
            )

    async def _watch_limits(self) -> None:
        """A database tells nobody of a change: what is waited for is read again and again."""
        locks = self._context.locks
        while True:
            await self._clock.sleep_until(self._clock.now() + LIMIT_SECONDS)
            await locks.recheck([key for key in locks.awaited() if limits.is_database(key)])


def _workflow_of(pod: Object) -> str | None:
    meta = pod["metadata"]
    name = (meta.get("labels") or {}).get(podfacts.WORKFLOW)
    return f"{meta['namespace']}/{name}" if name else None


def _plugins_of(config_map: Object) -> str | None:
    meta = config_map["metadata"]
    kind = (meta.get("labels") or {}).get("workflows.argoproj.io/configmap-type")
    return str(meta["namespace"]) if kind == "ExecutorPlugin" else None


async def _quietly(body: Coroutine[Any, Any, None]) -> None:
    """The last write before the end: what fails here is found again from the pods."""
    with contextlib.suppress(Exception):
        await body
