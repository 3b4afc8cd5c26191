"""One workflow: its mailbox, its `Run`, and the only writer of its status.

A turn drains the mailbox through the core, makes durable what could not be found out again
after a crash, and carries the decisions out. Starting leaves and writing the status go on in the
background, so a fact never waits behind a pod that is being created.

Ordering that matters:
- `SetTimer`, locks and `StartLeaf` that follow a fact in `UNREPEATABLE` wait for a status write,
  with a fence every `StartLeaf` does;
- `CollectPod(delete)` and `Finish` wait for the status write that holds the node's outcome;
- a `StopLeaf` waits for the start of the same pod, if that is under way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from engine.core import advance, facts, rebuild
from engine.core.decisions import CollectPod, Decision, Finish, StartLeaf, StopLeaf
from engine.core.phases import COMPLETED
from engine.core.run import Run
from engine.executors import kinds
from engine.runtime import changes, leftovers
from engine.runtime.carrying import Carrier
from engine.runtime.context import Context
from engine.runtime.fencing import Fenced
from engine.runtime.statuswriter import StatusWriter
from kube import crashpoints
from kube.cluster import Object

UNREPEATABLE = (
    facts.Resumed,
    facts.NodeSet,
    facts.LockGranted,
    facts.MemoFound,
)
"""Facts that nobody could tell again after a crash unless the status holds their effect."""

BURST = 2_000  # facts of one turn; the rest waits for the next, so that others get theirs


class Actor:
    """Created by the controller for each unfinished workflow; `turn` is serial per workflow."""

    def __init__(self, context: Context, workflow: Object) -> None:
        meta = workflow["metadata"]
        self.namespace: str = meta["namespace"]
        self.name: str = meta["name"]
        self.uid: str = meta["uid"]
        self.key = f"{self.namespace}/{self.name}"
        self.run: Run | None = None
        self._context = context
        self._object = workflow
        self._mail: deque[facts.Fact] = deque()
        self._decided: deque[Decision] = deque()  # and not carried out yet
        self._settle = False  # the status must be written before they are
        self._writer = StatusWriter(context, self)
        self._carrier = Carrier(context, self)
        self._closed = False
        self._taken = False

    # -- told by the controller -------------------------------------------------------------

    def tell(self, fact: facts.Fact) -> None:
        """Put a fact into the mailbox and ask for a turn."""
        if not self._closed:
            self._mail.append(fact)
            self._context.wake(self.key)

    def observe(self, workflow: Object) -> None:
        """The object changed in the cluster, by us or by others."""
        self._writer.seen(workflow)
        before, self._object = self._object, workflow
        if self.run is None or self._writer.is_ours(workflow):
            return
        for fact in changes.facts_of(self.run, before, workflow, self._context.rows):
            self.tell(fact)

    @property
    def workflow(self) -> Object:
        """The object as last seen."""
        return self._object

    # -- one turn ---------------------------------------------------------------------------

    async def turn(self) -> None:
        """Drain the mailbox. Errors of the core are the workflow's end, not the controller's."""
        if self._closed:
            return
        if self.run is None:
            await self.take_up()
            if (self._object.get("status") or {}).get("phase") in COMPLETED:
                return  # ended by another process: the controller clears up when the watch says so
            self._decided += await self._begin()
        run = self.run
        if run is None:
            return
        for _ in range(min(len(self._mail), BURST)):
            fact = self._mail.popleft()
            self._settle |= isinstance(fact, UNREPEATABLE)
            if isinstance(fact, facts.LeafChanged) and fact.phase in COMPLETED:
                crashpoints.reached("engine.leaf-ended")
            self._decided += advance.advance(run, fact, self._context.clock.now())
        if self._mail:
            self._context.wake(self.key)
        if self._context.fence is not None:
            self._settle |= any(isinstance(d, StartLeaf) for d in self._decided)
        if self._settle and self._decided:
            await self._writer.flush()  # when it fails, the next try of this turn goes on here
        self._settle = False
        while self._decided:
            await self._carry(self._decided.popleft())
        self._writer.schedule()

    async def take_up(self) -> None:
        """Make the workflow ours, with a fence; once. Raises Fenced, KubeError."""
        fence = self._context.fence
        if fence is not None and not self._taken:
            self._object = await self._writer.take_up(fence)
            self._taken = True

    async def _begin(self) -> list[Decision]:
        """The first turn: a new workflow, or one that was under way when the process ended."""
        context, now = self._context, self._context.clock.now()
        workflow = context.whole(self._object)
        submitted = facts.Submitted(workflow, context.library(self.namespace), context.config)
        # Pods may be there before any status: the last process died between the two.
        known = context.leaf_facts(self.namespace, self.name, self.uid)
        seen = {fact.node_id for fact in known}
        self.run, decisions = rebuild.rebuild(submitted, known, now)
        if not (self._object.get("status") or {}).get("phase"):
            crashpoints.reached("engine.taken")
        for decision in leftovers.of(context, self._object):
            await self._carry(decision)
        return self._without_vanished(workflow, self.run, decisions, seen)

    def _without_vanished(
        self, workflow: Object, run: Run, decisions: list[Decision], seen: set[str]
    ) -> list[Decision]:
        """Pods that ran when the status was written and are gone must not run a second time.

        Those that are there need no second start either.
        """
        rows = (workflow.get("status") or {}).get("nodes") or {}
        ran = {i for i, r in rows.items() if (r["type"], r["phase"]) == ("Pod", "Running")} - seen
        gone = {
            d.node_id
            for d in decisions
            if isinstance(d, StartLeaf) and d.node_id in ran and kinds.has_pod(d)
        }
        there = gone | seen
        kept = [d for d in decisions if not (isinstance(d, StartLeaf) and d.node_id in there)]
        now = self._context.clock.now()
        for node_id in gone:
            kept += advance.advance(run, self._context.pod_deleted(node_id), now)
        return kept

    async def _carry(self, decision: Decision) -> None:
        fence = self._context.fence
        if fence is not None and not fence.owns(self._object):
            raise Fenced(self.key)
        match decision:
            case StartLeaf():
                self._carrier.start(decision)
            case StopLeaf():
                self._carrier.stop(decision)
            case CollectPod() | Finish():
                self._writer.after_flush(decision)
            case _:
                await self._carrier.carry(decision)

    async def settled(self, decisions: list[Decision]) -> None:
        """The status that these decisions waited for is written."""
        for decision in decisions:
            await self._carrier.carry(decision)

    # -- the end ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """The workflow has ended, the cluster has shown it to us, and all is handed out."""
        phase = (self._object.get("status") or {}).get("phase")
        ended = self.run is not None and self.run.finished and phase in COMPLETED
        return ended and not self._decided

    async def quiet(self) -> None:
        """Until the last of its work is done; only of use once it is over."""
        await self._writer.quiet()
        await self._carrier.quiet()

    async def close(self, *, forget: bool) -> None:
        """No more turns. `forget`: the workflow is gone, so are its locks and timers."""
        self._closed = True
        self._mail.clear()
        await self._writer.close()
        await self._carrier.close(forget=forget)

    async def finish_writing(self) -> None:
        """Write what is unwritten; for an orderly stop."""
        if self.run is not None and not self._closed:
            async with asyncio.timeout(10):
                await self._writer.flush()

    def __repr__(self) -> str:
        phase = self.run.phase if self.run is not None else "NEW"
        return f"<Actor {self.key} {phase} mail={len(self._mail)}>"


def summary(actor: Actor) -> dict[str, Any]:
    """Numbers for logs and metrics."""
    run = actor.run
    return {"workflow": actor.key, "nodes": len(run.nodes) if run else 0}
