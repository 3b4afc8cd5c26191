"""What `kubectl describe workflow` shows under Events."""

from __future__ import annotations

from kube import resources
from kube.cluster import Object
from tests.engine.rig import Rig
from tests.engine.scripted import Ending

LEAF = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}


def told(events: list[Object]) -> list[tuple[str, str, str]]:
    return sorted((e["type"], e["reason"], e["message"]) for e in events)


async def test_a_workflow_that_succeeds_tells_its_phases_and_those_of_its_nodes(rig: Rig) -> None:
    await rig.up()
    await rig.submit({"templates": [LEAF]})
    done = await rig.ended()
    events = await rig.events(4)
    assert told(events) == [
        ("Normal", "WorkflowNodeRunning", "Running node wf"),
        ("Normal", "WorkflowNodeSucceeded", "Succeeded node wf"),
        ("Normal", "WorkflowRunning", "Workflow Running"),
        ("Normal", "WorkflowSucceeded", "Workflow completed"),
    ]
    for event in events:
        involved = event["involvedObject"]
        assert involved["uid"] == done["metadata"]["uid"]
        assert (involved["kind"], involved["apiVersion"]) == ("Workflow", "argoproj.io/v1alpha1")
        assert event["source"]["component"] == "workflow-controller"
        assert event["count"] == 1
    [node] = [e for e in events if e["reason"] == "WorkflowNodeSucceeded"]
    assert node["metadata"]["annotations"]["workflows.argoproj.io/node-id"] == "wf"
    assert node["metadata"]["annotations"]["workflows.argoproj.io/node-type"] == "Pod"


async def test_a_failure_is_a_warning_with_its_message(rig: Rig) -> None:
    await rig.up(lambda _: Ending(3))
    await rig.submit({"templates": [LEAF]})
    await rig.ended()
    warnings = [e for e in told(await rig.events(4)) if e[0] == "Warning"]
    assert warnings == [
        ("Warning", "WorkflowFailed", "main: Error (exit code 3)"),
        ("Warning", "WorkflowNodeFailed", "Failed node wf: main: Error (exit code 3)"),
    ]


async def test_node_events_can_be_switched_off(rig: Rig) -> None:
    await rig.up(node_events=False)
    await rig.submit({"templates": [LEAF]})
    await rig.ended()
    assert [e[1] for e in told(await rig.events(2))] == ["WorkflowRunning", "WorkflowSucceeded"]


async def test_a_wide_fan_out_keeps_to_its_budget(rig: Rig) -> None:
    await rig.up()
    step = {"name": "item", "template": "one", "withSequence": {"count": "260"}}
    await rig.submit({"templates": [{"name": "main", "steps": [[step]]}, {**LEAF, "name": "one"}]})
    await rig.ended()
    events = await rig.events(202)
    assert rig.engine is not None
    await rig.engine.events.drained()
    listed = await rig.cluster.list(resources.EVENTS, "default")
    nodes = [e for e in listed.items if e["reason"].startswith("WorkflowNode")]
    assert 200 <= len(nodes) < 240
    assert {"WorkflowRunning", "WorkflowSucceeded"} <= {e["reason"] for e in events}
