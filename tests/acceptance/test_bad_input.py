"""What is wrong is said with its field, and what is right beside it goes on."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kube import resources
from kube.cluster import Object
from tests.acceptance.local_cluster import (
    PROGRAM,
    ROOT,
    LocalCluster,
    counting_workflow,
    eventing,
    push,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def argo(kind: str, name: str, spec: dict[str, Any]) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def one_step(name: str, **spec: Any) -> Object:
    main = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}
    return argo("Workflow", name, {"entrypoint": "main", "templates": [main], **spec})


def dag(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    step = {"name": "step", "container": {"image": "alpine", "command": ["true"]}}
    return [{"name": "main", "dag": {"tasks": list(tasks)}}, step]


BAD_WORKFLOWS: dict[str, tuple[dict[str, Any], str]] = {
    "cycle": (
        {
            "templates": dag(
                {"name": "a", "template": "step", "depends": "b"},
                {"name": "b", "template": "step", "depends": "a"},
            )
        },
        "cycle",
    ),
    "no-entrypoint": ({"entrypoint": "nope"}, "nope"),
    "undefined-template": ({"templates": dag({"name": "a", "template": "nope"})}, "nope"),
    "unresolvable-tag": (
        {
            "templates": [
                {
                    "name": "main",
                    "container": {
                        "image": "alpine",
                        "command": ["echo", "{{inputs.parameters.nope}}"],
                    },
                }
            ]
        },
        "inputs.parameters.nope",
    ),
    "bad-expression": (
        {
            "templates": dag(
                {"name": "a", "template": "step", "when": "{{= 1 + }} == 2"},
            )
        },
        "1 +",
    ),
    "unknown-dependency": (
        {"templates": dag({"name": "a", "template": "step", "depends": "ghost"})},
        "ghost",
    ),
}


@pytest.fixture
async def up(local: LocalCluster) -> LocalCluster:
    await local.start()
    return local


async def test_bad_workflows_say_why_and_a_good_one_runs(up: LocalCluster) -> None:
    async with up.api() as cluster:
        for name, (spec, _) in BAD_WORKFLOWS.items():
            await cluster.create(resources.WORKFLOWS, "default", one_step(name, **spec))
        await cluster.create(resources.WORKFLOWS, "default", one_step("good"))
    found = {w["metadata"]["name"]: w["status"] for w in await up.finished(7)}
    assert found["good"]["phase"] == "Succeeded"
    for name, (_, said) in BAD_WORKFLOWS.items():
        assert found[name]["phase"] in {"Error", "Failed"}, name
        assert said in found[name]["message"], found[name]["message"]


def condition(item: Object) -> str:
    conditions = (item.get("status") or {}).get("conditions") or []
    return " / ".join(c.get("message", "") for c in conditions if c["status"] == "False")


async def until_condition(up: LocalCluster, resource: Any, name: str) -> str:
    async with up.api() as cluster, asyncio.timeout(30):
        while True:
            found = condition(await cluster.get(resource, "default", name))
            if found:
                return found
            await asyncio.sleep(0.02)


def sensor(name: str, change: Any) -> Object:
    spec = copy.deepcopy(eventing(1, counting_workflow(ROOT))[-1]["spec"])
    change(spec)
    return argo("Sensor", name, spec)


def _conditions(spec: dict[str, Any]) -> None:
    spec["triggers"][0]["template"]["conditions"] = "push && ghost"


def _dependency(spec: dict[str, Any]) -> None:
    spec["triggers"][0]["template"]["k8s"]["parameters"][0]["src"]["dependencyName"] = "ghost"


def _expression(spec: dict[str, Any]) -> None:
    fields = [{"name": "a", "path": "body.a"}]
    spec["dependencies"][0]["filters"] = {"exprs": [{"expr": "a ==", "fields": fields}]}


def _filter(spec: dict[str, Any]) -> None:
    entry = {"path": "body.a", "type": "string", "value": ["["]}
    spec["dependencies"][0]["filters"] = {"data": [entry]}


BAD_SENSORS: dict[str, tuple[Any, str]] = {
    "unknown-in-conditions": (_conditions, "spec.triggers[0].template.conditions"),
    "unknown-dependency": (_dependency, "dependencyName"),
    "bad-expression": (_expression, "spec.dependencies[0].filters.exprs[0]"),
    "bad-pattern": (_filter, "spec.dependencies[0].filters.data[0]"),
}


async def test_bad_sensors_have_a_condition_and_the_good_one_fires(
    up: LocalCluster, port: int
) -> None:
    up.apply(*eventing(port, counting_workflow(up.scratch)))
    await up.deployed()
    up.apply(*(sensor(name, change) for name, (change, _) in BAD_SENSORS.items()))
    for name, (_, field) in BAD_SENSORS.items():
        assert field in await until_condition(up, resources.SENSORS, name)
    assert await push(port, {"ref": "refs/heads/main"}, "d-1") == 200
    (workflow,) = await up.finished()
    assert workflow["status"]["phase"] == "Succeeded"


async def test_bad_sources_have_a_condition_and_the_good_one_answers(
    up: LocalCluster, port: int
) -> None:
    def source(name: str, **entry: Any) -> Object:
        return argo("EventSource", name, {"webhook": {"in": entry}})

    up.apply(
        *eventing(port, counting_workflow(up.scratch)),
        source("no-port", endpoint="/x", method="POST"),
        source("bad-port", endpoint="/x", method="POST", port="http"),
        source(
            "no-secret",
            endpoint="/x",
            method="POST",
            port="0",
            authSecret={"name": "gone", "key": "k"},
        ),
        argo(
            "EventSource",
            "bad-filter",
            {
                "webhook": {
                    "in": {
                        "endpoint": "/x",
                        "port": "0",
                        "method": "POST",
                        "filter": {"expression": "a =="},
                    }
                }
            },
        ),
    )
    for name, said in (
        ("no-port", "spec.webhook.in.port"),
        ("bad-port", "spec.webhook.in.port"),
        ("no-secret", "gone"),
        ("bad-filter", "spec.webhook.in.filter.expression"),
    ):
        assert said in await until_condition(up, resources.EVENT_SOURCES, name)
    async with asyncio.timeout(20):
        while await push(port, {"ref": "refs/heads/main"}, "d-1") != 200:
            await asyncio.sleep(0.05)


async def test_what_an_endpoint_does_not_take(up: LocalCluster, port: int) -> None:
    webhook = {"endpoint": "/in", "method": "POST", "port": str(port), "maxPayloadSize": 100}
    heard = {"name": "d", "eventSourceName": "hook", "eventName": "in"}
    logged = {"name": "t", "log": {}}
    up.apply(
        argo("EventBus", "default", {"jetstream": {"version": "latest"}}),
        argo("EventSource", "hook", {"webhook": {"in": webhook}}),
        argo("Sensor", "all", {"dependencies": [heard], "triggers": [{"template": logged}]}),
    )
    await up.deployed()
    url = f"http://127.0.0.1:{port}/in"
    async with aiohttp.ClientSession() as session:
        for body, kind, status in (
            (b"{not json", "application/json", 400),
            (b'{"a": "' + b"x" * 200 + b'"}', "application/json", 400),
            (b'{"a": 1}', "application/json", 200),
        ):
            async with session.post(url, data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status == status, await answer.text()
        async with session.get(url) as answer:
            assert answer.status in {400, 405}
        async with session.post(f"http://127.0.0.1:{port}/other", data=b"{}") as answer:
            assert answer.status == 404
    books = await up.books()
    assert books.received == 1


def apply(up: LocalCluster, text: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return up.cli("apply", "-f", "-", *flags, input=text)


async def test_bad_manifests_are_refused_with_their_place(up: LocalCluster) -> None:
    broken = apply(up, "a: [1,\n b: }")
    assert broken.returncode != 0
    assert "standard input:2:5: " in broken.stderr
    assert "Traceback" not in broken.stderr
    good = one_step("good")
    odd = {**one_step("odd"), "nonsense": 1}
    text = "\n---\n".join(map(json.dumps, (odd, good)))
    warned = apply(up, text)
    assert "nonsense" in warned.stderr
    strict = apply(up, json.dumps(odd | {"metadata": {"name": "odd-2"}}), "--strict")
    assert strict.returncode != 0
    assert "nonsense" in strict.stderr
    found = {w["metadata"]["name"] for w in await up.finished(2)}
    assert found == {"good", "odd"}


def headrace(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_second_up_on_the_same_folder_says_so(up: LocalCluster) -> None:
    done = headrace("up", "--port", "0", "--data-dir", str(up.folder))
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) <= 2
    assert str(up.folder) in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_port_that_is_in_use_says_so(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        done = headrace("up", "--port", str(number), "--data-dir", str(tmp_path / "d"))
    assert done.returncode != 0
    assert str(number) in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


async def test_no_nats_server_says_how_to_get_one(tmp_path: Path) -> None:
    missing = str(tmp_path / "nats-server")
    done = headrace(
        *("up", "--port", "0", "--data-dir", str(tmp_path / "d")), *("--nats-server", missing)
    )
    assert done.returncode != 0
    assert "nats-server" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = headrace("up", "--port", "0", "--data-dir", str(tmp_path / "file" / "d"))
    assert done.returncode != 0
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr
