"""`metrics.prometheus`: when samples come, and with which values."""

from __future__ import annotations

from typing import Any

from engine.core.decisions import EmitMetric, StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs
from engine.core.phases import Phase
from tests.engine.core.playing import World, workflow

LEAF = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}


def metric(name: str, **body: Any) -> dict[str, Any]:
    return {"prometheus": [{"name": name, "help": "h", **body}]}


def samples(world: World) -> list[EmitMetric]:
    return [each for each in world.decisions if isinstance(each, EmitMetric)]


def test_a_template_counts_its_end_with_labels() -> None:
    count = metric(
        "ended",
        counter={"value": "1"},
        labels=[{"key": "how", "value": "{{status}} {{exitCode}} {{resourcesDuration.cpu}}"}],
    )
    world = World(workflow([{**LEAF, "metrics": count}]))
    world.play()
    [sample] = samples(world)
    assert (sample.kind, sample.name, sample.value) == ("counter", "ended", 1.0)
    assert sample.labels == (("how", "Succeeded 0 0"),)


def test_every_attempt_counts_once() -> None:
    def answer(leaf: StartLeaf) -> LeafChanged:
        if leaf.node_name.endswith("(2)"):
            return LeafChanged(leaf.node_id, Phase.SUCCEEDED, outputs=LeafOutputs(exit_code="0"))
        return LeafChanged(leaf.node_id, Phase.FAILED, outputs=LeafOutputs(exit_code="1"))

    count = metric("tried", counter={"value": "1"}, labels=[{"key": "p", "value": "{{status}}"}])
    retried = {**LEAF, "retryStrategy": {"limit": 3}, "metrics": count}
    world = World(workflow([retried]), answer)
    world.play()
    assert [dict(each.labels)["p"] for each in samples(world)] == ["Failed", "Failed", "Succeeded"]


def test_a_live_gauge_begins_with_its_node_and_ends_with_a_number() -> None:
    gauge = metric("age", gauge={"value": "{{duration}}", "realtime": True})
    world = World(workflow([{**LEAF, "metrics": gauge}]))
    world.play()
    first, last = samples(world)
    assert first.since is not None
    assert last.since is None


def test_a_live_gauge_of_the_workflow_begins_with_it() -> None:
    gauge = metric("age", gauge={"value": "{{workflow.duration}}", "realtime": True})
    world = World(workflow([LEAF], metrics=gauge))
    run = world.play()
    assert samples(world)[0].since == run.started_at


def test_a_metric_that_cannot_be_computed_is_a_condition() -> None:
    count = metric("odd", counter={"value": "{{outputs.parameters.nothing}}"})
    world = World(workflow([LEAF], metrics=count))
    run = world.play()
    assert run.phase is Phase.SUCCEEDED
    assert samples(world) == []
    assert run.conditions["MetricsError"]["status"] == "True"


def test_a_condition_that_is_false_emits_nothing() -> None:
    count = metric("failed", counter={"value": "1"}, when="{{status}} == Failed")
    world = World(workflow([{**LEAF, "metrics": count}]))
    world.play()
    assert samples(world) == []
