"""What the engine's core does beyond the reference, and what keeps it safe."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.advance import BUDGET, advance
from engine.core.decisions import SetTimer, StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs, Library, Submitted, TimerFired
from engine.core.phases import Phase
from engine.core.run import Run
from tests.engine.core.playing import START, World, workflow

ECHO = {
    "name": "p",
    "inputs": {"parameters": [{"name": "x"}]},
    "container": {"image": "alpine", "command": ["echo"], "args": ["{{inputs.parameters.x}}"]},
}
GIVEN = {"parameters": [{"name": "x", "value": "{{item}}"}]}


def started(world: World) -> list[StartLeaf]:
    return [d for d in world.decisions if isinstance(d, StartLeaf)]


def arguments(world: World) -> list[list[str]]:
    found = []
    for leaf in started(world):
        assert leaf.pod is not None
        found.append(leaf.pod["spec"]["containers"][0]["args"])
    return found


def test_a_member_of_a_json_parameter_can_be_named() -> None:
    echo = {**ECHO, "container": {**ECHO["container"], "args": ["{{inputs.parameters.x.start}}"]}}
    given = {"parameters": [{"name": "x", "value": '{"start": 10, "end": 20}'}]}
    main = {"name": "main", "steps": [[{"name": "a", "template": "p", "arguments": given}]]}
    world = World(workflow([main, echo]))
    assert world.play().phase is Phase.SUCCEEDED
    assert arguments(world) == [["10"]]


def test_with_items_may_be_a_parameter_text() -> None:
    task = {
        "name": "a",
        "template": "p",
        "arguments": GIVEN,
        "withItems": "{{workflow.parameters.items}}",
    }
    given = {"parameters": [{"name": "items", "value": '["x", {"k": 1}]'}]}
    main = {"name": "main", "dag": {"tasks": [task]}}
    world = World(workflow([main, ECHO], arguments=given))
    assert world.play().phase is Phase.SUCCEEDED
    assert arguments(world) == [["x"], ['{"k":1}']]


def test_parallelism_of_one_task_limits_only_that_task() -> None:
    loop = {"name": "a", "template": "p", "arguments": GIVEN, "withSequence": {"count": "6"}}
    other = {**loop, "name": "b"}
    main = {"name": "main", "dag": {"tasks": [{**loop, "parallelism": 2}, other]}}
    world = World(workflow([main, ECHO]))
    assert world.play().phase is Phase.SUCCEEDED
    assert world.most == 8
    assert len(world.starts) == 12


def test_a_value_never_becomes_a_tag_or_structure() -> None:
    hostile = '"]}}, {{workflow.name}} {{=1+1}} $(id)\n'
    given = {"parameters": [{"name": "x", "value": "{{workflow.parameters.v}}"}]}
    main = {"name": "main", "steps": [[{"name": "a", "template": "p", "arguments": given}]]}
    parameters = {"parameters": [{"name": "v", "value": hostile}]}
    world = World(workflow([main, ECHO], arguments=parameters))
    world.play()
    assert arguments(world) == [[hostile]]


def test_a_great_loop_is_begun_in_portions() -> None:
    size = BUDGET * 2
    task = {
        "name": "a",
        "template": "p",
        "arguments": GIVEN,
        "withSequence": {"count": str(size)},
    }
    run = Run()
    manifest = workflow([{"name": "main", "dag": {"tasks": [task]}}, ECHO])
    first = advance(run, Submitted(manifest, Library()), START)
    assert 0 < sum(isinstance(d, StartLeaf) for d in first) <= BUDGET
    assert first[-1] == SetTimer(START)
    begun = sum(isinstance(d, StartLeaf) for d in first)
    for _ in range(5):
        begun += sum(isinstance(d, StartLeaf) for d in advance(run, TimerFired(), START))
    assert begun == size


def test_facts_of_a_finished_leaf_change_nothing() -> None:
    world = World(workflow([{**ECHO, "name": "main", "inputs": {}}]))
    run = world.play()
    before = repr(run.nodes)
    late = LeafChanged("wf", Phase.FAILED, "too late", LeafOutputs(exit_code="9"))
    assert advance(run, late, START + 99) == []
    assert repr(run.nodes) == before


def test_names_with_one_hash_get_different_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lang.naming.fnv1a32", lambda text: 7)
    task = {"name": "a", "template": "p", "arguments": GIVEN, "withItems": ["1", "2"]}
    world = World(workflow([{"name": "main", "dag": {"tasks": [task]}}, ECHO]))
    run = world.play()
    assert run.phase is Phase.SUCCEEDED
    assert len(run.nodes) == 4
    pods = {leaf.pod_name for leaf in started(world)}
    assert len(pods) == 2


@pytest.mark.parametrize("spec", [{"templates": {"a": 1}}, {"templates": "x"}, {"arguments": []}])
def test_a_spec_of_wrong_types_is_refused_with_the_field(spec: dict[str, Any]) -> None:
    manifest = workflow([ECHO])
    manifest["spec"] |= spec
    run = Run()
    advance(run, Submitted(manifest, Library()), START)
    assert run.phase is Phase.FAILED
    assert f"spec.{next(iter(spec))}" in run.message
