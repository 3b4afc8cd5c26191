"""Resource templates on the embedded API server: every action, conditions, outputs, repetition."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kube import resources
from kube.cluster import MERGE_STATUS, Object
from kube.errors import NotFound
from tests.engine.rig import Rig, node_of, phase_of

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {%s}
data: {color: %s}
"""


def template(resource: Object, **more: Any) -> Object:
    return {"templates": [{"name": "main", "resource": resource, **more}]}


def manifest(meta: str = "name: made", color: str = "red") -> str:
    return CONFIG_MAP % (meta, color)


async def config_map(rig: Rig, name: str = "made") -> Object:
    return await rig.cluster.get(resources.CONFIGMAPS, "default", name)


async def make(rig: Rig, name: str = "made", **data: str) -> Object:
    body = {"metadata": {"name": name, "labels": {"app": "x"}}, "data": data}
    return await rig.cluster.create(resources.CONFIGMAPS, "default", body)


async def test_create_makes_the_object_and_reads_outputs_from_it(rig: Rig) -> None:
    await rig.up()
    outputs = {
        "parameters": [
            {"name": "color", "valueFrom": {"jsonPath": "{.data.color}"}},
            {"name": "name", "valueFrom": {"jqFilter": ".metadata.name"}},
            {"name": "none", "valueFrom": {"jsonPath": "{.data.nothing}"}},
        ]
    }
    spec = template(
        {"action": "create", "manifest": manifest(), "setOwnerReference": True}, outputs=outputs
    )
    await rig.submit(spec)
    done = await rig.ended()
    node = node_of(done, "wf")
    assert (node["type"], node["phase"]) == ("Pod", "Succeeded")
    found = {p["name"]: p["value"] for p in node["outputs"]["parameters"]}
    assert found == {"color": "red", "name": "made", "none": ""}
    made = await config_map(rig)
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Workflow", done["metadata"]["uid"])
    assert (await rig.cluster.list(resources.PODS, "default")).items == []


async def test_create_of_a_name_that_is_taken_fails_with_the_words_of_the_api(rig: Rig) -> None:
    await make(rig, color="blue")
    await rig.up()
    await rig.submit(template({"action": "create", "manifest": manifest()}))
    done = await rig.ended()
    assert phase_of(done) == "Failed"
    assert "already exists" in node_of(done, "wf")["message"]
    assert (await config_map(rig))["data"] == {"color": "blue"}


async def test_generated_names_differ_between_nodes_and_not_between_tries(rig: Rig) -> None:
    await rig.up()
    step = {"name": "item", "template": "one", "withItems": [1, 2, 3]}
    one = {
        "name": "one",
        "resource": {"action": "create", "manifest": manifest("generateName: gen-")},
    }
    await rig.submit({"templates": [{"name": "main", "steps": [[step]]}, one]})
    await rig.ended()
    listed = await rig.cluster.list(resources.CONFIGMAPS, "default")
    names = [o["metadata"]["name"] for o in listed.items if o["metadata"]["name"][:4] == "gen-"]
    assert len(names) == 3


@pytest.mark.parametrize(
    ("action", "strategy"), [("apply", ""), ("patch", "merge"), ("patch", ""), ("replace", "")]
)
async def test_what_exists_is_changed(rig: Rig, action: str, strategy: str) -> None:
    await make(rig, color="blue", size="1")
    await rig.up()
    resource = {"action": action, "manifest": manifest()}
    if strategy:
        resource["mergeStrategy"] = strategy
    await rig.submit(template(resource))
    assert phase_of(await rig.ended()) == "Succeeded"
    data = (await config_map(rig))["data"]
    assert data == ({"color": "red"} if action == "replace" else {"color": "red", "size": "1"})


async def test_a_json_patch_finds_its_target_in_the_flags(rig: Rig) -> None:
    await make(rig, color="blue")
    await rig.up()
    resource = {
        "action": "patch",
        "mergeStrategy": "json",
        "flags": ["configmap", "made"],
        "manifest": '- {op: replace, path: /data/color, value: "green"}',
    }
    await rig.submit(template(resource))
    assert phase_of(await rig.ended()) == "Succeeded"
    assert (await config_map(rig))["data"] == {"color": "green"}


async def test_delete_waits_until_the_object_is_gone_and_a_missing_one_is_fine(rig: Rig) -> None:
    made = await make(rig)
    body = {"metadata": {"finalizers": ["example.com/wait"]}}
    await rig.cluster.patch(resources.CONFIGMAPS, "default", "made", body)
    await rig.up()
    await rig.submit(template({"action": "delete", "manifest": manifest()}))
    going = await rig.until(
        resources.CONFIGMAPS, "made", lambda o: o["metadata"].get("deletionTimestamp")
    )
    assert going["metadata"]["uid"] == made["metadata"]["uid"]
    free = {"metadata": {"finalizers": None}}
    await rig.cluster.patch(resources.CONFIGMAPS, "default", "made", free)
    assert phase_of(await rig.ended()) == "Succeeded"
    await rig.submit(template({"action": "delete", "manifest": manifest()}), "again")
    assert phase_of(await rig.ended("again")) == "Succeeded"


async def test_delete_by_selector_takes_those_that_match(rig: Rig) -> None:
    await make(rig, "a")
    await make(rig, "b")
    await rig.cluster.create(resources.CONFIGMAPS, "default", {"metadata": {"name": "c"}})
    await rig.up()
    await rig.submit(template({"action": "delete", "flags": ["cm", "-l", "app=x"]}))
    assert phase_of(await rig.ended()) == "Succeeded"
    listed = await rig.cluster.list(resources.CONFIGMAPS, "default")
    names = {o["metadata"]["name"] for o in listed.items}
    assert names & {"a", "b", "c"} == {"c"}


async def test_conditions_are_waited_for(rig: Rig) -> None:
    await rig.up()
    child = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: child}\n"
        "spec: {containers: [{name: main, image: alpine}]}"
    )
    resource = {
        "action": "create",
        "manifest": child,
        "successCondition": "status.phase == Succeeded",
        "failureCondition": "status.phase in (Failed)",
    }
    await rig.submit(template(resource))
    await rig.until(resources.WORKFLOWS, "wf", lambda w: phase_of(w) == "Running")
    await rig.until(resources.PODS, "child", lambda _: True)
    for phase in ("Running", "Succeeded"):
        body = {"status": {"phase": phase}}
        await rig.cluster.patch(resources.PODS, "default", "child", body, MERGE_STATUS)
    assert phase_of(await rig.ended()) == "Succeeded"


async def test_a_failure_condition_fails_the_node_and_says_which(rig: Rig) -> None:
    await make(rig, state="broken")
    await rig.up()
    resource = {
        "action": "get",
        "manifest": manifest(),
        "successCondition": "data.state == good",
        "failureCondition": "data.state == broken",
    }
    await rig.submit(template(resource))
    node = node_of(await rig.ended(), "wf")
    assert node["phase"] == "Failed"
    assert node["message"] == "failure condition '{data.state == [broken]}' evaluated true"
    assert node["outputs"]["exitCode"] == "64"


async def test_an_object_that_is_deleted_while_it_is_waited_for_fails_the_node(rig: Rig) -> None:
    await make(rig)
    await rig.up()
    resource = {"action": "get", "manifest": manifest(), "successCondition": "data.state == good"}
    await rig.submit(template(resource))
    await rig.until(
        resources.WORKFLOWS, "wf", lambda w: phase_of(w) == "Running" and w["status"].get("nodes")
    )
    await rig.cluster.delete(resources.CONFIGMAPS, "default", "made")
    message = node_of(await rig.ended(), "wf")["message"]
    assert message.startswith("The resource has been deleted while its status was still being")


async def test_a_create_that_is_repeated_after_a_restart_meets_its_own_object(rig: Rig) -> None:
    await rig.up()
    resource = {
        "action": "create",
        "manifest": manifest("generateName: once-"),
        "successCondition": "data.state == good",
    }
    await rig.submit(template(resource))

    async def made() -> list[str]:
        listed = await rig.cluster.list(resources.CONFIGMAPS, "default")
        return [o["metadata"]["name"] for o in listed.items if o["metadata"]["name"][:5] == "once-"]

    async with asyncio.timeout(10):
        while not await made():
            await asyncio.sleep(0.01)
    await rig.until(
        resources.WORKFLOWS,
        "wf",
        lambda w: any(
            n["phase"] == "Running" for n in (w.get("status") or {}).get("nodes", {}).values()
        ),
    )
    await rig.down()
    await rig.up()
    [name] = await made()
    await rig.cluster.patch(resources.CONFIGMAPS, "default", name, {"data": {"state": "good"}})
    assert phase_of(await rig.ended()) == "Succeeded"
    assert await made() == [name]


async def test_a_deadline_ends_the_waiting(rig: Rig) -> None:
    await make(rig)
    await rig.up()
    resource = {"action": "get", "manifest": manifest(), "successCondition": "data.state == good"}
    await rig.submit(template(resource, activeDeadlineSeconds=1))
    node = node_of(await rig.ended(), "wf")
    assert (node["phase"], node["message"]) == (
        "Failed",
        "Pod was active on the node longer than the specified deadline",
    )


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"action": "create", "manifest": "a: ["}, "must be a valid yaml"),
        ({"action": "create", "manifest": "apiVersion: v1\nkind: Nothing"}, 'kind "Nothing"'),
        ({"action": "get"}, "Must provide at least one of flags or manifest."),
        ({"action": "get", "flags": ["cm", "x", "--as=root"]}, "--as is not supported"),
        ({"action": "get", "flags": ["cm", "none"]}, "not found"),
    ],
)
async def test_mistakes_fail_the_node_in_words(rig: Rig, resource: Object, message: str) -> None:
    await rig.up()
    await rig.submit(template(resource))
    done = await rig.ended()
    assert phase_of(done) in {"Failed", "Error"}
    assert message in done["status"]["message"]


async def test_a_manifest_may_come_from_an_artifact(rig: Rig) -> None:
    await rig.up()
    artifact = {"name": "mf", "path": "/mf", "raw": {"data": manifest(color="pink")}}
    resource = {"action": "create", "manifestFrom": {"artifact": {"name": "mf"}}}
    await rig.submit(template(resource, inputs={"artifacts": [artifact]}))
    assert phase_of(await rig.ended()) == "Succeeded"
    assert (await config_map(rig))["data"] == {"color": "pink"}


async def test_a_stopped_workflow_does_not_wait_any_longer(rig: Rig) -> None:
    await make(rig)
    await rig.up()
    resource = {"action": "get", "manifest": manifest(), "successCondition": "data.state == good"}
    await rig.submit(template(resource))
    await rig.until(resources.WORKFLOWS, "wf", lambda w: phase_of(w) == "Running")
    body = {"spec": {"shutdown": "Terminate"}}
    await rig.cluster.patch(resources.WORKFLOWS, "default", "wf", body)
    assert phase_of(await rig.ended()) == "Failed"
    with pytest.raises(NotFound):
        await rig.cluster.get(resources.CONFIGMAPS, "default", "other")
