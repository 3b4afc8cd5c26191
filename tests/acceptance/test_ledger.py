"""The ledger's commands against a real cluster: stored events, explained, replayed, redriven."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from kube import resources
from tests.acceptance.cli import Cli
from tests.acceptance.local_cluster import PROGRAM, ROOT

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

    for payload in payloads:
        post(port, "push", payload)


def post(port: int, path: str, payload: dict[str, Any]) -> None:
    """Send an event, as soon as somebody listens."""

    async def send() -> None:
        async with asyncio.timeout(30), ClientSession() as session:
            while True:
                try:
                    url = f"http://127.0.0.1:{port}/{path}"
                    async with session.post(url, json=payload) as answer:
                        if answer.status == 200:
                            return
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
    assert 'no  data: wants body.branch = ["main"]; saw next' in said
    said = cli("events", "explain", fired["id"])
    assert 'yes data: wants body.branch = ["main"]; saw main' in said
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
    plain = json.loads(cli("events", "replay", "--sensor", str(changed), "-o", "json"))
    assert plain["counts"] == {"new": 1, "gone": 1, "other": 0, "same": 0}
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
    payload.write_text("no json")
    assert "the data of an event is JSON" in cli.fails("test-event", str(file), "-f", str(payload))
    assert "cannot read" in cli.fails("test-event", str(file), "-f", str(tmp_path / "absent"))
    payload.write_text("{}")
    assert "the event is left out" in cli("test-event", str(file), "-f", str(payload))
    assert "no Sensor" in cli.fails("test-event", "absent", "-f", str(payload))


def test_an_and_is_tried_with_several_events_and_with_context(cli: Cli, tmp_path: Path) -> None:
    file, payload = tmp_path / "sensor.json", tmp_path / "payload.json"
    both = sensor()
    context = {"filters": {"context": {"type": "github"}}}
    both["spec"]["dependencies"] = [hooked("push"), {**hooked("go"), **context}]
    file.write_text(json.dumps(both))
    payload.write_text(json.dumps({"body": {"who": "ann"}}))
    given = ("test-event", str(file), "-f", f"push={payload}")
    assert "trigger build: waits for go" in cli(*given)
    asked = (*given, "-f", f"go={payload}")
    assert "no  context: wants type=github; saw type=webhook" in cli(*asked)
    said = cli(*asked, "--attribute", "type=github")
    assert said.count("trigger build (k8s): would fire") == 2
    assert "--dependency: one of push, go" in cli.fails("test-event", str(file), "-f", str(payload))
    assert "--attribute x=y" in cli.fails(*asked, "--attribute", "x=y")


def test_what_is_not_there_is_said(cli: Cli) -> None:
    assert 'there is no EventBus "default"' in cli.fails("events", "list")
    applied(cli, argo("EventBus", "default", {"jetstream": {"version": "latest"}}))
    deadline = time.monotonic() + 30
    while (done := cli.run("events", "list")).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
    assert "No events found" in done.stdout
    assert "no stored event" in cli.fails("events", "get", "abcdefgh")
    assert "at least 8 characters" in cli.fails("events", "get", "abc")
    assert "neither a time nor a duration" in cli.fails("events", "list", "--since", "soon")
    assert "in the future" in cli.fails("events", "list", "--since", "-1h")
    assert cli("events", "list", "--since", "7d", "-o", "json") == "[]\n"
    assert "no dead letter begins with abc" in cli.fails("events", "redrive", "abc")


async def deleted(cli: Cli, name: str) -> None:
    """Delete a Sensor."""
    async with cli.cluster.api() as cluster:
        await cluster.delete(resources.SENSORS, cli.namespace, name)


def hooked(event: str) -> dict[str, Any]:
    """A dependency on an event of the source."""
    return {"name": event, "eventSourceName": "hook", "eventName": event}


def test_a_trigger_added_by_an_edit_leaves_the_books_balanced(cli: Cli, port: int) -> None:
    applied(cli, sensor())
    sent(cli, port, {"branch": "main", "who": "ann"})
    until(cli, "fired")
    edited = sensor()
    edited["spec"]["triggers"].append({"template": {"name": "added", "log": {}}})
    applied(cli, edited)
    assert cli("events", "audit").endswith("balanced\n")
    books = json.loads(cli("events", "audit", "-o", "json"))
    assert books["dependencies"] == [
        {"sensor": "builder", "dependency": "push"}
        | {"pending": 0, "fired": 1, "filtered": 0, "dead": 0}
    ]


def test_an_event_is_explained_where_no_sensor_takes_it_and_after_its_sensor_went(
    cli: Cli, port: int
) -> None:
    sent(cli, port, {"branch": "main", "who": "ann"})
    [event] = listed(cli)
    assert cli("events", "explain", event["id"]) == "no Sensor takes hook/push\n"
    assert 'no Sensor "builder"' in cli.fails(
        "events", "explain", event["id"], "--sensor", "builder"
    )
    broken = sensor()
    broken["spec"]["triggers"].append({"template": {"name": "bad", "conditions": "x", "log": {}}})
    applied(cli, broken)
    sent(cli, port, {"branch": "main", "who": "bob"})
    [event] = until(cli, "fired")
    said = cli("events", "explain", event["id"])
    assert "problem: spec.triggers[1].template.conditions" in said
    whole = json.loads(cli("events", "explain", event["id"], "-o", "json"))["sensors"][0]
    assert whole["dependencies"][0]["filters"][0]["saw"] == "main"
    assert whole["triggers"][0]["parameters"][0]["value"] == "bob"
    asyncio.run(deleted(cli, "builder"))
    said = cli("events", "explain", event["id"])
    assert "problem: there is no such Sensor now" in said
    assert "recorded: builder/push/build: fired: Workflow/" in said


def test_a_join_is_explained_with_both_events_and_leads_back_to_both(cli: Cli, port: int) -> None:
    webhook = {"method": "POST", "port": str(port)}
    spec = {"webhook": {e: {**webhook, "endpoint": f"/{e}"} for e in ("push", "go")}}
    both = sensor()
    both["spec"]["dependencies"] = [hooked("push"), hooked("go")]
    both["spec"]["eventBusName"] = spec["eventBusName"] = "second"
    applied(
        cli,
        argo("EventBus", "second", {"jetstream": {"version": "latest"}}),
        argo("EventSource", "hook", spec),
        both,
    )
    second = ("--bus", "second")
    post(port, "push", {"who": "ann"})
    post(port, "go", {})
    deadline = time.monotonic() + 30
    while len(found := listed(cli, "--outcome", "fired", *second)) < 2:
        assert time.monotonic() < deadline, cli("events", "list", *second)
    [go, push] = found
    said = cli("events", "explain", push["id"], *second)
    assert f"of push {push['id']}, go {go['id']}" in said or f"of go {go['id']}, push" in said
    assert "parameters spec.arguments.parameters.0.value = ann" in said
    back = json.loads(cli("lineage", "@latest", "-o", "json"))  # finds the Sensor's bus itself
    assert sorted(e["id"] for e in back["events"]) == sorted([go["id"], push["id"]])
    assert back["events"][0]["source"] == "hook"


def test_tail_shows_events_as_they_come_and_outcomes_when_they_are_known(
    cli: Cli, port: int
) -> None:
    applied(cli, sensor())
    sent(cli, port, {"branch": "next", "who": "first"})
    until(cli, "filtered")
    names = (*PROGRAM, "events", "tail", "-o", "json", "--since", "1h", "-n", cli.namespace)
    kubeconfig = ("--kubeconfig", str(cli.cluster.folder / "kubeconfig"))
    options: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True}
    for choice, expected in (
        ((), ["first", "second"]),
        (("--outcome", "fired"), ["second", "third"]),
    ):
        with subprocess.Popen([*names, *kubeconfig, *choice], **options) as following:
            try:
                assert following.stdout is not None
                sent(cli, port, {"branch": "main", "who": expected[1]})
                shown = [json.loads(following.stdout.readline()) for _ in expected]
            finally:
                following.kill()
        whole = [json.loads(cli("events", "get", e["id"], "-o", "json")) for e in shown]
        assert [e["data"]["body"]["who"] for e in whole] == expected
        outcomes = [o["state"] for e in shown for o in e["outcomes"]]
        assert outcomes == (["fired", "fired"] if choice else [])


def test_lineage_names_what_made_a_workflow_and_pods_that_were_deleted(cli: Cli) -> None:
    leaf = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}
    once = {"entrypoint": "main", "templates": [leaf], "podGC": {"strategy": "OnPodCompletion"}}
    applied(cli, argo("WorkflowTemplate", "made", once))
    name = cli("submit", "--from", "workflowtemplate/made", "-o", "name", "--wait").splitlines()[0]
    name = name.rpartition("/")[2]

    def pods() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(cli("lineage", name, "-o", "json"))["pods"]
        return found

    cli.until(lambda: pods() == [{"name": name, "phase": "Succeeded", "deleted": True}])
    said = cli("lineage", name)
    assert "template WorkflowTemplate/made\n" in said
    assert "Succeeded  (deleted)\n" in said


def test_a_replay_refuses_what_is_no_sensor_and_says_what_cannot_work(
    cli: Cli, tmp_path: Path
) -> None:
    applied(cli, argo("EventBus", "default", {"jetstream": {"version": "latest"}}))
    file = tmp_path / "sensor.json"

    def replayed(body: Any) -> str:
        file.write_text(json.dumps(body))
        return cli.fails("events", "replay", "--sensor", str(file))

    assert "metadata.name: is required" in replayed({**sensor(), "metadata": {}})
    assert "spec: must be an object" in replayed({**sensor(), "spec": []})
    assert "one Sensor is needed, 0 were found" in replayed(argo("EventSource", "x", {}))
    elsewhere = sensor()
    elsewhere["metadata"]["namespace"] = "elsewhere"
    assert 'is of namespace "elsewhere"' in replayed(elsewhere)
    broken = sensor()
    broken["spec"]["triggers"].append({"template": {"name": "bad", "conditions": "x", "log": {}}})
    file.write_text(json.dumps(broken))
    deadline = time.monotonic() + 30
    while (done := cli.run("events", "replay", "--sensor", str(file))).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
    assert "Warning: spec.triggers[1].template.conditions" in done.stderr
    assert 'no Sensor "builder"' in done.stderr
    assert done.stdout.startswith("0 now fires")
