"""Calls and work: what the core still has to do, as values on `run.agenda`.

A `Call` is one use of a template under one node name. Work items are taken from the front of the
agenda by `advance`, which knows the module for each kind; modules never call each other's flow
functions directly, so no chain of workflows, however long, becomes a deep Python stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.core.frames import (
        DagFrame,
        Flow,
        HookSlot,
        LoopFrame,
        Owner,
        RetryFrame,
        StepsFrame,
    )
    from engine.core.prepared import Prepared


class Caller(StrEnum):
    """Who calls: decides the names `steps.name` and `tasks.name` inside the template."""

    STEP = "steps"
    TASK = "tasks"


@dataclass(frozen=True, slots=True)
class Source:
    """Where template names resolve: the workflow itself, or a stored library.

    `scope` is `local`, `namespaced` or `cluster`; `shown` is the `templateScope` of nodes.
    """

    scope: str
    name: str

    @property
    def shown(self) -> str:
        return f"{self.scope}/{self.name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """How a call names its template: by name, by `templateRef`, or inline."""

    template: str = ""
    ref: Mapping[str, Any] | None = None
    inline: Mapping[str, Any] | None = None
    caller_name: str = ""
    """The calling step's or task's name; names the stored copy of an inline template."""


@dataclass(slots=True)
class Call:
    """One use of a template. The first part is given, the rest is found when it starts.

    `parameters` maps argument names to texts; None is an absent optional (an output of a skipped
    producer). `artifacts` are resolved argument artifacts. `owner` is told when the node and its
    hooks are done.
    """

    name: str
    reference: Reference
    source: Source
    owner: Owner
    boundary_id: str = ""
    flow: Flow | None = None
    depth: int = 0
    caller: Caller = Caller.STEP
    label: str = ""
    key: str = ""
    """The step's or task's own name in the flow, without an item's suffix."""
    parameters: dict[str, str | None] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    erased: frozenset[str] = frozenset()
    """Arguments given without a value: they take the input's own default away."""
    parents: Sequence[str] = ()
    """Nodes that get an edge to this call's node when it is made."""
    outer: Mapping[str, Any] | None = None
    """The caller's scope, which an inline template sees behind its own inputs."""
    hooks: HookSlot | None = None
    on_exit: bool = False
    hooked: bool = False
    retried: bool = False

    node_id: str = ""
    template: Prepared | None = None
    head: dict[str, Any] = field(default_factory=dict)
    display_name: str = ""
    inputs: dict[str, Any] | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    index: int = 0
    """Its place in a loop."""
    item: Mapping[str, Any] | None = None
    """The variables of its item there; its hooks see them too."""
    skip: str = ""
    """It is not to run at all: the message of its Skipped node."""
    error: str = ""
    """Why executing it failed (not why its pod did); the owner's message is made of it."""
    timed_out: bool = False
    holder: str = ""
    """The lock holder's name while locks are held or waited for."""
    granted: bool = False
    max_until: float | None = None
    """The moment a retry's `maxDuration` is over."""
    avoid: tuple[str, ...] = ()
    """Hosts that earlier attempts ran on, where the retry strategy keeps away from them."""
    remembered: bool = False
    """The memo cache was asked."""
    counted: bool = False
    """It is counted as an active child of its flow."""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a call: resolve, bind inputs, pass the gates, dispatch by template type."""

    call: Call


@dataclass(frozen=True, slots=True)
class Proceed:
    """Go on with a call whose inputs are bound: after a lock, a memo look-up, a full house."""

    call: Call


@dataclass(frozen=True, slots=True)
class Attempt:
    """Start the next attempt of a retried call."""

    frame: RetryFrame


@dataclass(frozen=True, slots=True)
class Expand:
    """Start the next item of a loop."""

    loop: LoopFrame


@dataclass(frozen=True, slots=True)
class Enter:
    """Begin (or go on with) a flow: the next group of steps, or the tasks that are ready."""

    frame: StepsFrame | DagFrame


@dataclass(frozen=True, slots=True)
class Settled:
    """A call's node is fulfilled and its hooks are over: tell its owner."""

    call: Call


Work = Start | Proceed | Attempt | Expand | Enter | Settled
