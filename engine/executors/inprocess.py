"""Leaves that run in this process: started, watched to their end, cancelled when they are stopped.

`InProcessExecutor` is what resource, http, plugin and data leaves have in common; a `Worker` does
the work of one kind. A leaf that was under way when the process ended is run again after the
restart (the node is still Running then), so workers make what they do repeatable where they can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from engine.artifacts.errors import ArtifactError
from engine.core import facts
from engine.core.decisions import StartLeaf, StopLeaf
from engine.core.phases import Phase
from kube.clock import Clock
from kube.cluster import Object
from kube.errors import KubeError
from lang.errors import LangError

Tell = Callable[[facts.Fact], None]
OVERDUE = "Pod was active on the node longer than the specified deadline"
"""What Kubernetes says of a pod past its `activeDeadlineSeconds`; the same here without a pod."""


@dataclass(frozen=True, slots=True)
class Job:
    """One leaf to run: what to do, for which workflow, and a way to show its progress."""

    leaf: StartLeaf
    owner: Object
    tell: Tell

    @property
    def namespace(self) -> str:
        return str(self.owner["metadata"]["namespace"])

    @property
    def workflow(self) -> str:
        """`namespace/name`: the key under which writers take turns."""
        return f"{self.namespace}/{self.owner['metadata']['name']}"

    @property
    def key(self) -> str:
        """The same for every try of this leaf, and for no other leaf."""
        return f"{self.owner['metadata']['uid']}/{self.leaf.node_id}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a leaf ended."""

    phase: Phase
    message: str = ""
    result: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    exit_code: str | None = None


class LeafFailed(Exception):
    """The leaf failed, and the text says why in words for its user."""

    def __init__(self, message: str, phase: Phase = Phase.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.phase = phase


class Worker(Protocol):
    """Does the work of one kind of leaf."""

    failed_code: str | None
    """The exit code that nodes of failed leaves show; None for kinds that have none."""

    async def run(self, job: Job) -> Outcome:
        """To the end. Raises LeafFailed, LangError, KubeError, ArtifactError."""
        ...


class InProcessExecutor:
    """`start` returns when the leaf is over; whoever stops it cancels the start."""

    def __init__(self, worker: Worker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock
        self._log = structlog.get_logger("executors")

    async def start(self, leaf: StartLeaf, owner: Object, tell: Tell) -> None:
        """Run the leaf to its end and tell it."""
        began = self._clock.now()
        tell(facts.LeafChanged(leaf.node_id, Phase.RUNNING, started_at=began))
        outcome = await self._outcome(Job(leaf, owner, tell))
        outputs = facts.LeafOutputs(
            result=outcome.result, parameters=outcome.parameters, exit_code=outcome.exit_code
        )
        tell(facts.LeafChanged(leaf.node_id, outcome.phase, outcome.message, outputs))

    async def _outcome(self, job: Job) -> Outcome:
        spec: dict[str, Any] = (job.leaf.pod or {}).get("spec") or {}
        limit = spec.get("activeDeadlineSeconds")
        try:
            async with asyncio.timeout(float(limit) if limit else None) as deadline:
                return await self._worker.run(job)
        except TimeoutError:
            return self._failed(OVERDUE if deadline.expired() else "timed out")
        except LeafFailed as error:
            return self._failed(error.message, error.phase)
        except (LangError, KubeError) as error:
            return self._failed(error.message)
        except ArtifactError as error:
            return self._failed(str(error), Phase.ERROR)
        except Exception as error:  # a bug here must not leave the node Running for ever
            self._log.exception("leaf failed", node=job.leaf.node_id)
            return self._failed(f"{type(error).__name__} in the executor", Phase.ERROR)

    def _failed(self, message: str, phase: Phase = Phase.FAILED) -> Outcome:
        return Outcome(phase, message, exit_code=self._worker.failed_code)

    async def stop(self, leaf: StopLeaf, namespace: str) -> None:
        """Nothing is left once the start is cancelled."""
