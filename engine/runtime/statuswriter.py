"""Writing a workflow's status: lazily, in batches, only what changed.

One write is under way at a time; what changes meanwhile goes into the next. A write that fails
is merged into the next one, never dropped. `after_flush` holds decisions back until everything
the core knew when they were decided is in the cluster.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from crds import hydration
from engine.core import project
from engine.core.decisions import Decision
from engine.runtime import announcing
from engine.runtime.context import Context
from kube import crashpoints, resources
from kube.cluster import Object
from kube.errors import Invalid, KubeError, NotFound

if TYPE_CHECKING:
    from engine.runtime.actor import Actor

PAUSE = 0.1  # seconds between two writes of one workflow, so that bursts become one
OWN_WRITES = 64  # remembered resource versions
LARGE = 700 * 1024  # bytes of plain node table; beyond it is compressed
RETRY = 1.0
CLEARED = frozenset(
    {"message", "podIP", "daemoned", "finishedAt", "outputs", "synchronizationStatus"}
)
"""Fields of a row that may go away again."""


class StatusWriter:
    """The single writer of one workflow's status."""

    def __init__(self, context: Context, actor: Actor) -> None:
        self._context = context
        self._actor = actor
        self._task: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._again = False
        self._waiting: list[Decision] = []
        self._unwritten: dict[str, Any] = {}
        self._ours: OrderedDict[str, None] = OrderedDict()
        self._compressed = False
        present = actor.workflow.get("status") or {}
        self._head = {k: v for k, v in present.items() if k not in {"nodes", "compressedNodes"}}
        self._size = 0
        self._phases = announcing.phases_of(actor.workflow)

    def is_ours(self, workflow: Object) -> bool:
        """Whether this state of the object is one that we wrote."""
        return workflow["metadata"].get("resourceVersion") in self._ours

    def after_flush(self, decision: Decision) -> None:
        """Carry `decision` out once the present status is written."""
        self._waiting.append(decision)

    def schedule(self) -> None:
        """Write soon, in the background."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = self._context.spawn(self._loop(), f"status {self._actor.key}")

    async def _loop(self) -> None:
        while self._again:
            self._again = False
            if not await self._try():
                self._again = True
                await asyncio.sleep(RETRY)
            elif self._again:
                await asyncio.sleep(PAUSE)

    async def _try(self) -> bool:
        try:
            await self.flush()
        except NotFound:
            return True  # the workflow was deleted: the watch will say so
        except KubeError as error:
            self._context.log.warning(
                "status not written", workflow=self._actor.key, error=error.message
            )
            return False
        return True

    async def flush(self) -> None:
        """Write everything the core knows now; returns when it is stored. Raises KubeError."""
        run = self._actor.run
        if run is None:
            return
        async with self._busy:
            waiting, self._waiting = self._waiting, []
            try:
                await self._write()
            except BaseException:
                self._waiting = waiting + self._waiting
                raise
        if waiting:
            await self._actor.settled(waiting)

    async def _write(self) -> None:
        run = self._actor.run
        if run is None:
            return
        delta = project.delta(run)
        if delta:
            self._unwritten = merged(self._unwritten, self._patch_of(delta))
        patch = self._unwritten
        if not patch:
            return
        crashpoints.reached("engine.before-status")
        body = self._packed(patch)
        async with self._context.throttle.slot(self._actor.key):
            try:
                stored = await self._context.cluster.patch(
                    resources.WORKFLOWS, self._actor.namespace, self._actor.name, body
                )
            except Invalid:
                if self._compressed:
                    raise
                self._compressed = True  # too large as it is: once more, packed
                stored = await self._context.cluster.patch(
                    resources.WORKFLOWS,
                    self._actor.namespace,
                    self._actor.name,
                    self._packed(patch),
                )
        crashpoints.reached("engine.finished" if run.finished else "engine.after-status")
        self._unwritten = {}
        rows = (patch.get("status") or {}).get("nodes") or {}
        self._context.events.nodes(self._actor.workflow, self._phases, rows)
        self._ours[stored["metadata"]["resourceVersion"]] = None
        while len(self._ours) > OWN_WRITES:
            self._ours.popitem(last=False)

    def _patch_of(self, delta: project.StatusPatch) -> dict[str, Any]:
        """The delta as a merge patch: what is no longer there is set to null."""
        status: dict[str, Any] = {}
        if delta.head is not None:
            before = self._head
            status = dict.fromkeys(before.keys() - delta.head.keys())
            status |= {k: v for k, v in delta.head.items() if k not in before or before[k] != v}
            self._head = delta.head
        if delta.nodes:
            status["nodes"] = {
                node_id: {**dict.fromkeys(CLEARED.difference(row)), **row}
                for node_id, row in delta.nodes.items()
            }
        patch: dict[str, Any] = {"status": status}
        if delta.labels:
            patch["metadata"] = {"labels": delta.labels}
        return patch

    def _packed(self, patch: dict[str, Any]) -> dict[str, Any]:
        """The patch as it is sent: with the uid, so that a namesake is never written to."""
        meta = {**(patch.get("metadata") or {}), "uid": self._actor.uid}
        body = {**patch, "metadata": meta}
        status = patch.get("status")
        if not status or "nodes" not in status:
            return body
        run = self._actor.run
        if not self._compressed:
            self._size += sum(map(_roughly, status["nodes"].values()))
            self._compressed = self._size > LARGE and run is not None
        if self._compressed and run is not None:
            packed = {k: v for k, v in status.items() if k != "nodes"}
            table = project.status(run).get("nodes") or {}
            body["status"] = {
                **packed,
                "nodes": None,
                "compressedNodes": hydration.compress(table),
            }
        return body

    async def quiet(self) -> None:
        """Until everything is written and whatever waited for that is carried out."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Stop writing in the background."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two merge patches as one: the second wins, objects are merged key by key."""
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def _roughly(row: dict[str, Any] | None) -> int:
    """Bytes of a node's row, without encoding it: near enough to decide about packing."""
    if not row:
        return 0
    size = 300
    for field in ("name", "displayName", "message"):
        size += len(row.get(field) or "")
    for field in ("inputs", "outputs", "children"):
        if row.get(field):
            size += len(str(row[field]))
    return size
