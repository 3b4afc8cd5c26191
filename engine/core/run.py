"""`Run`: the whole state of one workflow inside the core.

A `Run` holds state, other modules hold behaviour. Callers outside the core use only

    run = Run()
    decisions = advance.advance(run, Submitted(...), now)   # the first fact
    decisions = advance.advance(run, fact, now)             # every later fact
    patch = project.delta(run)                              # status since the last delta
    status = project.status(run)                            # the whole status
    run, decisions = rebuild.rebuild(submitted, leaf_facts, now)   # after a crash

and read `run.name`, `run.namespace`, `run.uid`, `run.phase`, `run.finished`, `run.nodes`.

Invariants: `nodes` only grows while the workflow runs; a completed phase never changes (daemons,
and results of hooks of memo saves aside); every change to a node's row puts its id in `dirty`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.decisions import Decision
from engine.core.facts import Config, Library
from engine.core.nodes import Node
from engine.core.phases import COMPLETED, Phase, Shutdown


@dataclass(slots=True)
class Run:
    """State of one workflow. Created empty; the first fact must be `Submitted`."""

    # Who it is.
    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    """The Workflow object's labels as they should be: the runtime writes them with the status."""
    annotations: dict[str, str] = field(default_factory=dict)
    created_at: float = 0.0

    # What it was told.
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """The Workflow object as submitted."""
    spec: dict[str, Any] = field(default_factory=dict)
    """The spec to execute: defaults and referenced template merged in."""
    library: Library = field(default_factory=Library)
    config: Config = field(default_factory=Config)
    shutdown: Shutdown = Shutdown.NONE
    suspended: bool = False

    # Where it stands (the status).
    phase: Phase = Phase.NEW
    message: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored_templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    stored_spec: dict[str, Any] | None = None
    artifact_repository: dict[str, Any] | None = None
    claims: dict[str, str] = field(default_factory=dict)

    # What changed since the last `project.delta`.
    dirty: dict[str, None] = field(default_factory=dict)
    head_dirty: bool = False

    # This moment, and what it brought about.
    now: float = 0.0
    decisions: list[Decision] = field(default_factory=list)
    agenda: deque[Any] = field(default_factory=deque)

    @property
    def finished(self) -> bool:
        """The workflow's own phase is final."""
        return self.phase in COMPLETED

    def touch(self, node: Node) -> None:
        """Remember that a node's row must be written."""
        self.dirty[node.id] = None

    def decide(self, decision: Decision) -> None:
        self.decisions.append(decision)
