"""Frames: what the core remembers about nodes that are not over yet.

A frame lives as long as its node is active (results of a flow: as long as the flow). Everything
in a frame can be derived again from the node table by starting the calls over it (recovery).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.core.callspec import CallSpec, HookSpec
    from engine.core.dagplan import DagPlan
    from engine.core.work import Call, Work
    from lang.items import Item


@dataclass(slots=True)
class Limit:
    """A limit on active children, and who waits for it. `ceiling` None: no limit."""

    ceiling: int | None = None
    active: int = 0
    waiting: list[tuple[int, int, Work]] = field(default_factory=list)
    """A heap of (-depth, order of arrival, work)."""


@dataclass(slots=True)
class Result:
    """What a finished step or task offers to those after it.

    `node_id` is the node whose status, times and outputs count. For a loop it is the group's
    node, and `items` the nodes of its members in order.
    """

    node_id: str
    items: list[str] | None = None
    aggregates: dict[str, str] | None = None
    """Aggregated outputs, computed when first asked for."""
    declared: Mapping[str, Any] | None = None
    """The declared outputs of a skipped producer's template."""


@dataclass(slots=True)
class Flow:
    """Base data of a steps or DAG frame: the boundary of its children."""

    call: Call
    node_id: str
    limit: Limit = field(default_factory=Limit)
    results: dict[str, Result] = field(default_factory=dict)
    bad: int = 0
    """Direct children that are Failed or Error, for `failFast`."""
    over: bool = False
    error: str = ""


@dataclass(slots=True)
class StepsFrame(Flow):
    """A steps template in progress. `index` is the current group, -1 before the first."""

    index: int = -1
    group_id: str = ""
    pending: int = 0
    """Steps and items of the current group that are not over."""
    members: dict[str, LoopFrame] = field(default_factory=dict)
    """Looped steps of the current group."""
    timed_out: bool = False


@dataclass(slots=True)
class DagFrame(Flow):
    """A DAG template in progress. `waiting` counts unfinished dependencies by task."""

    plan: DagPlan | None = None
    waiting: dict[str, int] = field(default_factory=dict)
    unfinished: int = 0
    """Tasks that some target needs and that are not over."""
    entered: bool = False
    task_limits: dict[str, Limit] = field(default_factory=dict)


@dataclass(slots=True)
class LoopFrame:
    """A looped step or task being expanded. `cursor` is the next item to start."""

    flow: StepsFrame | DagFrame
    spec: CallSpec
    name: str
    items: list[Item]
    parent_id: str = ""
    """The StepGroup that the items of a looped step hang on."""
    only: frozenset[str] | None = None
    """The tasks that can be seen from here; None: no restriction."""
    cursor: int = 0
    pending: int = 0
    node_ids: list[str] = field(default_factory=list)
    group_id: str = ""
    """The TaskGroup node of a looped task; empty for a looped step."""
    group: Call | None = None
    """The call of the looped task itself: its hooks run when the last item is over."""


@dataclass(slots=True)
class RetryFrame:
    """A Retry node in progress."""

    call: Call
    node_id: str
    attempts: list[str] = field(default_factory=list)
    current: Call | None = None
    serving: bool = False
    """An attempt is a daemon that was ready: who waited has gone on."""
    wake_at: float | None = None


@dataclass(slots=True)
class LeafFrame:
    """A leaf in progress: the limits that count it are given back when it is over."""

    call: Call
    node_id: str
    pod_name: str = ""
    started: bool = False
    counted: bool = False
    running: bool = False
    deadline: float | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    """The resolved `outputs` of its template."""
    containers: tuple[str, ...] = ()


@dataclass(slots=True)
class HookSlot:
    """The lifecycle hooks of one step, task or item."""

    call: Call
    hooks: tuple[HookSpec, ...]
    exit_hook: HookSpec | None = None
    fired: set[str] = field(default_factory=set)
    running: int = 0
    done: bool = False
    error: str = ""
    """Why a hook could not be executed (not: why it failed)."""


@dataclass(slots=True)
class Root:
    """The owner of the entrypoint, of the exit handler and of workflow hooks."""

    hook: str = ""


Owner = StepsFrame | DagFrame | LoopFrame | RetryFrame | HookSlot | Root
