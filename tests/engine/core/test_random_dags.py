"""Random DAGs: order, at most once, the same bytes for the same facts, recovery from any crash."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import project
from engine.core.decisions import StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs
from engine.core.phases import Phase
from tests.engine.core.playing import World, outcome, workflow

LEAF = {"name": "w", "container": {"image": "alpine", "command": ["true"]}}
RETRIED = {**LEAF, "name": "r", "retryStrategy": {"limit": 1}}
INNER = {"name": "s", "steps": [[{"name": "a", "template": "w"}], [{"name": "b", "template": "w"}]]}
LOOPED = {"withItems": [1, 2, 3]}
HOOKS = [
    {"exit": {"template": "w"}},
    {"seen": {"template": "w", "expression": "true"}, "exit": {"template": "s"}},
]


@st.composite
def dags(draw: st.DrawFn) -> tuple[dict[str, Any], frozenset[str]]:
    """A workflow with a DAG of up to eight tasks, and the names of the nodes that fail."""
    count = draw(st.integers(1, 8))
    tasks = []
    for index in range(count):
        needs = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        task: dict[str, Any] = {
            "name": f"t{index}",
            "template": draw(st.sampled_from(["w", "w", "r", "s"])),
            "dependencies": [f"t{need}" for need in sorted(needs)],
        }
        if draw(st.booleans()):
            task["continueOn"] = {"failed": True}
        if draw(st.integers(0, 4)) == 0:
            task |= LOOPED
        if draw(st.integers(0, 5)) == 0:
            task["when"] = draw(st.sampled_from(["1 == 1", "1 == 2"]))
        if draw(st.integers(0, 4)) == 0:
            task["hooks"] = draw(st.sampled_from(HOOKS))
        tasks.append(task)
    main: dict[str, Any] = {"name": "main", "dag": {"tasks": tasks}}
    limit = draw(st.sampled_from([None, 1, 2]))
    if limit:
        main["parallelism"] = limit
    spec = {"parallelism": 3} if draw(st.booleans()) else {}
    failing = draw(st.frozensets(st.integers(0, 30), max_size=6))
    return workflow([main, LEAF, RETRIED, INNER], **spec), frozenset(map(str, failing))


def answers(failing: frozenset[str]) -> Any:
    """Leaves fail by the last digits of their ids: the same in every run."""

    def answer(leaf: StartLeaf) -> LeafChanged:
        if str(int(leaf.node_id.rpartition("-")[2] or 0) % 31) in failing:
            outputs = LeafOutputs(exit_code="1")
            message = "main: Error (exit code 1)"
            return LeafChanged(leaf.node_id, Phase.FAILED, message, outputs)
        return LeafChanged(leaf.node_id, Phase.SUCCEEDED, outputs=LeafOutputs(exit_code="0"))

    return answer


@settings(max_examples=60, deadline=None)
@given(dags())
def test_every_leaf_runs_at_most_once_and_after_its_dependencies(
    drawn: tuple[dict[str, Any], frozenset[str]],
) -> None:
    manifest, failing = drawn
    world = World(manifest, answers(failing))
    run = world.play()
    assert run.finished
    assert len(world.starts) == len(set(world.starts))
    tasks = manifest["spec"]["templates"][0]["dag"]["tasks"]
    for task in tasks:
        node = next((n for n in run.nodes.values() if n.name == f"wf.{task['name']}"), None)
        for need in task["dependencies"]:
            before = next((n for n in run.nodes.values() if n.name == f"wf.{need}"), None)
            if node is not None:
                assert before is not None
                assert before.finished_at is not None
                assert node.started_at is not None
                assert before.finished_at <= node.started_at


@settings(max_examples=60, deadline=None)
@given(dags())
def test_limits_hold(drawn: tuple[dict[str, Any], frozenset[str]]) -> None:
    manifest, failing = drawn
    world = World(manifest, answers(failing))
    world.play()
    limit = manifest["spec"].get("parallelism")
    if limit:
        assert world.most <= limit


@settings(max_examples=30, deadline=None)
@given(dags())
def test_the_same_facts_give_the_same_bytes(
    drawn: tuple[dict[str, Any], frozenset[str]],
) -> None:
    manifest, failing = drawn
    first, second = World(manifest, answers(failing)), World(manifest, answers(failing))
    one, two = first.play(), second.play()
    assert repr(first.decisions) == repr(second.decisions)
    assert json.dumps(project.status(one)) == json.dumps(project.status(two))


@settings(max_examples=80, deadline=None)
@given(dags(), st.integers(1, 40), st.sampled_from([1, 2, 5]))
def test_any_crash_point_reaches_the_same_end(
    drawn: tuple[dict[str, Any], frozenset[str]], crash_at: int, flush_every: int
) -> None:
    manifest, failing = drawn
    plain = World(manifest, answers(failing)).play()
    world = World(manifest, answers(failing), crash_at=crash_at, flush_every=flush_every)
    recovered = world.play()
    assert outcome(recovered) == outcome(plain)
    assert len(world.starts) == len(set(world.starts))
