"""The tree of a node table: what is drawn where."""

from __future__ import annotations

from typing import Any

from headrace.cli.tree import Tree


def node(name: str, kind: str = "Pod", boundary: str = "", *children: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "displayName": name.rsplit(".", 1)[-1],
        "type": kind,
        "phase": "Succeeded",
        "boundaryID": boundary,
        "children": list(children),
        "startedAt": "2026-11-23T10:00:00Z",
    }


def drawn(*nodes: dict[str, Any]) -> list[str]:
    rows = Tree("wf", {n["id"]: n for n in nodes}).rows()
    return [f"{row.branch}{row.icon} {row.node['displayName']}" for row in rows]


def test_steps_are_drawn_group_by_group() -> None:
    lines = drawn(
        node("wf", "Steps", "", "wf[0]"),
        node("wf[0]", "StepGroup", "wf", "wf[0].a"),
        node("wf[0].a", "Pod", "wf", "wf[1]"),
        node("wf[1]", "StepGroup", "wf", "wf[1].b", "wf[1].c"),
        node("wf[1].b", "Pod", "wf"),
        node("wf[1].c", "Pod", "wf"),
    )
    assert lines == ["✔ wf", "├───✔ a", "└─┬─✔ b", "  └─✔ c"]


def test_a_dag_lists_its_tasks_and_loops_their_items() -> None:
    lines = drawn(
        node("wf", "DAG", "", "wf.a"),
        node("wf.a", "Pod", "wf", "wf.b"),
        node("wf.b", "TaskGroup", "wf", "wf.b(0:x)", "wf.b(1:y)"),
        node("wf.b(0:x)", "Pod", "wf"),
        node("wf.b(1:y)", "Pod", "wf"),
    )
    assert lines == ["✔ wf", "├─✔ a", "└─✔ b", "  ├─✔ b(0:x)", "  └─✔ b(1:y)"]


def test_a_retried_root_is_drawn_above_its_attempts() -> None:
    lines = drawn(node("wf", "Retry", "", "wf(0)", "wf(1)"), node("wf(0)"), node("wf(1)"))
    assert lines == ["✔ wf", "├─✔ wf(0)", "└─✔ wf(1)"]


def test_the_exit_handler_stands_after_the_tree() -> None:
    assert drawn(node("wf"), node("wf.onExit")) == ["✔ wf", "✔ onExit"]
