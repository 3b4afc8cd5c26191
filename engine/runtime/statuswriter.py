"""Writing a workflow's status: lazily, in batches, only what changed.

One write is under way at a time; what changes meanwhile goes into the next. A write that fails
is merged into the next one, never dropped. `after_flush` holds decisions back until everything
the core knew when they were decided is in the cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from engine.core import project
from engine.core.decisions import Decision
from engine.core.run import Run
from engine.runtime import announcing, node_spans
from engine.runtime.context import Context
from engine.runtime.fencing import ANNOTATION, Fence, Fenced
from engine.runtime.packing import Packing
from kube import crashpoints, resources
from kube.cluster import Object
from kube.errors import Conflict, Invalid, KubeError, NotFound

if TYPE_CHECKING:
    from engine.runtime.actor import Actor

PAUSE, MOST_PAUSE = 0.1, 10.0
"""Seconds between two writes of one workflow, so that bursts become one."""
SHARE = 4.0  # pauses are at least so many times as long as a write takes
OWN_WRITES = 64  # remembered resource versions
TABLES = frozenset({"nodes", "compressedNodes", "offloadNodeStatusVersion"})
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
        self._next = 0.0  # when the next write may begin, in the loop's time
        self._hurry = asyncio.Event()
        self._waiting: list[Decision] = []
        self._rows: dict[str, Any] = {}  # unwritten ones, whole
        self._labels: dict[str, str] = {}  # unwritten ones
        self._ours: OrderedDict[str, None] = OrderedDict()
        present = actor.workflow.get("status") or {}
        self._stored = {k: v for k, v in present.items() if k not in TABLES}
        self._certain = True  # False: `_stored` is all that may be stored, after a failed write
        self._head = self._stored
        self._phases: dict[str, str] = {}
        self._table: Packing | None = None
        self._version = ""  # of the object that the next write is based on, with a fence

    async def take_up(self, fence: Fence) -> Object:
        """Write our epoch on the workflow; the object as it is from then on.

        Nobody with a smaller epoch writes it any more. Raises Fenced, KubeError.
        """
        cluster, actor = self._context.cluster, self._actor
        if not await fence.holds(cluster):
            raise Fenced(actor.key)
        found = await cluster.get(resources.WORKFLOWS, actor.namespace, actor.name)
        if not fence.owns(found) or found["metadata"]["uid"] != actor.uid:
            raise Fenced(actor.key)
        meta = {
            "uid": actor.uid,
            "resourceVersion": found["metadata"]["resourceVersion"],
            "annotations": {ANNOTATION: str(fence.epoch)},
        }
        taken = await cluster.patch(
            resources.WORKFLOWS, actor.namespace, actor.name, {"metadata": meta}
        )
        self.seen(taken)
        present = taken.get("status") or {}
        self._stored = {k: v for k, v in present.items() if k not in TABLES}
        self._head = self._stored
        return taken

    def seen(self, workflow: Object) -> None:
        """A state of the object that exists, so a write may be based on it."""
        version = str(workflow["metadata"].get("resourceVersion") or "")
        if (
            not self._version.isdigit()
            or not version.isdigit()
            or int(version) > int(self._version)
        ):
            self._version = version

    def is_ours(self, workflow: Object) -> bool:
        """Whether this state of the object is one that we wrote."""
        return workflow["metadata"].get("resourceVersion") in self._ours

    def after_flush(self, decision: Decision) -> None:
        """Carry `decision` out once the present status is written."""
        self._waiting.append(decision)

    def schedule(self) -> None:
        """Write soon, in the background: at once after a quiet time, and at the end."""
        self._again = True
        run = self._actor.run
        if run is not None and run.finished:
            self._hurry.set()
        if self._task is None or self._task.done():
            self._task = self._context.spawn(self._loop(), f"status {self._actor.key}")

    async def _loop(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._again:
            await self._paused(self._next - clock())
            self._again = False
            began = clock()
            if await self._try():
                # A status that takes long to write is written more rarely.
                self._next = clock() + min(MOST_PAUSE, max(PAUSE, SHARE * (clock() - began)))
            else:
                self._again = True
                self._hurry.clear()
                self._next = clock() + RETRY

    async def _paused(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hurry.wait()

    async def _try(self) -> bool:
        try:
            await self.flush()
        except (NotFound, Fenced):
            return True  # deleted, or another process's: the watch will say so
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
        stored = await self._sent(run)
        if stored is None:
            return
        crashpoints.reached("engine.finished" if run.finished else "engine.after-status")
        if run.finished:
            node_spans.export(stored)
        self._stored, self._certain = self._head, True
        rows, self._rows, self._labels = self._rows, {}, {}
        table = self._opened()
        self._context.events.nodes(self._actor.workflow, self._phases, rows)
        self._ours[stored["metadata"]["resourceVersion"]] = None
        while len(self._ours) > OWN_WRITES:
            self._ours.popitem(last=False)
        await table.written()

    async def _sent(self, run: Run) -> Object | None:
        """Write head and rows of one moment; None when there is nothing to write."""
        cluster, actor = self._context.cluster, self._actor
        while True:
            self._take(project.delta(run))
            patch = self._patch()
            if not patch:
                return None
            crashpoints.reached("engine.before-status")
            head = self._head
            try:
                body = await self._packed(patch)
                async with self._context.throttle.slot(actor.key):
                    stored = await cluster.patch(
                        resources.WORKFLOWS, actor.namespace, actor.name, body
                    )
                self.seen(stored)
                return stored
            except Conflict:
                if self._context.fence is None:
                    raise
                await self._look_again(self._context.fence)
            except Invalid:
                if not self._opened().larger():
                    raise
            except BaseException:
                self._stored, self._certain = merged(self._stored, head), False
                raise

    async def _look_again(self, fence: Fence) -> None:
        """Somebody wrote the object: another process, or a user, whose change stays."""
        actor = self._actor
        found = await self._context.cluster.get(resources.WORKFLOWS, actor.namespace, actor.name)
        if not fence.owns(found):
            raise Fenced(actor.key)
        self.seen(found)

    def _opened(self) -> Packing:
        """The table, taken over from what is stored when it is first asked for."""
        if self._table is None:
            workflow = self._actor.workflow
            self._table = self._context.table_of(workflow)
            self._phases = announcing.phases_of(self._context.rows(workflow))
        return self._table

    def _take(self, delta: project.StatusPatch) -> None:
        if delta.head is not None:
            self._head = delta.head
        for node_id, row in delta.nodes.items():
            self._rows[node_id] = {**dict.fromkeys(CLEARED.difference(row)), **row}
        if delta:
            self._labels = delta.labels

    def _patch(self) -> dict[str, Any]:
        """What is unwritten as a merge patch: what is no longer there is set to null."""
        status = difference(self._stored, self._head, certain=self._certain)
        if self._rows:
            status["nodes"] = self._rows
        patch: dict[str, Any] = {"status": status} if status else {}
        if self._labels:
            patch["metadata"] = {"labels": self._labels}
        return patch

    async def _packed(self, patch: dict[str, Any]) -> dict[str, Any]:
        """The patch as it is sent: with the uid, so that a namesake is never written to."""
        meta = {**(patch.get("metadata") or {}), "uid": self._actor.uid}
        if self._context.fence is not None:
            meta["resourceVersion"] = self._version
        body = {**patch, "metadata": meta}
        status = patch.get("status")
        if status and "nodes" in status:
            kept = {k: v for k, v in status.items() if k != "nodes"}
            body["status"] = kept | await self._opened().status(status["nodes"])
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


def difference(
    before: dict[str, Any], after: dict[str, Any], *, certain: bool = True
) -> dict[str, Any]:
    """The merge patch from `before` to `after`: what is gone, at any depth, is set to null.

    Not `certain`: `before` holds every key that may be there, with a value that may be another.
    """
    patch: dict[str, Any] = dict.fromkeys(sorted(before.keys() - after.keys()))
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            if deeper := difference(old, value, certain=certain):
                patch[key] = deeper
        elif key not in before or not certain or old != value:
            patch[key] = value
    return patch


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two trees as one: the second wins, objects are merged key by key."""
    result = dict(first)
    for key, value in second.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result
