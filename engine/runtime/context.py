"""What every actor of one engine shares: the cluster, the caches, the executors, the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from crds import paging
from engine.core import facts
from engine.core.decisions import StartLeaf, StopLeaf
from engine.core.phases import Phase
from engine.executors.kinds import ExecutorKind
from engine.runtime import packing, podfacts
from engine.runtime.announcing import Announcer
from engine.runtime.collector import Collector
from engine.runtime.fencing import Fence
from engine.runtime.locks import LockTable
from engine.runtime.memo import MemoStore
from engine.runtime.packing import Packing
from engine.runtime.timers import Timers
from engine.runtime.views import ByName, Cache
from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.throttle import Throttle

Tell = Callable[[facts.Fact], None]


class Executor(Protocol):
    """Starts and stops leaves of some types. Results arrive as facts, through `tell`."""

    async def start(self, leaf: StartLeaf, owner: Object, tell: Tell) -> None:
        """Return once the leaf certainly runs or certainly never will (then `tell` says so).

        Starting the same leaf again does nothing. Cancelling may leave it started or not. A leaf
        that runs in this process is over when this returns, and cancelling ends it.
        """
        ...

    async def stop(self, leaf: StopLeaf, namespace: str) -> None:
        """End it; a leaf that is not there is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Caches:
    """Informers, as far as actors look into them."""

    workflow_templates: Cache
    cluster_workflow_templates: Cache
    config_maps: Cache
    pods_of: Callable[[str, str], list[Object]]  # namespace, workflow


class Context:
    """Made once by the controller; actors never reach the controller itself."""

    def __init__(  # noqa: PLR0913 - the composition of the engine's shared parts
        self,
        *,
        cluster: Cluster,
        clock: Clock,
        throttle: Throttle,
        caches: Caches,
        executors: Mapping[ExecutorKind, Executor],
        config: facts.Config,
        timers: Timers,
        locks: LockTable,
        memos: MemoStore,
        collector: Collector,
        wake: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        events: Announcer,
        packing: packing.Limits,
        fence: Fence | None,
    ) -> None:
        self.cluster = cluster
        self.clock = clock
        self.throttle = throttle
        self.caches = caches
        self.executors = executors
        self.config = config
        self.timers = timers
        self.locks = locks
        self.memos = memos
        self.collector = collector
        self.wake = wake
        self.spawn = spawn
        self.events = events
        self.packing = packing
        self.fence = fence
        self.log = structlog.get_logger("engine")

    def library(self, namespace: str) -> facts.Library:
        """Live views on what workflows of `namespace` may refer to."""
        return facts.Library(
            ByName(self.caches.workflow_templates, namespace),
            ByName(self.caches.cluster_workflow_templates, None),
            ByName(self.caches.config_maps, namespace),
        )

    def pods_of(self, workflow: Object) -> list[Object]:
        """The pods that a workflow owns."""
        meta = workflow["metadata"]
        pods = self.caches.pods_of(meta["namespace"], meta["name"])
        return [pod for pod in pods if podfacts.owned_by(pod, meta["uid"])]

    def leaf_facts(self, namespace: str, workflow: str, uid: str) -> list[facts.LeafChanged]:
        """What the pods of a workflow say now."""
        return [
            fact
            for pod in self.caches.pods_of(namespace, workflow)
            if podfacts.owned_by(pod, uid) and (fact := podfacts.fact_of(pod)) is not None
        ]

    def _page(self, namespace: str) -> Callable[[str], Object | None]:
        return lambda name: self.caches.config_maps.get(namespace, name)

    def rows(self, workflow: Object) -> dict[str, Any]:
        """The node table, wherever it is stored. Raises HydrationError."""
        return paging.table(workflow, self._page(workflow["metadata"]["namespace"]))

    def whole(self, workflow: Object) -> Object:
        """The workflow with its node table inside. Raises HydrationError."""
        return paging.whole(workflow, self._page(workflow["metadata"]["namespace"]))

    def table_of(self, workflow: Object) -> Packing:
        """How the workflow's table is written from now on. Raises HydrationError."""
        made = Packing(self.cluster, self.throttle, workflow, self.packing)
        find = self._page(workflow["metadata"]["namespace"])
        pages = list(paging.pages_of(workflow, find))
        made.adopt(self.rows(workflow), pages)
        return made

    def pod_deleted(self, node_id: str) -> facts.LeafChanged:
        """The fact of a pod that disappeared while it ran."""
        return facts.LeafChanged(node_id, Phase.ERROR, "pod deleted")

    def restore_locks(self, workflow: Object) -> None:
        """Give a workflow the locks that its status says it holds, before anybody asks."""
        for holder, keys in podfacts.held_locks(workflow):
            self.locks.restore(holder, keys)
