"""The node: one row of a workflow's node table, as the status shows it.

A node holds only what the status holds; what the core needs to go on (indexes, waiting work)
lives in frames (`frames.py`). Times are epoch seconds, None while unset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.core.phases import COMPLETED, FULFILLED, NodeType, Phase


@dataclass(slots=True)
class Node:
    """One node. `children` and `outbound` hold node ids; `children` is an ordered set."""

    id: str
    name: str
    display_name: str
    type: NodeType
    phase: Phase
    boundary_id: str = ""
    message: str = ""
    template_name: str = ""
    template_ref: dict[str, Any] | None = None
    template_scope: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    children: dict[str, None] | None = None
    outbound: list[str] | None = None
    hooked: bool = False
    retried: bool = False
    daemoned: bool = False
    pod_ip: str = ""
    host_node_name: str = ""
    progress: str = ""
    resources_duration: dict[str, int] | None = None
    memoization: dict[str, Any] | None = None
    waiting_lock: str = ""
    extra: dict[str, Any] | None = field(default=None, repr=False)
    """Fields of an adopted status this core does not interpret; written back unchanged."""

    @property
    def fulfilled(self) -> bool:
        """Nothing more will happen to it, or it is a daemon that serves already."""
        return self.phase in FULFILLED or (self.daemoned and self.phase is not Phase.PENDING)

    @property
    def completed(self) -> bool:
        return self.phase in COMPLETED

    def add_child(self, node_id: str) -> bool:
        """Append an edge; False if it was there."""
        if self.children is None:
            self.children = {}
        elif node_id in self.children:
            return False
        self.children[node_id] = None
        return True
