"""A small world for the core: leaves answered by a function, timers on a virtual clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core import project
from engine.core.advance import advance
from engine.core.decisions import Decision, SetTimer, StartLeaf
from engine.core.facts import Fact, LeafChanged, LeafOutputs, Library, Submitted, TimerFired
from engine.core.phases import Phase
from engine.core.rebuild import rebuild
from engine.core.run import Run

START = 1_767_225_600.0
Answer = Callable[[StartLeaf], LeafChanged]


def succeed(leaf: StartLeaf) -> LeafChanged:
    """Every leaf succeeds."""
    outputs = LeafOutputs(exit_code="0", result="1" if leaf.capture.result else None)
    return LeafChanged(leaf.node_id, Phase.SUCCEEDED, outputs=outputs)


def workflow(templates: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    """A Workflow object whose entrypoint is `main`."""
    return {
        "metadata": {
            "name": "wf",
            "namespace": "ns",
            "uid": "u",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"entrypoint": "main", "templates": templates, **spec},
    }


@dataclass
class World:
    """Plays one workflow. `crash_at`: after that many facts everything is forgotten but the last
    written status and the leaves themselves, and the run is rebuilt."""

    manifest: dict[str, Any]
    answer: Answer = succeed
    crash_at: int = -1
    flush_every: int = 1
    run: Run = field(default_factory=Run)
    now: float = START
    facts: int = 0
    starts: list[str] = field(default_factory=list)
    pods: dict[str, LeafChanged | None] = field(default_factory=dict)
    written: dict[str, Any] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    most: int = 0

    def __post_init__(self) -> None:
        self._queue: list[tuple[float, int, Fact]] = []
        self._order = 0
        self._timer = 0

    def play(self) -> Run:
        """To the end, or until nothing more can happen."""
        self.tell(Submitted(self.manifest, Library()))
        while self._queue:
            moment, order, fact = heapq.heappop(self._queue)
            self.now = max(self.now, moment)
            if isinstance(fact, TimerFired) and order != self._timer:
                continue
            self.tell(fact)
        return self.run

    def tell(self, fact: Fact) -> None:
        """One fact, its decisions, and perhaps a crash behind it."""
        if isinstance(fact, LeafChanged):
            self.pods[fact.node_id] = fact
        self.carry(advance(self.run, fact, self.now))
        self.facts += 1
        if self.facts % self.flush_every == 0:
            self.written = project.status(self.run)
        if self.facts == self.crash_at:
            self._recover()

    def carry(self, decisions: list[Decision]) -> None:
        """Start leaves (never twice), and set the timer."""
        self.decisions.extend(decisions)
        for decision in decisions:
            if isinstance(decision, StartLeaf):
                if decision.node_id in self.pods:
                    known = self.pods[decision.node_id]
                    if known is not None:
                        self._later(self.now, known)
                    continue
                self.starts.append(decision.node_id)
                self.pods[decision.node_id] = None
                running = sum(1 for state in self.pods.values() if state is None)
                self.most = max(self.most, running)
                self._later(self.now + 1, self.answer(decision))
            elif isinstance(decision, SetTimer):
                self._timer = self._later(decision.moment, TimerFired())

    def _later(self, moment: float, fact: Fact) -> int:
        self._order += 1
        heapq.heappush(self._queue, (moment, self._order, fact))
        return self._order

    def _recover(self) -> None:
        manifest = {**self.manifest, "status": self.written}
        manifest["metadata"] = {**manifest["metadata"], "labels": dict(self.run.labels)}
        known = [state for state in self.pods.values() if state is not None]
        self.run, decisions = rebuild(Submitted(manifest, Library()), known, self.now)
        self.carry(decisions)


def outcome(run: Run) -> dict[str, Any]:
    """What of a status does not depend on when things happened."""
    return {
        "phase": run.phase,
        "message": run.message,
        "nodes": {node.name: _plain(node, run) for node in run.nodes.values()},
    }


def _plain(node: Any, run: Run) -> Mapping[str, Any]:
    names = {node_id: other.name for node_id, other in run.nodes.items()}
    return {
        "id": node.id,
        "type": node.type,
        "phase": node.phase,
        "message": node.message,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "children": sorted(names[c] for c in node.children or ()),
        "outbound": sorted(names[c] for c in node.outbound or ()),
    }
