"""What every `Cluster` must do. Subclass `ClusterConformance` and give it a `cluster` fixture.

The fixture's cluster has a namespace `default` and knows the built-in kinds.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from kube import resources
from kube.cluster import Cluster, PatchOptions, PatchType, Selector, WatchEvent
from kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound

MAPS = resources.CONFIGMAPS


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, **({"labels": labels} if labels else {})}, "data": data}


class ClusterConformance:
    """The suite; see the module."""

    async def test_an_object_lives_and_dies(self, cluster: Cluster) -> None:
        made = await cluster.create(MAPS, "default", config_map("a", x="1"))
        assert made["metadata"]["uid"]
        assert (await cluster.get(MAPS, "default", "a"))["data"] == {"x": "1"}
        with pytest.raises(AlreadyExists):
            await cluster.create(MAPS, "default", config_map("a"))
        await cluster.delete(MAPS, "default", "a")
        with pytest.raises(NotFound):
            await cluster.get(MAPS, "default", "a")
        with pytest.raises(NotFound):
            await cluster.delete(MAPS, "default", "a")

    async def test_an_update_needs_the_newest_version(self, cluster: Cluster) -> None:
        old = await cluster.create(MAPS, "default", config_map("a", x="1"))
        await cluster.update(MAPS, "default", {**old, "data": {"x": "2"}})
        with pytest.raises(Conflict):
            await cluster.update(MAPS, "default", {**old, "data": {"x": "3"}})

    @pytest.mark.parametrize(
        ("kind", "body", "data"),
        [
            (PatchType.MERGE, {"data": {"x": None, "y": "2"}}, {"y": "2"}),
            (
                PatchType.JSON,
                [{"op": "add", "path": "/data/y", "value": "2"}],
                {"x": "1", "y": "2"},
            ),
            (PatchType.STRATEGIC, {"data": {"y": "2"}}, {"x": "1", "y": "2"}),
        ],
    )
    async def test_patches(
        self, cluster: Cluster, kind: PatchType, body: Any, data: dict[str, str]
    ) -> None:
        await cluster.create(MAPS, "default", config_map("a", x="1"))
        options = PatchOptions(kind)
        assert (await cluster.patch(MAPS, "default", "a", body, options))["data"] == data
        with pytest.raises(NotFound):
            await cluster.patch(MAPS, "default", "nope", body, options)

    async def test_apply_makes_and_changes(self, cluster: Cluster) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", **config_map("a", x="1")}
        options = PatchOptions(PatchType.APPLY, field_manager="one")
        await cluster.patch(MAPS, "default", "a", body, options)
        other = {**body, "data": {"x": "2"}}
        two = PatchOptions(PatchType.APPLY, field_manager="two")
        with pytest.raises(Conflict):
            await cluster.patch(MAPS, "default", "a", other, two)
        forced = PatchOptions(PatchType.APPLY, field_manager="two", force=True)
        assert (await cluster.patch(MAPS, "default", "a", other, forced))["data"] == {"x": "2"}

    async def test_status_has_its_own_door(self, cluster: Cluster) -> None:
        pod = {
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "main", "image": "alpine"}]},
        }
        await cluster.create(resources.PODS, "default", pod)
        await cluster.patch(
            *(resources.PODS, "default", "p", {"status": {"message": "hello"}}),
            PatchOptions(subresource="status"),
        )
        change = {"status": {"message": "ignored"}}
        await cluster.patch(resources.PODS, "default", "p", change)
        found = await cluster.get(resources.PODS, "default", "p")
        assert found["status"]["message"] == "hello"

    async def test_lists_select_and_tell_where_they_stand(self, cluster: Cluster) -> None:
        for number in range(5):
            labels = {"parity": "odd" if number % 2 else "even"}
            await cluster.create(MAPS, "default", config_map(f"m{number}", labels))
        odd = await cluster.list(MAPS, "default", Selector(labels="parity=odd"))
        assert [o["metadata"]["name"] for o in odd.items] == ["m1", "m3"]
        one = await cluster.list(MAPS, "default", Selector(fields="metadata.name=m2"))
        assert len(one.items) == 1
        everywhere = await cluster.list(MAPS)
        assert len(everywhere.items) >= 5
        assert int(odd.resource_version) > 0

    async def test_a_watch_goes_on_from_a_list(self, cluster: Cluster) -> None:
        await cluster.create(MAPS, "default", config_map("before"))
        listed = await cluster.list(MAPS, "default")
        await cluster.create(MAPS, "default", config_map("a", x="1"))
        await cluster.patch(MAPS, "default", "a", {"data": {"x": "2"}})
        await cluster.delete(MAPS, "default", "a")
        seen: list[WatchEvent] = []
        async with asyncio.timeout(40):
            version = listed.resource_version
            async for event in cluster.watch(MAPS, "default", resource_version=version):
                if event.type != "BOOKMARK":
                    seen.append(event)
                if event.type == "DELETED":
                    break
        assert [e.type for e in seen] == ["ADDED", "MODIFIED", "DELETED"]
        assert {e.object["metadata"]["name"] for e in seen} == {"a"}

    async def test_a_version_from_before_time_is_gone_or_works(self, cluster: Cluster) -> None:
        await cluster.create(MAPS, "default", config_map("a"))
        with contextlib.suppress(Gone, TimeoutError):
            async with asyncio.timeout(1):
                async for event in cluster.watch(MAPS, "default", resource_version="1"):
                    assert event.object["metadata"]["name"] == "a"

    async def test_what_is_not_valid_is_refused_with_its_field(self, cluster: Cluster) -> None:
        with pytest.raises(Invalid, match=r"metadata\.name"):
            await cluster.create(MAPS, "default", config_map("Not_A_Name"))
        with pytest.raises(NotFound):
            await cluster.create(MAPS, "no-such-namespace", config_map("a"))

    async def test_a_uid_guards_a_deletion(self, cluster: Cluster) -> None:
        await cluster.create(MAPS, "default", config_map("a"))
        with pytest.raises(Conflict):
            await cluster.delete(MAPS, "default", "a", uid="another")
        await cluster.get(MAPS, "default", "a")

    async def test_discovery_names_what_is_served(self, cluster: Cluster) -> None:
        served = await cluster.served("v1")
        assert {r.kind for r in served} >= {"Pod", "ConfigMap", "Secret"}
        assert await cluster.served("nonsense.example.com/v1") == []
