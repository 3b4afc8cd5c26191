"""`Run`: the whole state of one workflow inside the core.

A `Run` holds state, other modules hold behaviour. Callers outside the core use only

    run = Run()
    decisions = advance.advance(run, Submitted(...), now)   # the first fact
    decisions = advance.advance(run, fact, now)             # every later fact
    patch = project.delta(run)                              # status since the last delta
    status = project.status(run)                            # the whole status
    run, decisions = rebuild.rebuild(submitted, leaf_facts, now)   # after a crash

and read `run.name`, `run.namespace`, `run.uid`, `run.phase`, `run.finished`, `run.nodes`.

Invariants: `nodes` only grows while the workflow runs; a completed phase never changes (daemons
aside, and a node whose memo could not be saved); every change to a node's row puts its id in
`dirty`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.core.decisions import Decision
from engine.core.facts import Config, LeafChanged, Library
from engine.core.frames import Limit
from engine.core.nodes import Node
from engine.core.phases import COMPLETED, Phase, Shutdown

if TYPE_CHECKING:
    from engine.core.callspec import HookSpec
    from engine.core.frames import LeafFrame, RetryFrame
    from engine.core.prepared import Prepared
    from engine.core.work import Call, Reference, Work
    from lang import tags


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
    pod_name_version: str = "v2"

    # What it was told.
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """The Workflow object as submitted."""
    spec: dict[str, Any] = field(default_factory=dict)
    """The spec to execute: defaults and referenced template merged in."""
    library: Library = field(default_factory=Library)
    config: Config = field(default_factory=Config)
    shutdown: Shutdown = Shutdown.NONE
    suspended: bool = False
    postponed: bool = False

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
    done_leaves: int = 0
    all_leaves: int = 0
    resources_duration: dict[str, int] = field(default_factory=dict)
    locks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Holder → what it asked for and whether it holds it, for `status.synchronization`."""

    # What changed since the last `project.delta`.
    dirty: dict[str, None] = field(default_factory=dict)
    head_dirty: bool = False

    # Derived from the spec, or looked up once.
    globals: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    """`workflow.outputs.artifacts.*`: variables that are no texts."""
    own_templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: dict[tuple[str, str, str], Prepared] = field(default_factory=dict)
    inlines: dict[int, Prepared] = field(default_factory=dict)
    inline_references: list[Reference] = field(default_factory=list)
    pod_spec_parts: dict[str, Any] = field(default_factory=dict)
    """The spec without its templates, with workflow variables filled in."""
    pod_spec_template: tags.Template | None = None
    """The same, where something in it is known only when a pod is made: its inputs, its name."""
    volumes_template: tags.Template | None = None
    deadline: float | None = None

    # Indexes over what is active.
    limit: Limit = field(default_factory=Limit)
    """Active pods of the workflow."""
    calls: dict[str, Call] = field(default_factory=dict)
    """Node id → the call behind it, while the node is active (daemons: until their end)."""
    leaves: dict[str, LeafFrame] = field(default_factory=dict)
    running: int = 0
    """Leaves that are Running."""
    early: dict[str, LeafChanged] = field(default_factory=dict)
    """Facts about leaves that are not known yet (recovery): the latest one of each."""
    adopted: set[str] = field(default_factory=set)
    """Active rows of a status whose calls have not been made again yet; they count already."""
    adopted_pods: set[str] = field(default_factory=set)
    adopted_children: dict[str, int] = field(default_factory=dict)
    """Boundary node id → its active children among `adopted`."""
    suspends: dict[str, Call] = field(default_factory=dict)
    retries: dict[str, RetryFrame] = field(default_factory=dict)
    """Retry nodes that wait for the end of a backoff."""
    daemons: dict[str, dict[str, None]] = field(default_factory=dict)
    """Boundary node id → its daemon nodes."""
    holders: dict[str, Call] = field(default_factory=dict)
    """Lock holder → the call that waits or holds."""
    reading: dict[str, Call] = field(default_factory=dict)
    """Node id → the call that waits for its memo entry."""
    timers: list[tuple[float, int, str, str]] = field(default_factory=list)
    """A heap of (moment, order, kind, node id)."""
    hooks: tuple[HookSpec, ...] = ()
    """Workflow hooks that have not fired."""
    hooks_running: int = 0
    entry_done: bool = False
    entry_phase: Phase = Phase.NEW
    exit_started: bool = False
    exit_done: bool = False
    stored: bool = False
    """The spec comes from a `workflowTemplateRef`."""
    waits_for: str = ""
    """What the start waits for: `lock`, `volumes`, or nothing."""
    armed: float | None = None
    """The moment of the last `SetTimer`."""
    sequence: int = 0

    # This moment, and what it brought about.
    now: float = 0.0
    decisions: list[Decision] = field(default_factory=list)
    agenda: deque[Work] = field(default_factory=deque)
    woken: deque[tuple[Work, Limit]] = field(default_factory=deque)
    """Work that waited for a limit which has room now; done before the agenda."""

    @property
    def finished(self) -> bool:
        """The workflow's own phase is final."""
        return self.phase in COMPLETED

    def touch(self, node: Node) -> None:
        """Remember that a node's row must be written."""
        self.dirty[node.id] = None

    def decide(self, decision: Decision) -> None:
        """Ask the runtime for something."""
        self.decisions.append(decision)

    def next(self) -> int:
        """A number that grows: the order of arrival."""
        self.sequence += 1
        return self.sequence
