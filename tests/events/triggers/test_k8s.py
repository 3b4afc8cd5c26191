"""`k8s` against the embedded API: every operation, every patch type, once per firing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from events.triggers import objects, registry
from events.triggers.contract import TriggerFailed
from headrace.local.apiserver.definitions import kinds_of
from headrace.local.apiserver.inprocess import InProcessCluster
from kube.cluster import Object
from kube.errors import AlreadyExists, Conflict, KubeError, NotFound, Transient
from kube.resources import CONFIGMAPS, NAMESPACES, PODS, WORKFLOWS, Resource
from tests.events.triggers import firing
from tests.events.triggers.firing import taken

OTHER = "fedcba9876543210fedcba9876543210"


def config(name: str = "target", **data: str) -> Object:
    meta = {"name": name} if name else {"generateName": "cm-"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def pod(*containers: dict[str, Any], **meta: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "target", **meta},
        "spec": {"containers": list(containers)},
    }


async def fire(
    cluster: Any,
    operation: str,
    source: Object,
    *parameters: Any,
    key: str = firing.KEY,
    **more: Any,
) -> str:
    policy = more.pop("policy", None)
    spec = {"operation": operation, "source": {"resource": source}, **more}
    spec["parameters"] = list(parameters)
    trigger = registry.TRIGGERS["k8s"]
    assert trigger.check(spec) is None
    context = replace(firing.context(cluster=cluster, policy=policy), key=key)
    return await trigger.fire(context, spec)


async def stored(cluster: Any, resource: Resource = CONFIGMAPS, name: str = "target") -> Object:
    found: Object = await cluster.get(resource, "argo", name)
    return found


class Lossy:
    """A cluster whose next write takes place, and whose answer is lost on the way."""

    def __init__(self, cluster: InProcessCluster) -> None:
        self._cluster = cluster
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cluster, name)
        if name not in ("create", "update", "patch", "delete"):
            return method

        async def write(*given: Any, **named: Any) -> Any:
            done = await method(*given, **named)
            if not self.lost:
                self.lost += 1
                raise Transient("connection reset")
            return done

        return write


async def test_an_object_is_created_once_with_the_marks_of_its_firing(
    cluster: InProcessCluster,
) -> None:
    lossy = Lossy(cluster)
    with pytest.raises(Transient):
        await fire(lossy, "create", config("", a=""), taken("body.name", "data.a"))
    name = f"cm-{objects.suffix(firing.KEY)}"
    made = await fire(lossy, "create", config("", a=""), taken("body.name", "data.a"))
    assert made == f"ConfigMap/argo/{name}"
    found = await stored(cluster, name=name)
    assert found["data"] == {"a": "shop"}
    assert found["metadata"]["labels"][objects.SENSOR_LABEL] == "ci"
    assert found["metadata"]["labels"][objects.TRIGGER_LABEL] == "t"
    assert found["metadata"]["annotations"][objects.FIRING] == firing.KEY
    other = await fire(cluster, "create", config("", a=""), key=OTHER)
    assert other != made


async def test_a_name_that_is_taken_is_a_permanent_failure(cluster: InProcessCluster) -> None:
    await fire(cluster, "create", config(a="1"))
    with pytest.raises(TriggerFailed, match="'target' already exists and is not of") as failed:
        await fire(cluster, "create", config(a="2"), key=OTHER)
    assert failed.value.permanent


async def test_an_object_that_goes_meanwhile_is_made_by_the_next_attempt(
    cluster: InProcessCluster,
) -> None:
    class Going(Lossy):
        async def create(self, *given: Any, **named: Any) -> Any:
            raise AlreadyExists("target")

    with pytest.raises(TriggerFailed, match="was there and is gone") as failed:
        await fire(Going(cluster), "create", config(a="1"))
    assert not failed.value.permanent


async def test_cluster_scoped_kinds_have_no_namespace(cluster: InProcessCluster) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}}
    assert await fire(cluster, "create", namespace) == "Namespace//made"
    assert (await cluster.get(NAMESPACES, None, "made"))["metadata"]["name"] == "made"
    template = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ClusterWorkflowTemplate",
        "metadata": {"name": "ci"},
        "spec": {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "x"}}]},
    }
    assert await fire(cluster, "create", template) == "ClusterWorkflowTemplate//ci"


async def test_a_kind_nobody_knows_is_asked_of_the_cluster(cluster: InProcessCluster) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "geese.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "geese", "singular": "goose", "kind": "Goose"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    goose = {"apiVersion": "example.com/v1", "kind": "Goose", "metadata": {"name": "grey"}}
    with pytest.raises(TriggerFailed, match='source: no matches for kind "Goose"') as failed:
        await fire(cluster, "create", goose)
    assert failed.value.permanent
    for kind in kinds_of(definition):
        cluster._api.kinds.add(kind)
    assert await fire(cluster, "create", goose) == "Goose//grey"


async def test_the_namespace_is_the_one_that_is_written(cluster: InProcessCluster) -> None:
    await cluster.create(NAMESPACES, None, {"metadata": {"name": "shop"}})
    source = config(a="1")
    assert await fire(cluster, "create", source, taken("body.name", "metadata.namespace")) == (
        "ConfigMap/shop/target"
    )


async def test_update_merges_and_what_is_empty_changes_nothing(cluster: InProcessCluster) -> None:
    before = pod({"name": "a", "image": "x"}, labels={"keep": "1", "change": "old"})
    await cluster.create(PODS, "argo", before)
    change = pod(labels={"change": "", "new": "2", "keep": ""})
    await fire(cluster, "update", change, taken("body.name", "metadata.labels.change"))
    found = await stored(cluster, PODS)
    assert found["metadata"]["labels"] == {"keep": "1", "change": "shop", "new": "2"}
    assert found["spec"]["containers"][0]["image"] == "x"


async def test_update_tries_again_with_the_newer_version(cluster: InProcessCluster) -> None:
    class Busy(Lossy):
        async def update(self, *given: Any, **named: Any) -> Any:
            if not self.lost:
                self.lost += 1
                now = await stored(self._cluster)
                await self._cluster.update(
                    CONFIGMAPS, "argo", {**now, "data": {**now["data"], "theirs": "1"}}
                )
            return await self._cluster.update(*given, **named)

    await cluster.create(CONFIGMAPS, "argo", config(a="old", b="kept"))
    await fire(Busy(cluster), "update", config(a="new"))
    assert (await stored(cluster))["data"] == {"a": "new", "b": "kept", "theirs": "1"}
    await fire(Busy(cluster), "update", config(), taken("body.name", "data.a"), liveObject=True)
    assert (await stored(cluster))["data"] == {"a": "shop", "b": "kept", "theirs": "1"}


async def test_a_conflict_without_an_end_is_left_to_the_next_attempt(
    cluster: InProcessCluster,
) -> None:
    class Busy(Lossy):
        async def update(self, *given: Any, **named: Any) -> Any:
            raise Conflict("changed")

    await cluster.create(CONFIGMAPS, "argo", config(a="old"))
    for live in (False, True):
        with pytest.raises(Conflict):
            await fire(Busy(cluster), "update", config(a="new"), liveObject=live)


@pytest.mark.parametrize("operation", ["update", "patch"])
async def test_what_is_not_there_is_created(cluster: InProcessCluster, operation: str) -> None:
    await fire(cluster, operation, config(a="1"))
    found = await stored(cluster)
    assert found["data"] == {"a": "1"}
    assert found["metadata"]["annotations"][objects.FIRING] == firing.KEY


async def test_a_live_object_is_changed_once_per_firing(cluster: InProcessCluster) -> None:
    await cluster.create(CONFIGMAPS, "argo", config(log="a", off="yes"))
    more = {**taken("body.name", "data.log"), "operation": "append"}
    empty = {"src": {"dependencyName": "push", "value": ""}, "dest": "data.off"}
    lossy = Lossy(cluster)
    with pytest.raises(Transient):
        await fire(lossy, "update", config(), more, empty, liveObject=True)
    await fire(lossy, "update", config(), more, empty, liveObject=True, key=OTHER)
    await fire(lossy, "update", config(), more, empty, liveObject=True)
    assert (await stored(cluster))["data"] == {"log": "ashopshop", "off": ""}


async def test_a_live_object_must_be_there_and_named(cluster: InProcessCluster) -> None:
    with pytest.raises(NotFound):
        await fire(cluster, "update", config(), liveObject=True)
    with pytest.raises(TriggerFailed, match=r"metadata\.name is required"):
        await fire(cluster, "update", config(""), liveObject=True)


@pytest.mark.parametrize(
    "strategy", ["", "application/merge-patch+json", "application/apply-patch+yaml"]
)
async def test_a_patch_is_the_whole_source(cluster: InProcessCluster, strategy: str) -> None:
    await cluster.create(CONFIGMAPS, "argo", config(a="old", keep="1"))
    parameter = taken("body.name", "data.a")
    await fire(cluster, "patch", config(a=""), parameter, patchStrategy=strategy)
    assert (await stored(cluster))["data"] == {"a": "shop", "keep": "1"}


async def test_a_strategic_patch_joins_lists_by_their_keys(cluster: InProcessCluster) -> None:
    strategy = {"patchStrategy": "application/strategic-merge-patch+json"}
    await cluster.create(PODS, "argo", pod(*({"name": n, "image": "x"} for n in "ab")))
    change = pod({"name": "b", "image": ""})
    await fire(cluster, "patch", change, taken("body.name", "spec.containers.0.image"), **strategy)
    found = (await stored(cluster, PODS))["spec"]["containers"]
    assert {c["name"]: c["image"] for c in found} == {"a": "x", "b": "shop"}


async def test_an_apply_patch_creates_what_is_not_there(cluster: InProcessCluster) -> None:
    strategy = "application/apply-patch+yaml"
    await fire(cluster, "patch", config(a="1"), patchStrategy=strategy)
    found = await stored(cluster)
    assert found["data"] == {"a": "1"}


def steps(*given: dict[str, Any]) -> Object:
    return {**config(), "patch": list(given)}


JSON = {"patchStrategy": "application/json-patch+json"}


@pytest.mark.parametrize("annotations", [{}, {"mine": "kept"}])
async def test_a_json_patch_is_made_once_per_firing(
    cluster: InProcessCluster, annotations: dict[str, str]
) -> None:
    before = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "target", "annotations": annotations},
        "spec": {"arguments": {"parameters": [{"name": "a", "value": "1"}]}},
    }
    await cluster.create(WORKFLOWS, "argo", before)
    add = {"op": "add", "path": "/spec/arguments/parameters/-", "value": {"name": "", "value": "2"}}
    source = {**before, "patch": [add]}
    parameter = taken("body.name", "patch.0.value.name")
    lossy = Lossy(cluster)
    with pytest.raises(Transient):
        await fire(lossy, "patch", source, parameter, **JSON)
    await fire(lossy, "patch", source, parameter, **JSON)
    found = await stored(cluster, WORKFLOWS)
    assert [p["name"] for p in found["spec"]["arguments"]["parameters"]] == ["a", "shop"]
    assert found["metadata"]["annotations"] == {**annotations, objects.CHANGE: firing.KEY}


async def test_a_json_patch_that_meets_a_newer_version_is_made_again(
    cluster: InProcessCluster,
) -> None:
    class Busy(Lossy):
        async def patch(self, *given: Any, **named: Any) -> Any:
            if not self.lost:
                self.lost += 1
                await self._cluster.patch(CONFIGMAPS, "argo", "target", {"data": {"b": "2"}})
            return await self._cluster.patch(*given, **named)

    await cluster.create(CONFIGMAPS, "argo", config(a="1"))
    change = steps({"op": "replace", "path": "/data/a", "value": "new"})
    await fire(Busy(cluster), "patch", change, **JSON)
    assert (await stored(cluster))["data"] == {"a": "new", "b": "2"}


async def test_a_json_patch_that_does_not_fit_is_refused(cluster: InProcessCluster) -> None:
    with pytest.raises(TriggerFailed, match="there is no ConfigMap 'target' to patch") as failed:
        await fire(cluster, "patch", steps(), **JSON)
    assert failed.value.permanent
    await cluster.create(CONFIGMAPS, "argo", config(a="1"))
    with pytest.raises(TriggerFailed, match="a JSON patch needs a list `patch`"):
        await fire(cluster, "patch", config(a="2"), **JSON)
    with pytest.raises(KubeError):
        await fire(cluster, "patch", steps({"op": "test", "path": "/data/a", "value": "2"}), **JSON)
    assert (await stored(cluster))["data"] == {"a": "1"}


async def test_delete_succeeds_also_when_there_is_nothing(cluster: InProcessCluster) -> None:
    await cluster.create(CONFIGMAPS, "argo", config(a="1"))
    lossy = Lossy(cluster)
    with pytest.raises(Transient):
        await fire(lossy, "delete", config())
    assert await fire(lossy, "delete", config()) == "ConfigMap/argo/target (was not there)"
    with pytest.raises(NotFound):
        await stored(cluster)


@pytest.mark.parametrize("name", ["a/../../secrets/x", "..", "a?x=1", "a%2Fb"])
async def test_an_event_cannot_lead_to_another_object(cluster: InProcessCluster, name: str) -> None:
    for dest in ("metadata.name", "metadata.namespace"):
        put = {"src": {"dependencyName": "push", "value": name}, "dest": dest}
        for operation in ("create", "update", "patch", "delete"):
            with pytest.raises(TriggerFailed, match=rf"source: {dest}: .* is no name") as failed:
                await fire(cluster, operation, config(), put)
            assert failed.value.permanent


POLICY = {"k8s": {"labels": {"done": "yes"}, "backoff": {"duration": "1ms", "steps": 3}}}


async def test_a_policy_waits_for_labels(cluster: InProcessCluster) -> None:
    patient = {"k8s": {**POLICY["k8s"], "backoff": {"duration": "1ms", "steps": 100_000}}}
    task = asyncio.create_task(fire(cluster, "create", config(a="1"), policy=patient))
    async with asyncio.timeout(40):
        while not task.done():
            try:
                labels = {"metadata": {"labels": {"done": "yes"}}}
                await cluster.patch(CONFIGMAPS, "argo", "target", labels)
            except NotFound:
                await asyncio.sleep(0.001)
            else:
                break
        assert await task == "ConfigMap/argo/target"


async def test_labels_that_do_not_come_fail_only_when_the_policy_says_so(
    cluster: InProcessCluster,
) -> None:
    assert await fire(cluster, "create", config(a="1"), policy=POLICY) == "ConfigMap/argo/target"
    strict = {"k8s": {**POLICY["k8s"], "errorOnBackoffTimeout": True}}
    with pytest.raises(TriggerFailed, match=r"policy\.k8s: ConfigMap target did not get") as failed:
        await fire(cluster, "create", config(a="1"), policy=strict)
    assert failed.value.permanent


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"operation": "replace"}, "operation: must be one of"),
        ({"patchStrategy": "json"}, "patchStrategy: 'json' is none of application/json-patch"),
        ({"source": None}, "source: is required"),
        ({"source": {"file": {}}}, "source: none of"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    fault = registry.TRIGGERS["k8s"].check({"source": {"resource": config()}, **wrong})
    assert (fault or "").startswith(where)


@pytest.mark.parametrize("given", [{"kind": "Pod"}, {"apiVersion": "v1"}, {"data": {}}])
async def test_an_object_without_a_kind_is_refused(
    cluster: InProcessCluster, given: Object
) -> None:
    with pytest.raises(TriggerFailed, match="source: apiVersion and kind are required"):
        await fire(cluster, "create", {"metadata": {"name": "a"}, **given})
