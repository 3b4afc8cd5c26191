"""The command line as a user has it: output, exit codes, names, pipes."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli import Cli
from tests.acceptance.local_cluster import PROGRAM, ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def workflow(script: str = "echo hello {{workflow.parameters.who}}", **metadata: str) -> Any:
    container = {"image": "alpine", "command": ["sh", "-c", script]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata or {"generateName": "say-"},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "who", "value": "you"}]},
            "templates": [{"name": "main", "container": container}],
        },
    }


def test_submit_waits_and_tells_how_it_ended(cli: Cli) -> None:
    shown = cli("submit", "-", "--wait", stdin=workflow())
    assert "Succeeded" in shown
    failed = cli.run("submit", "-", "--wait", stdin=workflow("exit 3"))
    assert failed.returncode == 1
    assert "Failed" in failed.stdout + failed.stderr


def test_submit_prints_names_and_objects(cli: Cli) -> None:
    name = cli("submit", "-", "-o", "name", stdin=workflow()).strip()
    assert name.startswith("say-")
    made = json.loads(cli("submit", "-", "-o", "json", stdin=workflow(name="fixed")))
    assert made["metadata"]["name"] == "fixed"
    assert "kind: Workflow" in cli("submit", "-", "-o", "yaml", stdin=workflow())
    assert "already exists" in cli.fails("submit", "-", stdin=workflow(name="fixed"))


def test_parameters_and_logs(cli: Cli) -> None:
    logged = cli("submit", "-", "--log", "-p", "who=world", stdin=workflow())
    assert "hello world" in logged
    assert "hello world" in cli("logs", "@latest")
    assert "hello world" in cli("logs", "@latest", "-f")


def test_a_workflow_from_its_template(cli: Cli) -> None:
    template = workflow(name="greeter") | {"kind": "WorkflowTemplate"}
    cli("apply", "-f", "-", stdin=template)
    cli("submit", "--from", "workflowtemplate/greeter", "-p", "who=again", "--wait")
    assert "hello again" in cli("logs", "@latest")
    assert "nope" in cli.fails("submit", "--from", "workflowtemplate/nope")


def test_get_and_list(cli: Cli) -> None:
    cli("submit", "-", "--wait", stdin=workflow(name="w"))
    shown = cli("get", "w")
    assert "Name:" in shown
    assert "Succeeded" in shown
    assert json.loads(cli("get", "w", "-o", "json"))["status"]["phase"] == "Succeeded"
    assert "phase: Succeeded" in cli("get", "@latest", "-o", "yaml")
    assert "w" in cli("get", "w", "-o", "wide")
    listed = cli("list")
    assert listed.splitlines()[0].split()[:2] == ["NAME", "STATUS"]
    assert "Succeeded" in listed
    assert "not found" in cli.fails("get", "nope")
    assert "\x1b[" not in shown + listed


def phase(cli: Cli, name: str) -> str:
    found = json.loads(cli("get", name, "-o", "json"))
    return str((found.get("status") or {}).get("phase"))


def until(cli: Cli, name: str, wanted: str) -> None:
    deadline = time.monotonic() + 30
    while phase(cli, name) != wanted:
        assert time.monotonic() < deadline, phase(cli, name)


def running_node(cli: Cli, name: str) -> bool:
    nodes = (json.loads(cli("get", name, "-o", "json")).get("status") or {}).get("nodes") or {}
    return any(node["phase"] == "Running" and node["type"] == "Pod" for node in nodes.values())


def test_terminate_ends_a_workflow_and_its_logs_stay(cli: Cli) -> None:
    cli("submit", "-", stdin=workflow("echo before; sleep 300", name="long"))
    while not running_node(cli, "long"):
        pass
    while "before" not in cli.run("logs", "long").stdout:
        pass
    cli("terminate", "long")
    until(cli, "long", "Failed")
    assert "before" in cli("logs", "long")


def test_stop_suspend_and_resume(cli: Cli) -> None:
    cli("submit", "-", stdin=workflow("sleep 300", name="long"))
    while not running_node(cli, "long"):
        pass
    cli("stop", "long")
    until(cli, "long", "Failed")
    paused = workflow(name="paused")
    paused["spec"]["suspend"] = True
    cli("submit", "-", stdin=paused)
    assert "paused" in cli("list")
    cli("resume", "paused")
    until(cli, "paused", "Succeeded")
    going = workflow("sleep 0.5", name="going")
    going["spec"]["templates"] = [
        {
            "name": "main",
            "steps": [[{"name": "a", "template": "s"}], [{"name": "b", "template": "s"}]],
        },
        {"name": "s", "container": {"image": "alpine", "command": ["sleep", "4"]}},
    ]
    cli("submit", "-", stdin=going)
    cli("suspend", "going")
    assert json.loads(cli("get", "going", "-o", "json"))["spec"]["suspend"] is True
    cli("resume", "going")
    until(cli, "going", "Succeeded")


def test_delete(cli: Cli) -> None:
    cli("submit", "-", "--wait", stdin=workflow(name="w"))
    assert "w" in cli("delete", "w")
    assert "not found" in cli.fails("get", "w")
    assert "not found" in cli.fails("delete", "w")


def test_version_and_status(cli: Cli) -> None:
    for command in (["version"], ["status", "--data-dir", str(cli.cluster.folder)]):
        done = subprocess.run(
            [*PROGRAM, *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
        )
        assert done.returncode == 0, done.stderr
        assert "headrace" in done.stdout


def test_wrong_usage_is_one_sentence(cli: Cli) -> None:
    assert "No such file" in cli.fails("submit", "nope.yaml") or "nope.yaml" in cli.fails(
        "submit", "nope.yaml"
    )
    assert "who" in cli.fails("submit", "-", "-p", "who", stdin=workflow())
    done = subprocess.run(
        [*PROGRAM, "get", "x", "--kubeconfig", "/nonexistent"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert "/nonexistent" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_in_the_background_and_down(tmp_path: Path) -> None:
    def headrace(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    where = ("--data-dir", str(tmp_path / "data"))
    started = headrace("up", *where, "--port", "0", "--detach")
    try:
        assert started.returncode == 0, started.stderr
        assert "headrace is ready" in started.stderr
        kubeconfig = ("--kubeconfig", str(tmp_path / "data" / "kubeconfig"))
        assert headrace("list", *kubeconfig).returncode == 0
        again = headrace("up", *where, "--port", "0", "--detach")
        assert again.returncode == 1
        assert "already" in again.stderr
    finally:
        stopped = headrace("down", *where)
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout.startswith("stopped; the state stays in")
    assert headrace("down", *where).stdout == "headrace does not run\n"
