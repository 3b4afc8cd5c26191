"""The in-process cluster: optimistic concurrency, watches, owners, quotas, namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from headrace.local.apiserver.server import ApiServer
from kube import resources
from kube.cluster import MERGE_STATUS, Selector
from kube.errors import AlreadyExists, Conflict, Forbidden, Gone, Invalid, NotFound


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "busybox", **spec.pop("container", {})}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    """Until it holds; the test's own timeout ends what never does."""
    async with asyncio.timeout(40):
        while not await true():
            await asyncio.sleep(0.01)


async def gone(server: ApiServer, resource: resources.Resource, name: str) -> bool:
    try:
        await server.cluster.get(resource, "default", name)
    except NotFound:
        return True
    return False


async def test_a_stale_update_is_a_conflict(server: ApiServer) -> None:
    cluster = server.cluster
    first = await cluster.create(resources.CONFIGMAPS, "default", config_map("a", x="1"))
    await cluster.update(resources.CONFIGMAPS, "default", {**first, "data": {"x": "2"}})
    with pytest.raises(Conflict):
        await cluster.update(resources.CONFIGMAPS, "default", {**first, "data": {"x": "3"}})


async def test_of_many_creators_of_one_name_one_wins(server: ApiServer) -> None:
    tries = [
        server.cluster.create(resources.CONFIGMAPS, "default", config_map("a", n=str(n)))
        for n in range(20)
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(r, dict) for r in results) == 1
    assert sum(isinstance(r, AlreadyExists) for r in results) == 19


async def test_concurrent_merge_patches_all_count(server: ApiServer) -> None:
    await server.cluster.create(resources.CONFIGMAPS, "default", config_map("a"))
    await asyncio.gather(
        *(
            server.cluster.patch(resources.CONFIGMAPS, "default", "a", {"data": {f"k{n}": "v"}})
            for n in range(30)
        )
    )
    found = await server.cluster.get(resources.CONFIGMAPS, "default", "a")
    assert len(found["data"]) == 30


async def test_a_watch_goes_on_from_its_place_without_gap_or_repeat(server: ApiServer) -> None:
    cluster = server.cluster
    listed = await cluster.list(resources.CONFIGMAPS, "default")
    for n in range(5):
        await cluster.create(resources.CONFIGMAPS, "default", config_map(f"a{n}"))
    seen = []
    async for event in cluster.watch(
        resources.CONFIGMAPS, "default", resource_version=listed.resource_version
    ):
        seen.append(event.object["metadata"]["name"])
        if len(seen) == 2:
            await cluster.create(resources.CONFIGMAPS, "default", config_map("a5"))
        if len(seen) == 6:
            break
    assert seen == [f"a{n}" for n in range(6)]


async def test_a_watch_from_a_forgotten_place_is_gone(server: ApiServer) -> None:
    server.state._oldest = 50
    changes = server.cluster.watch(resources.CONFIGMAPS, resource_version="3")
    with pytest.raises(Gone):
        await anext(changes)


async def test_dependents_go_with_their_owner(server: ApiServer) -> None:
    cluster = server.cluster
    owner = await cluster.create(resources.CONFIGMAPS, "default", config_map("owner"))
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    child = config_map("child")
    child["metadata"]["ownerReferences"] = [reference]
    await cluster.create(resources.CONFIGMAPS, "default", child)
    await cluster.delete(resources.CONFIGMAPS, "default", "owner")
    await eventually(lambda: gone(server, resources.CONFIGMAPS, "child"))


async def test_orphaned_dependents_stay(server: ApiServer) -> None:
    cluster = server.cluster
    owner = await cluster.create(resources.CONFIGMAPS, "default", config_map("owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    child = config_map("child")
    child["metadata"]["ownerReferences"] = [{**reference, "uid": owner["metadata"]["uid"]}]
    await cluster.create(resources.CONFIGMAPS, "default", child)
    await cluster.delete(resources.CONFIGMAPS, "default", "owner", propagation="Orphan")
    await eventually(lambda: gone(server, resources.CONFIGMAPS, "owner"))
    left = await cluster.get(resources.CONFIGMAPS, "default", "child")
    assert "ownerReferences" not in left["metadata"]


async def test_a_deleted_namespace_takes_everything_with_it(server: ApiServer) -> None:
    cluster = server.cluster
    await cluster.create(resources.NAMESPACES, None, {"metadata": {"name": "team"}})
    await cluster.create(resources.CONFIGMAPS, "team", config_map("a"))
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(resources.CONFIGMAPS, "team", held)
    await cluster.delete(resources.NAMESPACES, None, "team")
    with pytest.raises(Forbidden, match="being terminated"):
        await cluster.create(resources.CONFIGMAPS, "team", config_map("late"))
    unheld = {"metadata": {"finalizers": None}}
    await cluster.patch(resources.CONFIGMAPS, "team", "held", unheld)

    async def ended() -> bool:
        names = [n["metadata"]["name"] for n in (await cluster.list(resources.NAMESPACES)).items]
        return "team" not in names

    await eventually(ended)


async def test_a_quota_refuses_what_exceeds_it_and_shows_what_is_used(server: ApiServer) -> None:
    cluster = server.cluster
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "2", "requests.cpu": "1"}}}
    await cluster.create(resources.RESOURCE_QUOTAS, "default", quota)
    half = {"container": {"resources": {"requests": {"cpu": "600m"}}}}
    await cluster.create(resources.PODS, "default", pod("a", **half))
    with pytest.raises(Forbidden, match=r"exceeded quota: q, requested: requests\.cpu=600m"):
        await cluster.create(resources.PODS, "default", pod("b", **half))
    with pytest.raises(Forbidden, match=r"must specify requests\.cpu for: main"):
        await cluster.create(resources.PODS, "default", pod("c"))
    ended = {"status": {"phase": "Succeeded"}}
    await cluster.patch(resources.PODS, "default", "a", ended, MERGE_STATUS)
    await cluster.create(resources.PODS, "default", pod("b", **half))

    async def counted() -> bool:
        found = await cluster.get(resources.RESOURCE_QUOTAS, "default", "q")
        return bool(
            (found.get("status") or {}).get("used") == {"pods": "1", "requests.cpu": "600m"}
        )

    await eventually(counted)


async def test_a_limit_range_fills_in_and_bounds(server: ApiServer) -> None:
    cluster = server.cluster
    limits = [
        {
            "type": "Container",
            "default": {"memory": "128Mi"},
            "defaultRequest": {"cpu": "50m"},
            "max": {"memory": "1Gi"},
        }
    ]
    limit_range = resources.Resource("", "v1", "limitranges", "LimitRange")
    body = {"metadata": {"name": "l"}, "spec": {"limits": limits}}
    await cluster.create(limit_range, "default", body)
    made = await cluster.create(resources.PODS, "default", pod("a"))
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "128Mi"},
        "requests": {"cpu": "50m", "memory": "128Mi"},
    }
    huge = {"container": {"resources": {"limits": {"memory": "2Gi"}}}}
    with pytest.raises(Forbidden, match="maximum memory usage per Container is 1Gi"):
        await cluster.create(resources.PODS, "default", pod("b", **huge))


async def test_a_running_pod_is_deleted_in_two_steps(server: ApiServer) -> None:
    cluster = server.cluster
    await cluster.create(resources.PODS, "default", pod("a", nodeName="local"))
    await cluster.patch(
        resources.PODS, "default", "a", {"status": {"phase": "Running"}}, MERGE_STATUS
    )
    marked = await cluster.delete(resources.PODS, "default", "a", grace_seconds=5)
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 5
    assert not await gone(server, resources.PODS, "a")
    await cluster.delete(resources.PODS, "default", "a", grace_seconds=0)
    assert await gone(server, resources.PODS, "a")


async def test_a_pods_spec_cannot_change_but_its_deadline_can_shrink(server: ApiServer) -> None:
    cluster = server.cluster
    await cluster.create(resources.PODS, "default", pod("a"))
    body: dict[str, Any] = {"spec": {"restartPolicy": "OnFailure"}}
    with pytest.raises(Invalid, match="pod updates may not change fields"):
        await cluster.patch(resources.PODS, "default", "a", body)
    body = {"spec": {"activeDeadlineSeconds": 1}}
    changed = await cluster.patch(resources.PODS, "default", "a", body)
    assert changed["spec"]["activeDeadlineSeconds"] == 1


async def test_field_selectors_find_by_name_and_phase(server: ApiServer) -> None:
    cluster = server.cluster
    for name in ("a", "b"):
        await cluster.create(resources.PODS, "default", pod(name))
    by_name = await cluster.list(resources.PODS, "default", Selector(fields="metadata.name=b"))
    assert [p["metadata"]["name"] for p in by_name.items] == ["b"]
    pending = await cluster.list(resources.PODS, None, Selector(fields="status.phase=Pending"))
    assert len(pending.items) == 2
