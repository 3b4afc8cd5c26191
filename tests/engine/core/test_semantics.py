"""What the recorded runs leave open: hooks of loops, daemons, waiting, depth, pods."""

from __future__ import annotations

import json
from typing import Any

from tests.oracles.workflow_runner import Case

Json = dict[str, Any]
LEAF = {"name": "w", "container": {"image": "alpine", "command": ["true"]}}


def play(main: Json, *templates: Json, pods: list[Json] | None = None, **spec: Any) -> Case:
    """One workflow called `wf`, to its end."""
    every = [{"name": "main", **main}, LEAF, *templates]
    body = {"entrypoint": "main", "templates": every, **spec}
    document = {"kind": "Workflow", "metadata": {"name": "wf"}, "spec": body}
    case = Case({"manifests": json.dumps(document), "pods": pods or [], "expected": {}})
    case.play()
    return case


def rows(case: Case) -> dict[str, tuple[str, str]]:
    """Phase and message by node name."""
    return {n.name: (n.phase.value, n.message) for n in case.run.nodes.values()}


def phases(case: Case) -> dict[str, str]:
    return {name: phase for name, (phase, _) in rows(case).items()}


def pod(case: Case, node: str) -> Json:
    [found] = [p for p in case.shown.values() if p["node"] == node]
    return found


def test_exit_hooks_of_a_looped_task_run_for_each_item_and_for_the_loop() -> None:
    hooks = {
        "exit": {"template": "w"},
        "done": {"template": "w", "expression": 'tasks.a.status == "Succeeded"'},
    }
    task = {"name": "a", "template": "w", "withItems": [1, 2], "hooks": hooks}
    found = phases(play({"dag": {"tasks": [task]}}))
    assert {name for name in found if "hooks" in name} == {"wf.a.hooks.done"}
    assert {name for name in found if name.endswith("onExit")} == {
        "wf.a.onExit",
        "wf.a(0:1).onExit",
        "wf.a(1:2).onExit",
    }


def test_hooks_of_a_skipped_step_are_forgotten() -> None:
    hook = {"seen": {"template": "w", "expression": "true"}}
    step = {"name": "a", "template": "w", "when": "1 == 2", "hooks": hook}
    assert set(phases(play({"steps": [[step]]}))) == {"wf", "wf[0]", "wf[0].a"}


def test_a_hook_that_cannot_be_executed_fails_the_group() -> None:
    step = {"name": "a", "template": "w", "hooks": {"exit": {"template": "nowhere"}}}
    found = rows(play({"steps": [[step], [{"name": "b", "template": "w"}]]}))
    assert found["wf[0]"] == ("Error", "template name 'nowhere' undefined")
    assert found["wf"] == ("Failed", "template name 'nowhere' undefined")


def test_an_item_can_stand_in_the_arguments_of_its_exit_hook() -> None:
    given = {"parameters": [{"name": "x", "value": "bye {{item}} {{steps.a.status}}"}]}
    bye = {
        "name": "bye",
        "inputs": {"parameters": [{"name": "x"}]},
        "container": {"image": "alpine", "args": ["{{inputs.parameters.x}}"]},
    }
    hooks = {"exit": {"template": "bye", "arguments": given}}
    step = {"name": "a", "template": "w", "withItems": [1], "hooks": hooks}
    case = play({"steps": [[step]]}, bye)
    assert pod(case, "wf[0].a(0:1).onExit")["containers"]["main"]["args"] == ["bye 1 Succeeded"]


def test_a_retried_daemon_that_ends_is_started_again() -> None:
    daemon = {**LEAF, "name": "d", "daemon": True, "retryStrategy": {"limit": 3}}
    tasks = [
        {"name": "d", "template": "d"},
        {"name": "a", "template": "w", "dependencies": ["d"]},
    ]
    pods = [
        {"template": "d", "exit": 1, "seconds": 1, "times": 1},
        {"template": "d", "seconds": 100},
        {"template": "w", "seconds": 5},
    ]
    case = play({"dag": {"tasks": tasks}}, daemon, pods=pods)
    assert phases(case) == {
        "wf": "Succeeded",
        "wf.d": "Succeeded",
        "wf.d(0)": "Failed",
        "wf.d(1)": "Succeeded",
        "wf.a": "Succeeded",
    }


def test_waiting_for_a_lock_counts_for_a_timeout() -> None:
    locked = {**LEAF, "synchronization": {"mutexes": [{"name": "m"}]}}
    first, second = {**locked, "name": "p"}, {**locked, "name": "q", "timeout": "5s"}
    tasks = [{"name": "a", "template": "p"}, {"name": "b", "template": "q"}]
    case = play({"dag": {"tasks": tasks}}, first, second, pods=[{"node": "a$", "seconds": 20}])
    assert rows(case)["wf.b"] == ("Failed", "timeout")
    assert len(case.shown) == 1


def test_what_waits_when_the_deadline_comes_never_starts() -> None:
    tasks = [{"name": "a", "template": "w"}, {"name": "b", "template": "w"}]
    pods = [{"node": "a$", "seconds": 20}]
    case = play({"dag": {"tasks": tasks}}, pods=pods, parallelism=1, activeDeadlineSeconds=5)
    assert rows(case)["wf.b"] == ("Failed", "Step exceeded its deadline")
    assert len(case.shown) == 1


def test_endless_recursion_ends_with_a_node_that_says_so() -> None:
    case = play({"steps": [[{"name": "a", "template": "main"}]]})
    [deepest] = [m for p, m in rows(case).values() if p == "Error"]
    assert deepest.startswith("Maximum recursion depth exceeded")
    assert case.run.phase == "Failed"
    assert sum(1 for node in case.run.nodes.values() if node.type == "Steps") == 99


def test_a_display_name_is_made_of_the_inputs() -> None:
    named = {
        **LEAF,
        "name": "n",
        "inputs": {"parameters": [{"name": "x"}]},
        "annotations": {"workflows.argoproj.io/display-name": "build-{{inputs.parameters.x}}"},
    }
    given = {"parameters": [{"name": "x", "value": "it"}]}
    case = play({"steps": [[{"name": "a", "template": "n", "arguments": given}]]}, named)
    shown = {node.name: node.display_name for node in case.run.nodes.values()}
    assert shown["wf[0].a"] == "build-it"


def test_a_pod_has_the_workflow_s_volumes_that_it_mounts() -> None:
    volumes = [{"name": "used", "emptyDir": {}}, {"name": "not", "emptyDir": {}}]
    mount = [{"name": "used", "mountPath": "/u"}]
    case = play({"container": {"image": "alpine", "volumeMounts": mount}}, volumes=volumes)
    assert [v["name"] for v in pod(case, "wf")["volumes"]] == ["used"]


def test_pod_metadata_of_the_workflow_can_name_inputs_and_the_pod() -> None:
    inputs = {"parameters": [{"name": "x", "default": "d"}]}
    labels = {"x": "{{inputs.parameters.x}}", "pod": "{{pod.name}}"}
    main = {"container": {"image": "alpine"}, "inputs": inputs}
    found = pod(play(main, podMetadata={"labels": labels}), "wf")["labels"]
    assert (found["x"], found["pod"]) == ("d", "wf")


def test_a_label_that_is_none_stops_the_workflow() -> None:
    main = {"container": {"image": "alpine"}}
    case = play(main, workflowMetadata={"labelsFrom": {"a": {"expression": "1 + 1"}}})
    assert case.run.phase == "Error"
    assert "evaluted to int but must be a string" in case.run.message
    case = play(main, workflowMetadata={"labels": {"a": "not a label"}})
    assert case.run.message.startswith('invalid label value "not a label" for label "a"')
    assert case.shown == {}
