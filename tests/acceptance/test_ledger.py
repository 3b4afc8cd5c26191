"""The ledger's commands against a real cluster: stored events, explained, replayed, redriven."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.acceptance.cli import Cli

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def argo(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = "argoproj.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def sensor(wanted: str = "main", trigger: dict[str, Any] | None = None) -> dict[str, Any]:
    """Submits a workflow for pushes to one branch."""
    command = ["sh", "-c", "echo traced by $TRACEPARENT"]
    leaf = {"name": "main", "container": {"image": "alpine", "command": command}}
    resource = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "push-"},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "who", "value": "nobody"}]},
            "templates": [leaf],
        },
    }
    source = {"dependencyName": "push", "dataKey": "body.who"}
    parameter = {"src": source, "dest": "spec.arguments.parameters.0.value"}
    submits = {"operation": "create", "source": {"resource": resource}, "parameters": [parameter]}
    condition = {"path": "body.branch", "type": "string", "value": [wanted]}
    dependency = {
        "name": "push",
        "eventSourceName": "hook",
        "eventName": "push",
        "filters": {"data": [condition]},
    }
    template = {"name": "build", **(trigger or {"k8s": submits})}
    return argo(
        "Sensor", "builder", {"dependencies": [dependency], "triggers": [{"template": template}]}
    )


def applied(cli: Cli, *bodies: dict[str, Any]) -> None:
    cli("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, bodies)))


def sent(cli: Cli, port: int, *payloads: dict[str, Any]) -> None:
    """Deploy the source, and send events to it."""
    webhook = {"endpoint": "/push", "method": "POST", "port": str(port)}
    applied(
        cli,
        argo("EventBus", "default", {"jetstream": {"version": "latest"}}),
        argo("EventSource", "hook", {"webhook": {"push": webhook}}),
    )

    async def send() -> None:
        async with asyncio.timeout(30), ClientSession() as session:
            for payload in payloads:
                while True:
                    try:
                        url = f"http://127.0.0.1:{port}/push"
                        async with session.post(url, json=payload) as answer:
                            if answer.status == 200:
                                break
                    except OSError:
                        pass
                    await asyncio.sleep(0.05)

    asyncio.run(send())


def listed(cli: Cli, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("events", "list", "-o", "json", *options))
    return found


def until(cli: Cli, outcome: str, count: int = 1) -> list[dict[str, Any]]:
    """The events with an outcome, as soon as there are so many."""
    deadline = time.monotonic() + 30
    while len(found := listed(cli, "--outcome", outcome)) < count:
        assert time.monotonic() < deadline, cli("events", "list")
        time.sleep(0.1)
    return found


def test_events_are_listed_explained_and_lead_to_their_workflow(cli: Cli, port: int) -> None:
    applied(cli, sensor())
    sent(cli, port, {"branch": "main", "who": "ann"}, {"branch": "next", "who": "bob"})
    [fired], [filtered] = until(cli, "fired"), until(cli, "filtered")
    assert (fired["source"], fired["event"]) == ("hook", "push")
    assert filtered["outcomes"][0]["reason"] == "the filters do not match"
    assert listed(cli, "--source", "other") == []
    assert listed(cli, "--until", "1h") == []
    assert len(listed(cli, "--since", "1h", "--sensor", "builder")) == 2

    whole = json.loads(cli("events", "get", fired["id"][:12], "-o", "json"))
    assert whole["data"]["body"] == {"branch": "main", "who": "ann"}
    [outcome] = whole["outcomes"]
    kind, namespace, name = outcome["effect"].split("/")
    assert (kind, namespace) == ("Workflow", cli.namespace)

    said = cli("events", "explain", filtered["id"])
    assert "dependency push: the event is left out" in said
    assert "no  data: wants body.branch = ['main']; saw next" in said
    said = cli("events", "explain", fired["id"])
    assert "yes data: wants body.branch = ['main']; saw main" in said
    assert "parameters spec.arguments.parameters.0.value = ann" in said
    assert f"recorded: builder/push/build: fired: {outcome['effect']}" in said

    back = json.loads(cli("lineage", name, "-o", "json"))
    assert [event["id"] for event in back["events"]] == [fired["id"]]
    assert (back["sensor"], back["trigger"]) == ("builder", "build")
    assert back["traceId"] == fired["traceId"] != ""
    assert f"traced by 00-{fired['traceId']}-" in cli("logs", name, "-f")
    books = cli("events", "audit")
    assert "received 2 = 0 pending + 1 fired + 1 filtered + 0 dead" in books
    assert books.endswith("balanced\n")


def test_replay_shows_the_difference_and_fires_on_request(
    cli: Cli, port: int, tmp_path: Path
) -> None:
    applied(cli, sensor())
    sent(cli, port, {"branch": "main", "who": "ann"}, {"branch": "next", "who": "bob"})
    until(cli, "fired")
    until(cli, "filtered")
    changed = tmp_path / "sensor.json"
    changed.write_text(json.dumps(sensor("next")))
    said = cli("events", "replay", "--sensor", str(changed), "--since", "24h")
    assert ": now fires\n    spec.arguments.parameters.0.value = bob\n" in said
    assert ": no longer fires\n    spec.arguments.parameters.0.value = ann\n" in said
    assert "1 now fires; 1 no longer fires; 0 other parameters; 0 same" in said
    assert len(json.loads(cli("list", "-o", "json"))) == 1
    said = cli("events", "replay", "--sensor", str(changed), "--fire")
    assert f"fired build: Workflow/{cli.namespace}/push-" in said
    runs = json.loads(cli("list", "-o", "json"))
    whose = {run["spec"]["arguments"]["parameters"][0]["value"] for run in runs}
    assert whose == {"ann", "bob"}


def test_dead_letters_are_redriven(cli: Cli, port: int) -> None:
    def makes(name: str) -> dict[str, Any]:
        resource = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        return sensor(trigger={"k8s": {"operation": "create", "source": {"resource": resource}}})

    applied(cli, makes("Not_A_Name"))
    sent(cli, port, {"branch": "main", "who": "ann"})
    [dead] = until(cli, "dead")
    assert "metadata.name" in dead["outcomes"][0]["reason"]
    shown = cli("events", "redrive", "--list")
    key = shown.split()[0]
    assert "builder/build" in shown
    assert "UNACCOUNTED" not in cli("events", "audit")
    applied(cli, makes("a-name"))
    assert f"{key} of builder/build is tried again" in cli("events", "redrive", key[:8])
    until(cli, "fired")
    assert cli("events", "redrive", "--list") == "no dead letters\n"


def test_an_event_is_tried_on_a_sensor_that_is_only_a_file(cli: Cli, tmp_path: Path) -> None:
    file, payload = tmp_path / "sensor.json", tmp_path / "payload.json"
    file.write_text(json.dumps(sensor()))
    payload.write_text(json.dumps({"body": {"branch": "main", "who": "ann"}}))
    said = cli("test-event", str(file), "-f", str(payload))
    assert "trigger build (k8s): would fire" in said
    assert "parameters spec.arguments.parameters.0.value = ann" in said
    payload.write_text("{}")
    assert "the event is left out" in cli("test-event", str(file), "-f", str(payload))
    assert "no Sensor" in cli.fails("test-event", "absent", "-f", str(payload))


def test_what_is_not_there_is_said(cli: Cli) -> None:
    assert 'there is no EventBus "default"' in cli.fails("events", "list")
    applied(cli, argo("EventBus", "default", {"jetstream": {"version": "latest"}}))
    deadline = time.monotonic() + 30
    while (done := cli.run("events", "list")).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
    assert "No events found" in done.stdout
    assert "no stored event" in cli.fails("events", "get", "abcdefgh")
    assert "neither a time nor a duration" in cli.fails("events", "list", "--since", "soon")
