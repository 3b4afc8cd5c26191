"""The pod executor: a leaf is a Pod with a name of its own.

Creating is idempotent because the name is derived from the node: `AlreadyExists` with our owner
uid means "already started". A quota that is used up, or an API that is short of breath, is
waited out; what the API refuses for good becomes `LeafRefused`. Results come through the pod
informer, never from here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import structlog

from engine.core import facts
from engine.core.decisions import StartLeaf, StopLeaf, StopReason
from engine.core.phases import Phase
from engine.executors.capture import Annotator
from engine.executors.window import Window
from kube import crashpoints, resources
from kube.cluster import Cluster, Object
from kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Transient,
)
from kube.throttle import Throttle

Tell = Callable[[facts.Fact], None]
FIRST_WAIT, MOST_WAIT = 0.5, 30.0
UNDER_WAY = 15.0  # seconds that an answer to a request is waited for after all
_AT_ONCE = {"spec": {"activeDeadlineSeconds": 1}}
TERMINATING = "is being terminated"


class PodExecutor:
    """Creates and deletes pods through the shared throttle, fairly between workflows."""

    def __init__(
        self, cluster: Cluster, throttle: Throttle, annotator: Annotator, window: Window
    ) -> None:
        self._cluster = cluster
        self._throttle = throttle
        self._annotator = annotator
        self._window = window
        self._log = structlog.get_logger("pods")

    async def start(self, leaf: StartLeaf, owner: Object, tell: Tell) -> None:
        """Create the leaf's pod, waiting out whatever passes."""
        namespace = owner["metadata"]["namespace"]
        workflow = f"{namespace}/{owner['metadata']['name']}"
        if leaf.pod is None:
            tell(facts.LeafRefused(leaf.node_id, "no pod was made for this node"))
            return
        try:
            pod = await self._annotator.annotated(leaf, namespace)
        except ValueError as error:
            tell(facts.LeafRefused(leaf.node_id, str(error)))
            return
        wait = FIRST_WAIT
        await self._window.enter(workflow, f"{namespace}/{leaf.pod_name}")
        while True:
            try:
                async with self._throttle.slot(workflow):
                    await self._create(namespace, pod)
                return
            except AlreadyExists:
                if await self._is_ours(namespace, leaf.pod_name, owner["metadata"]["uid"]):
                    return
            except KubeError as error:
                if not _passes(error):
                    self._window.leave(f"{namespace}/{leaf.pod_name}")
                    tell(facts.LeafRefused(leaf.node_id, error.message))
                    return
                tell(facts.LeafChanged(leaf.node_id, Phase.PENDING, error.message))
                self._log.info("pod waits", pod=leaf.pod_name, reason=error.message)
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))
            wait = min(MOST_WAIT, wait * 2)

    async def _create(self, namespace: str, pod: Object) -> None:
        """Create it. A request that is under way is waited for even when nobody wants the pod
        any more: a pod that comes into being behind its own deletion would run for nobody."""
        crashpoints.reached("engine.before-pod")
        request = asyncio.ensure_future(self._cluster.create(resources.PODS, namespace, pod))
        try:
            await asyncio.shield(request)
        except asyncio.CancelledError:
            request.add_done_callback(_forget)
            await asyncio.wait({request}, timeout=UNDER_WAY)
            raise
        crashpoints.reached("engine.after-pod")

    async def _is_ours(self, namespace: str, name: str, uid: str) -> bool:
        """Whether the pod with this name is our own; one of a deleted namesake is removed."""
        try:
            pod = await self._cluster.get(resources.PODS, namespace, name)
        except NotFound:
            return False
        owners = pod["metadata"].get("ownerReferences") or ()
        if any(o.get("uid") == uid for o in owners):
            return True
        if any(o.get("kind") == "Workflow" for o in owners):
            try:
                await self._cluster.delete(
                    resources.PODS, namespace, name, uid=pod["metadata"]["uid"]
                )
            except (NotFound, Conflict):
                return False
        return False

    async def stop(self, leaf: StopLeaf, namespace: str) -> None:
        """End the pod. One that runs meets its deadline, and its logs stay; others are deleted."""
        self._window.leave(f"{namespace}/{leaf.pod_name}")
        unwanted = leaf.reason is StopReason.DELETE
        keeps = leaf.reason is StopReason.TERMINATE
        try:
            async with self._throttle.slot(f"{namespace}/stop"):
                if keeps and await self._expires(namespace, leaf.pod_name):
                    return
                await self._cluster.delete(
                    resources.PODS,
                    namespace,
                    leaf.pod_name,
                    grace_seconds=0 if unwanted else None,
                )
        except NotFound:
            return

    async def _expires(self, namespace: str, name: str) -> bool:
        """Let the kubelet end the pod now; False where no kubelet has begun with it."""
        try:
            pod = await self._cluster.patch(resources.PODS, namespace, name, _AT_ONCE)
        except Invalid:
            return False
        return bool((pod.get("status") or {}).get("containerStatuses"))


def _forget(request: asyncio.Future[Object]) -> None:
    """Nobody waits for this answer any more."""
    if not request.cancelled():
        request.exception()


def _passes(error: KubeError) -> bool:
    """Whether waiting helps: load, a used-up quota, a namesake that is still going."""
    if isinstance(error, (TooManyRequests, Transient, Conflict)):
        return True
    quota = "exceeded quota" in error.message
    return isinstance(error, Forbidden) and quota and TERMINATING not in error.message
