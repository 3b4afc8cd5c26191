"""From a signed push over a real socket and a real nats-server to an object in the cluster.

Excluded: the engine that runs the object.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from events.bus.contract import Bus
from events.bus.jetstream import Timing
from events.buses import ManagedJetStream
from events.ledger import auditing, commands, reading
from events.ledger.records import State
from events.runtime import EventsRuntime
from events.sensors.compiled import compile_sensor
from headrace.local.apiserver.inprocess import InProcessCluster
from headrace.local.nats import NatsServer
from kube.clock import SystemClock
from kube.cluster import Object
from kube.resources import (
    CONFIGMAPS,
    EVENT_BUSES,
    EVENT_SOURCES,
    SECRETS,
    SENSORS,
    WORKFLOWS,
    Resource,
)
from tests import ports
from tests.events.conftest import connection
from tests.events.support import Answer, request

API = "argoproj.io/v1alpha1"


def workflow(prefix: str) -> Object:
    return {
        "apiVersion": API,
        "kind": "Workflow",
        "metadata": {"generateName": prefix},
        "spec": {
            "workflowTemplateRef": {"name": "ci"},
            "arguments": {
                "parameters": [{"name": "repo", "value": ""}, {"name": "branch", "value": ""}]
            },
        },
    }


def parameter(dependency: str, key: str, dest: str, **more: Any) -> dict[str, Any]:
    return {"src": {"dependencyName": dependency, "dataKey": key, **more}, "dest": dest}


def dependency(name: str, event: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "eventSourceName": "hooks", "eventName": event, **more}


class World:
    """The events half running on a cluster, and shorthand for what tests do with it."""

    def __init__(self, cluster: InProcessCluster, nats: NatsServer) -> None:
        self.cluster = cluster
        self.nats = nats
        self.port = ports.free_port()
        self.runtime = self._new()

    def _new(self) -> EventsRuntime:
        connector = ManagedJetStream(connection(self.nats), Timing(ack_wait=1.0))
        return EventsRuntime(self.cluster, connector, SystemClock())

    async def restart(self) -> None:
        await self.runtime.stop()
        self.runtime = self._new()
        await self.runtime.start()

    async def apply(self, resource: Resource, name: str, spec: dict[str, Any]) -> Object:
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        return await self.cluster.create(resource, "argo", body)

    async def condition(
        self, resource: Resource, name: str, kind: str, status: str = "True"
    ) -> dict[str, Any]:
        def found(obj: Object) -> dict[str, Any] | None:
            for entry in (obj.get("status") or {}).get("conditions") or ():
                if entry["type"] == kind and entry["status"] == status:
                    return dict(entry)
            return None

        async with asyncio.timeout(20):
            while True:
                obj = await self.cluster.get(resource, "argo", name)
                if (entry := found(obj)) is not None:
                    return entry
                await asyncio.sleep(0.01)

    async def objects(
        self, count: int, prefix: str = "", resource: Resource = WORKFLOWS
    ) -> list[Object]:
        """Wait until there are `count` objects, and a little longer to see that no more come."""
        async with asyncio.timeout(20):
            while True:
                found = (await self.cluster.list(resource, "argo")).items
                mine = [o for o in found if o["metadata"]["name"].startswith(prefix)]
                if len(mine) >= count:
                    break
                await asyncio.sleep(0.01)
        await self.settled()
        found = (await self.cluster.list(resource, "argo")).items
        mine = [o for o in found if o["metadata"]["name"].startswith(prefix)]
        assert len(mine) == count
        return mine

    @property
    def bus(self) -> Bus:
        found = self.runtime.buses.current("argo", "default")
        assert found is not None
        return found

    async def books(self) -> auditing.Books:
        found = await self.cluster.list(SENSORS, "argo")
        return await auditing.audit(self.bus, [compile_sensor(obj) for obj in found.items])

    async def settled(self) -> auditing.Books:
        """Wait until nothing is on its way and the books balance."""
        async with asyncio.timeout(20):
            while True:
                books = await self.books()
                last = max([e.sequence async for e in reading.entries(self.bus)], default=0)
                if books.balanced and await self.bus.floor("sensors") >= last:
                    return await self.books()
                await asyncio.sleep(0.02)

    async def post(self, path: str, body: Any, *headers: tuple[str, str]) -> Answer:
        return await request(self.port, "POST", path, headers, json.dumps(body).encode())

    async def hooks(self, *names: str, **github: Any) -> None:
        webhooks = {
            name: {"port": str(self.port), "endpoint": f"/{name}", "method": "POST"}
            for name in names
        }
        spec: dict[str, Any] = {"webhook": webhooks}
        if github:
            spec["github"] = github
        await self.apply(EVENT_SOURCES, "hooks", spec)
        await self.condition(EVENT_SOURCES, "hooks", "Deployed")

    async def sensor(
        self, dependencies: list[dict[str, Any]], *triggers: dict[str, Any], name: str = "ci"
    ) -> None:
        await self.apply(SENSORS, name, {"dependencies": dependencies, "triggers": list(triggers)})
        await self.condition(SENSORS, name, "Deployed")


@pytest.fixture
async def world(cluster: InProcessCluster, nats_server: NatsServer) -> AsyncIterator[World]:
    found = World(cluster, nats_server)
    await found.runtime.start()
    await found.apply(EVENT_BUSES, "default", {"jetstream": {"version": "latest"}})
    yield found
    await found.runtime.stop()


def submit(prefix: str, *parameters: dict[str, Any], **template: Any) -> dict[str, Any]:
    return {
        "template": {
            "name": template.pop("name", prefix.rstrip("-") or "t"),
            **template,
            "argoWorkflow": {
                "operation": "submit",
                "source": {"resource": workflow(prefix)},
                "parameters": list(parameters),
            },
        }
    }


PUSH = {
    "ref": "refs/heads/main",
    "repository": {"clone_url": "https://github.com/acme/shop.git", "id": 9007199254740993},
}


async def test_a_signed_push_makes_one_workflow_however_often_it_is_delivered(
    world: World,
) -> None:
    secret = {"key": base64.b64encode(b"hush").decode()}
    body = {"metadata": {"name": "gh"}, "data": secret}
    await world.cluster.create(SECRETS, "argo", body)
    await world.hooks(
        gh={
            "organizations": ["acme"],
            "webhook": {"port": str(world.port), "endpoint": "/gh", "method": "POST"},
            "webhookSecret": {"name": "gh", "key": "key"},
        }
    )
    values = "spec.arguments.parameters.{}.value"
    await world.sensor(
        [dependency("push", "gh")],
        submit(
            "ci-",
            parameter("push", "body.repository.clone_url", values.format(0)),
            parameter("push", "body.ref", values.format(1)),
        ),
    )
    raw = json.dumps(PUSH).encode()
    digest = hmac.new(b"hush", raw, hashlib.sha256).hexdigest()
    headers = (
        ("Content-Type", "application/json"),
        ("X-GitHub-Event", "push"),
        ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("X-Hub-Signature-256", f"sha256={digest}"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    )
    for _ in range(5):
        answer = await request(world.port, "POST", "/gh", headers, raw)
        assert (answer.status, answer.body) == (200, b"success")
    [made] = await world.objects(1)
    assert made["spec"]["arguments"]["parameters"] == [
        {"name": "repo", "value": "https://github.com/acme/shop.git"},
        {"name": "branch", "value": "refs/heads/main"},
    ]
    meta = made["metadata"]
    assert meta["name"].startswith("ci-")
    assert meta["labels"]["events.argoproj.io/sensor"] == "ci"
    [stored] = [e async for e in reading.entries(world.bus)]
    assert meta["annotations"]["headrace.dev/events"] == stored.id
    assert stored.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert meta["annotations"]["headrace.dev/traceparent"].split("-")[1] == stored.trace_id
    [outcome] = stored.outcomes
    assert outcome.state is State.FIRED
    assert outcome.effect == f"Workflow/argo/{meta['name']}"


async def test_an_and_survives_a_restart_and_takes_each_event_once(world: World) -> None:
    await world.hooks("build", "approve")
    await world.sensor(
        [dependency("build", "build"), dependency("approve", "approve")],
        submit("go-", parameter("build", "body.n", "spec.arguments.parameters.0.value")),
    )
    await world.post("/build", {"n": 1})
    await world.post("/build", {"n": 2})
    await world.settled()
    await world.restart()
    await world.condition(EVENT_SOURCES, "hooks", "Deployed")
    await world.post("/approve", {})
    [made] = await world.objects(1)
    assert made["spec"]["arguments"]["parameters"][0]["value"] == "2"
    await world.post("/approve", {})
    books = await world.settled()
    await world.objects(1)
    assert books.by_state == {State.FIRED: 2, State.FILTERED: 1, State.PENDING: 1}


async def test_nats_dies_between_and_nothing_is_lost_or_doubled(world: World) -> None:
    await world.hooks("push")
    await world.sensor(
        [dependency("push", "push")],
        submit("ci-", parameter("push", "body.n", "spec.arguments.parameters.0.value")),
    )
    accepted: set[str] = set()

    async def send(number: int) -> None:
        headers = ("Idempotency-Key", str(number))
        for _ in range(20):
            answer = await world.post("/push", {"n": number}, headers)
            if answer.status == 200:
                accepted.add(str(number))
                return
            assert answer.status == 503

    async def nemesis() -> None:
        for _ in range(3):
            await asyncio.sleep(0.1)
            if world.nats.pid:
                os.kill(world.nats.pid, signal.SIGKILL)
            await asyncio.sleep(0.4)

    async with asyncio.TaskGroup() as group:
        group.create_task(nemesis())
        for number in range(60):
            group.create_task(send(number))
    made = await world.objects(60)
    values = [w["spec"]["arguments"]["parameters"][0]["value"] for w in made]
    assert sorted(values) == sorted(accepted)


async def test_what_can_never_work_is_a_dead_letter_and_can_be_redriven(world: World) -> None:
    await world.hooks("push")
    broken = parameter("push", "body.missing", "spec.arguments.parameters.0.value")
    await world.sensor([dependency("push", "push")], submit("ci-", broken))
    await world.post("/push", {"n": 1})
    books = await world.settled()
    async with asyncio.timeout(20):
        while books.by_state[State.DEAD] != 1:
            books = await world.settled()
    [letter] = await reading.dead_letters(world.bus)
    assert "unable to resolve 'push'" in letter.reason
    sensor = await world.cluster.get(SENSORS, "argo", "ci")
    path = ["spec", "triggers", 0, "template", "argoWorkflow", "parameters"]
    fixed = json.loads(json.dumps(sensor))
    holder: Any = fixed
    for step in path:
        holder = holder[step]
    holder[0]["src"]["value"] = "default"
    await world.cluster.update(SENSORS, "argo", fixed)
    async with asyncio.timeout(20):
        while (await world.cluster.get(SENSORS, "argo", "ci"))["status"]["observedGeneration"] != 2:
            await asyncio.sleep(0.01)
    await commands.redrive(world.bus, "argo_default", letter.key)
    [made] = await world.objects(1)
    assert made["spec"]["arguments"]["parameters"][0]["value"] == "default"
    assert await reading.dead_letters(world.bus) == []


async def test_one_broken_trigger_does_not_stop_another(world: World) -> None:
    await world.hooks("push")
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"generateName": "cm-"},
        "data": {},
    }
    triggers = [
        submit("bad-", name="bad", conditions="push && nope"),
        {
            "template": {
                "name": "good",
                "conditions": "push",
                "k8s": {
                    "operation": "create",
                    "source": {"resource": config_map},
                    "parameters": [parameter("push", "body.n", "data.n")],
                },
            }
        },
    ]
    await world.apply(
        SENSORS, "ci", {"dependencies": [dependency("push", "push")], "triggers": triggers}
    )
    found = await world.condition(SENSORS, "ci", "TriggersProvided", "False")
    assert found["message"].startswith("spec.triggers[0].template.conditions:")
    await world.post("/push", {"n": 7})
    [made] = await world.objects(1, "cm-", CONFIGMAPS)
    assert made["data"] == {"n": "7"}


@pytest.mark.parametrize(
    ("operation", "check"),
    [
        ("update", lambda obj: obj["data"] == {"a": "new", "keep": "1"}),
        ("patch", lambda obj: obj["data"] == {"a": "new", "keep": "1"}),
    ],
)
async def test_objects_are_changed(
    world: World, operation: str, check: Callable[[Object], bool]
) -> None:
    await world.hooks("push")
    before = {"metadata": {"name": "target"}, "data": {"a": "old", "keep": "1"}}
    await world.cluster.create(CONFIGMAPS, "argo", before)
    resource = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "target"},
        "data": {"a": ""},
    }
    k8s = {
        "operation": operation,
        "source": {"resource": resource},
        "parameters": [parameter("push", "body.v", "data.a")],
    }
    await world.sensor([dependency("push", "push")], {"template": {"name": "change", "k8s": k8s}})
    await world.post("/push", {"v": "new"})
    async with asyncio.timeout(20):
        while not check(await world.cluster.get(CONFIGMAPS, "argo", "target")):
            await asyncio.sleep(0.01)


async def test_an_edit_of_a_source_takes_effect_and_leaves_its_neighbour_alone(
    world: World,
) -> None:
    await world.hooks("one", "two")
    obj = await world.cluster.get(EVENT_SOURCES, "argo", "hooks")
    edited = json.loads(json.dumps(obj))
    edited["spec"]["webhook"]["two"]["endpoint"] = "/moved"
    edited["spec"]["webhook"]["three"] = {"port": "nope", "endpoint": "/x", "method": "POST"}
    await world.cluster.update(EVENT_SOURCES, "argo", edited)
    found = await world.condition(EVENT_SOURCES, "hooks", "endpoint.webhook.three", "False")
    async with asyncio.timeout(20):
        while not found.get("message"):
            await asyncio.sleep(0.01)
            found = await world.condition(EVENT_SOURCES, "hooks", "endpoint.webhook.three", "False")
    assert found["message"].startswith("spec.webhook.three.port:")
    statuses = {p: (await world.post(p, {})).status for p in ("/one", "/two", "/moved")}
    assert statuses == {"/one": 200, "/two": 404, "/moved": 200}
    await world.cluster.delete(EVENT_SOURCES, "argo", "hooks")
    async with asyncio.timeout(20):
        while True:
            try:
                await world.post("/one", {})
            except OSError:
                break


async def test_a_source_without_a_bus_says_so(
    cluster: InProcessCluster, nats_server: NatsServer
) -> None:
    world = World(cluster, nats_server)
    await world.runtime.start()
    try:
        webhook = {"port": str(world.port), "endpoint": "/push", "method": "POST"}
        await world.apply(EVENT_SOURCES, "hooks", {"webhook": {"push": webhook}})
        found = await world.condition(EVENT_SOURCES, "hooks", "Deployed", "False")
        async with asyncio.timeout(20):
            while found.get("reason") != "NoEventBus":
                await asyncio.sleep(0.01)
                found = await world.condition(EVENT_SOURCES, "hooks", "Deployed", "False")
        assert "EventBus 'default' does not exist" in found["message"]
        await world.apply(EVENT_BUSES, "default", {"nats": {"native": {"auth": "token"}}})
        await world.condition(EVENT_SOURCES, "hooks", "Deployed")
        note = await world.condition(EVENT_BUSES, "default", "Configured")
        assert "served by JetStream" in note["message"]
        assert (await world.post("/push", {})).status == 200
    finally:
        await world.runtime.stop()
