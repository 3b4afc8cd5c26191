"""A workflow's nodes as the tree that `argo get` draws.

Steps show their groups as branches, DAGs their tasks by start, loops and retries their children.
Pure: nodes in, rows out; `summary` and the live view print them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.cli import times

ICONS = {
    "Pending": "◷",
    "Running": "●",
    "Succeeded": "✔",
    "Skipped": "○",
    "Omitted": "○",
    "Failed": "✖",
    "Error": "⚠",
}
COLOURS = {
    "Pending": "yellow",
    "Running": "cyan",
    "Succeeded": "green",
    "Skipped": "bright_black",
    "Omitted": "bright_black",
    "Failed": "red",
    "Error": "red",
}
GROUPS = {"StepGroup", "TaskGroup", "Retry"}

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: `branch` is the drawing before the icon."""

    branch: str
    node: Node

    @property
    def icon(self) -> str:
        """The mark of the node's phase; a waiting suspend node shows as paused."""
        if self.node.get("type") == "Suspend" and self.node.get("phase") == "Running":
            return "ǁ"
        return ICONS.get(self.node.get("phase", ""), "?")


class Tree:
    """The rows of one node table, root first, the exit handler's tree after it."""

    def __init__(self, workflow_name: str, nodes: dict[str, Node]) -> None:
        self._nodes = nodes
        self._name = workflow_name
        self._members: dict[str, list[Node]] = {}
        self._grouped: set[str] = set()
        for node in nodes.values():
            self._members.setdefault(node.get("boundaryID", ""), []).append(node)
            if node.get("type") in GROUPS:
                self._grouped.update(node.get("children") or ())

    def rows(self) -> Iterator[Row]:
        """Every node that a person wants to see (groups of steps are drawn, not listed)."""
        for root in sorted(self._members.get("", ()), key=_order):
            if root["id"] in self._grouped:  # an attempt of a retried root: below its Retry node
                continue
            if root.get("type") != "StepGroup":
                yield from self._subtree(root, "", "")

    def _subtree(self, node: Node, branch: str, below: str) -> Iterator[Row]:
        yield Row(branch, node)
        if node.get("type") in GROUPS:
            groups = [[child] for child in self._children(node)]
        elif node.get("type") == "Steps":
            groups = list(self._step_groups(node))
        else:
            members = self._members.get(node["id"], ())
            groups = [[m] for m in sorted(members, key=_order) if m["id"] not in self._grouped]
        steps = node.get("type") == "Steps"
        for g, group in enumerate(groups):
            last_group = g == len(groups) - 1
            for i, child in enumerate(group):
                yield from self._child(child, below, (steps, last_group, i, len(group)))

    def _child(self, child: Node, below: str, place: tuple[bool, bool, int, int]) -> Iterator[Row]:
        steps, last_group, index, size = place
        outer = "└" if last_group else "├"
        bar = " " if last_group else "│"
        if not steps:
            yield from self._subtree(child, f"{below}{outer}─", f"{below}{bar} ")
        elif size == 1:
            yield from self._subtree(child, f"{below}{outer}───", f"{below}{bar}   ")
        else:
            last = index == size - 1
            inner = "┬" if index == 0 else "└" if last else "├"
            first = f"{outer}─" if index == 0 else f"{bar} "
            deeper = " " if last else "│"
            yield from self._subtree(child, f"{below}{first}{inner}─", f"{below}{bar} {deeper} ")

    def _step_groups(self, node: Node) -> Iterator[list[Node]]:
        members = self._members.get(node["id"], ())
        groups = [m for m in members if m.get("type") == "StepGroup"]
        for group in sorted(groups, key=_index):
            yield self._children(group)

    def _children(self, node: Node) -> list[Node]:
        found = [self._nodes[c] for c in node.get("children") or () if c in self._nodes]
        if node.get("type") == "StepGroup":
            # an only child may be the next group: an empty group points straight on
            found = [c for c in found if c.get("type") != "StepGroup"]
        return found


def _order(node: Node) -> tuple[str, str]:
    return (node.get("startedAt") or "", node.get("name", ""))


def _index(group: Node) -> int:
    name = group.get("name", "")
    digits = name[name.rfind("[") + 1 : -1]
    return int(digits) if digits.isdigit() else 0


def duration(node: Node, now: float) -> str:
    """How long the node ran or has been running, as `2s` or `1m`; empty before it began."""
    started = times.parse(node.get("startedAt"))
    if started is None:
        return ""
    return times.short((times.parse(node.get("finishedAt")) or now) - started)
