"""Carrying decisions out: the one `match` from what the core asks for to who does it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

from engine.core import facts
from engine.core.decisions import (
    AcquireLocks,
    CollectPod,
    CreateDisruptionBudget,
    CreateVolumes,
    Decision,
    DeleteDisruptionBudget,
    DeleteVolumes,
    EmitEvent,
    EmitMetric,
    Finish,
    ReadMemo,
    ReleaseLocks,
    SaveMemo,
    SetTimer,
    StartLeaf,
    StopLeaf,
)
from engine.core.phases import NodeType
from engine.executors import kinds
from engine.executors.kinds import ExecutorKind
from engine.runtime import budgets, metrics, volumes
from engine.runtime.context import Context

if TYPE_CHECKING:
    from engine.runtime.actor import Actor


class Carrier:
    """Carries out one workflow's decisions. Leaves start concurrently, stops follow starts."""

    def __init__(self, context: Context, actor: Actor) -> None:
        self._context = context
        self._actor = actor
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def start(self, leaf: StartLeaf) -> None:
        """Start a leaf in the background; asking twice while it starts does nothing."""
        key = leaf.pod_name or leaf.node_id
        if key in self._starting:
            return
        kind = kinds.kind_of(leaf)
        executor = self._context.executors.get(kind) if kind is not None else None
        if executor is None:
            message = f"this engine has no executor for {kind or leaf.type} templates"
            self._actor.tell(facts.LeafRefused(leaf.node_id, message))
            return
        body = executor.start(leaf, self._actor.workflow, self._actor.tell)
        task = self._context.spawn(body, f"start {key}")
        self._starting[key] = task
        task.add_done_callback(lambda _: self._starting.pop(key, None))

    def stop(self, leaf: StopLeaf) -> None:
        """Stop a leaf in the background, after its start if that is under way.

        Cancelling the start is all that an in-process leaf needs; pods are deleted as well.
        """
        executor = self._context.executors[ExecutorKind.POD]

        async def ended() -> None:
            starting = self._starting.get(leaf.pod_name or leaf.node_id)
            if starting is not None:
                starting.cancel()
                await asyncio.wait({starting})
            if leaf.type is NodeType.POD:
                await executor.stop(leaf, self._actor.namespace)

        task = self._context.spawn(ended(), f"stop {leaf.pod_name or leaf.node_id}")
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _collect(self, pod: CollectPod) -> None:
        """Collect a pod, but never before its start has come back: it would start again."""
        starting = self._starting.get(pod.pod_name)
        if starting is None:
            self._context.collector.pod(self._actor.namespace, pod)
            return

        def collect(started: asyncio.Task[None]) -> None:
            if not started.cancelled():  # else we are stopping: the next process collects it
                self._context.collector.pod(self._actor.namespace, pod)

        starting.add_done_callback(collect)

    def _emit(self, sample: EmitMetric) -> None:
        try:
            metrics.emit(sample)
        except ValueError as error:  # it contradicts another workflow's: theirs stays
            self._context.log.warning(
                "metric refused", workflow=self._actor.key, metric=sample.name, error=str(error)
            )

    async def carry(self, decision: Decision) -> None:  # noqa: C901 - one case per decision
        """Carry out one decision; errors of the API become facts or are retried inside."""
        context, actor = self._context, self._actor
        match decision:
            case StartLeaf():
                self.start(decision)
            case StopLeaf():
                self.stop(decision)
            case SetTimer():
                context.timers.set(
                    actor.key, decision.moment, lambda: actor.tell(facts.TimerFired())
                )
            case AcquireLocks():
                await context.locks.acquire(decision, actor.tell)
            case ReleaseLocks():
                await context.locks.release(decision.holder)
            case ReadMemo():
                context.memos.read(decision, actor.namespace, actor.tell)
            case SaveMemo():
                context.memos.save(decision, actor.namespace, actor.tell)
            case EmitEvent():
                context.events.workflow(actor.workflow, decision)
            case EmitMetric():
                self._emit(decision)
            case CreateVolumes():
                context.spawn(
                    volumes.create(context.cluster, actor.namespace, decision, actor.tell),
                    f"volumes {actor.key}",
                )
            case DeleteVolumes():
                context.spawn(
                    volumes.delete(context.cluster, actor.namespace, decision),
                    f"volumes {actor.key}",
                )
            case CreateDisruptionBudget():
                context.spawn(budgets.create(context.cluster, actor.namespace, decision), "budget")
            case DeleteDisruptionBudget():
                context.spawn(
                    budgets.delete(context.cluster, actor.namespace, decision.name), "budget"
                )
            case CollectPod():
                self._collect(decision)
            case Finish():
                await self._finish()
            case _:
                assert_never(decision)

    async def _finish(self) -> None:
        """The status says that it is over: nothing of it may hold anything any more."""
        self._context.timers.cancel(self._actor.key)

    async def quiet(self) -> None:
        """Until nothing is being started or stopped any more."""
        while tasks := {*self._starting.values(), *self._stopping}:
            await asyncio.wait(tasks)

    async def close(self, *, forget: bool) -> None:
        """Stop starting things."""
        tasks = {*self._starting.values(), *self._stopping}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if forget:
            await self._context.locks.forget(self._actor.key)
            self._context.timers.cancel(self._actor.key)
