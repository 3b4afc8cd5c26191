"""`resource` against the embedded API: adds, updates, deletions, filters, what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from crds.eventsource_local import ResourceFilter
from events.sources import resource_filter
from events.sources.contract import SourceError
from headrace.local.apiserver.inprocess import InProcessCluster
from kube.resources import CONFIGMAPS, NAMESPACES, WORKFLOWS
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving

ALL = ["ADD", "UPDATE", "DELETE"]


def spec(**more: Any) -> dict[str, Any]:
    given = {"version": "v1", "resource": "configmaps", "eventTypes": ALL, "namespace": "argo"}
    return {**given, **more}


def config(name: str, value: str = "", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "data": {"value": value}}


def told(bus: WatchedBus) -> list[tuple[str, str]]:
    return [(data["type"], data["body"]["metadata"]["name"]) for data in bus.data()]


async def test_objects_come_change_and_go(cluster: InProcessCluster) -> None:
    bus = WatchedBus()
    await cluster.create(CONFIGMAPS, "argo", config("there"))
    async with serving({}, cluster=cluster) as served:
        await served.serve(bus, "resource", "r", spec(metadata={"x": "y"}))
        await bus.holds(1)
        await cluster.create(CONFIGMAPS, "argo", config("new", "1"))
        await cluster.patch(CONFIGMAPS, "argo", "new", {"data": {"value": "2"}})
        await cluster.delete(CONFIGMAPS, "argo", "new")
        await bus.holds(4)
    added, updated = bus.data()[1:3]
    assert told(bus) == [("ADD", "there"), ("ADD", "new"), ("UPDATE", "new"), ("DELETE", "new")]
    assert list(added) == ["type", "body", "oldBody", "group", "version", "resource", "metadata"]
    assert (added["oldBody"], added["group"], added["resource"]) == (None, "", "configmaps")
    assert added["metadata"] == {"x": "y"}
    old, new = updated["oldBody"]["data"], updated["body"]["data"]
    assert (old, new) == ({"value": "1"}, {"value": "2"})
    assert bus.data()[3]["oldBody"] is None
    assert bus.events()[0].type == "resource"


async def test_only_the_wanted_types_of_one_namespace(cluster: InProcessCluster) -> None:
    bus, everywhere = WatchedBus(), WatchedBus()
    await cluster.create(NAMESPACES, None, {"metadata": {"name": "other"}})
    async with serving({}, cluster=cluster) as served:
        await served.serve(bus, "resource", "r", spec(eventTypes=["DELETE"]))
        await served.serve(everywhere, "resource", "s", spec(eventTypes=["DELETE"], namespace=""))
        for namespace in ("other", "argo"):
            await cluster.create(CONFIGMAPS, namespace, config(namespace))
            await cluster.delete(CONFIGMAPS, namespace, namespace)
        await everywhere.holds(2)
        await bus.holds(1)
    assert told(bus) == [("DELETE", "argo")]
    assert told(everywhere) == [("DELETE", "other"), ("DELETE", "argo")]


async def test_custom_resources_and_their_fields(cluster: InProcessCluster) -> None:
    bus = WatchedBus()
    fields = [
        {"key": "status.phase", "operation": "==", "value": "^(Failed|Error)$"},
        {"key": "metadata.name", "operation": "!=", "value": "^ignored"},
    ]
    given = spec(
        group="argoproj.io", version="v1alpha1", resource="workflows", filter={"fields": fields}
    )
    async with serving({}, cluster=cluster) as served:
        await served.serve(bus, "resource", "r", given)
        for name, phase in (("a", "Running"), ("ignored", "Failed"), ("b", "Failed")):
            body = {"metadata": {"name": name}, "spec": {}, "status": {"phase": phase}}
            await cluster.create(WORKFLOWS, "argo", body)
        await bus.holds(1)
    assert told(bus) == [("ADD", "b")]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([{"key": "team", "value": "a"}], ["one"]),
        ([{"key": "team", "operation": "!=", "value": "a"}], ["three", "two"]),
        ([{"key": "team", "operation": "in", "value": "a,b"}], ["one", "two"]),
        ([{"key": "team", "operation": "notin", "value": "a,b"}], ["three"]),
        ([{"key": "team", "operation": "exists"}], ["one", "two"]),
        ([{"key": "team", "operation": "!"}], ["three"]),
        ([{"key": "team", "operation": "exists"}, {"key": "team", "value": "b"}], ["two"]),
    ],
)
async def test_labels_choose(
    cluster: InProcessCluster, labels: list[dict[str, str]], names: list[str]
) -> None:
    bus = WatchedBus()
    await cluster.create(CONFIGMAPS, "argo", config("one", team="a"))
    await cluster.create(CONFIGMAPS, "argo", config("two", team="b"))
    await cluster.create(CONFIGMAPS, "argo", config("three"))
    async with serving({}, cluster=cluster) as served:
        await served.serve(bus, "resource", "r", spec(filter={"labels": labels}))
        await bus.holds(len(names))
    assert sorted(name for _, name in told(bus)) == names


async def test_prefix_and_creation_choose(cluster: InProcessCluster) -> None:
    await cluster.create(CONFIGMAPS, "argo", config("a-1"))
    never, prefixed = WatchedBus(), WatchedBus()
    async with serving({}, cluster=cluster) as served:
        past = {"createdBy": "2020-01-01T00:00:00Z"}
        await served.serve(never, "resource", "p", spec(filter=past))
        await served.serve(prefixed, "resource", "q", spec(filter={"prefix": "a-"}))
        await cluster.create(CONFIGMAPS, "argo", config("b-1"))
        await cluster.create(CONFIGMAPS, "argo", config("a-2"))
        await prefixed.holds(2)
    assert told(prefixed) == [("ADD", "a-1"), ("ADD", "a-2")]
    assert never.events() == []


@pytest.mark.parametrize(
    ("kind", "meta", "passes"),
    [
        ("ADD", {"creationTimestamp": "2026-01-01T00:00:00Z"}, True),
        ("ADD", {"creationTimestamp": "2025-12-31T23:59:59Z"}, False),
        ("UPDATE", {"creationTimestamp": "2025-12-31T23:59:59Z"}, False),
        (
            "UPDATE",
            {
                "creationTimestamp": "2025-12-31T23:59:59Z",
                "managedFields": [
                    {"operation": "Update", "time": "2026-01-01T00:00:05Z"},
                    {"operation": "Update", "time": "2025-12-31T00:00:05Z"},
                ],
            },
            True,
        ),
        (
            "UPDATE",
            {
                "creationTimestamp": "2025-12-31T23:59:59Z",
                "managedFields": [{"operation": "Apply", "time": "2026-01-01T00:00:05Z"}],
            },
            False,
        ),
        ("DELETE", {"creationTimestamp": "2025-12-31T23:59:59Z"}, True),
        ("DELETE", {"deletionTimestamp": "2025-12-31T23:59:59Z"}, False),
    ],
)
def test_after_start_looks_at_when_it_happened(
    kind: str, meta: dict[str, Any], passes: bool
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    chosen = resource_filter.compiled(ResourceFilter(after_start=True), "filter", start)
    assert chosen({"metadata": {"name": "a", **meta}}, kind) is passes


async def test_an_object_is_added_once_over_restarts(cluster: InProcessCluster) -> None:
    bus = WatchedBus()
    await cluster.create(CONFIGMAPS, "argo", config("a"))
    async with serving({}, cluster=cluster) as served:
        await served.serve(bus, "resource", "r", spec())
        await bus.holds(1)
        await served.stop()
        await cluster.patch(CONFIGMAPS, "argo", "a", {"data": {"value": "2"}})
        await served.serve(bus, "resource", "r", spec())
        await cluster.create(CONFIGMAPS, "argo", config("b"))
        await bus.holds(2)
    assert told(bus) == [("ADD", "a"), ("ADD", "b")]


async def test_changes_in_flight_are_kept_over_an_outage_of_the_bus(
    cluster: InProcessCluster,
) -> None:
    bus = WatchedBus()
    async with serving({}, cluster=cluster) as served:
        await served.serve(bus, "resource", "r", spec(eventTypes=["ADD"]))
        bus.away = True
        for number in range(300):
            await cluster.create(CONFIGMAPS, "argo", config(f"c-{number}"))
        await bus.until(lambda: len(set(bus.attempts)) == 256)
        bus.away = False
        await bus.holds(300)
    assert len({name for _, name in told(bus)}) == 300


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"version": ""}, "version: is required"),
        ({"resource": ""}, "resource: is required"),
        ({"eventTypes": []}, "eventTypes: is required"),
        ({"eventTypes": ["ADD", "add"]}, r"eventTypes\[1\]: unknown event type 'add'"),
        ({"resource": "gadgets"}, "resource: the cluster serves no 'gadgets' in 'v1'"),
        ({"filter": {"labels": [{"key": "-", "value": "x"}]}}, r"filter\.labels\[0\]: "),
        ({"filter": {"fields": [{"key": "a", "value": "("}]}}, r"filter\.fields\[0\]\.value: "),
        (
            {"filter": {"fields": [{"key": "a", "operation": "in"}]}},
            r"filter\.fields\[0\]\.operation: ",
        ),
        ({"filter": {"createdBy": "soon"}}, r"filter\.createdBy: "),
    ],
)
async def test_what_is_wrong_is_named(
    cluster: InProcessCluster, wrong: dict[str, Any], words: str
) -> None:
    async with serving({}, cluster=cluster) as served:
        with pytest.raises(SourceError, match=rf"spec\.resource\.r\.{words}"):
            await served.serve(WatchedBus(), "resource", "r", spec(**wrong))
