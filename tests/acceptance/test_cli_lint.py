"""Lint beside a cluster: what the files refer to may be stored there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli import Cli
from tests.acceptance.local_cluster import PROGRAM, ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def argo(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = "argoproj.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A Workflow that uses a stored template, and a Sensor on a stored EventSource."""
    reference = {"name": "tools", "template": "build"}
    steps = [[{"name": "go", "templateRef": reference}]]
    main = {"name": "main", "steps": steps}
    workflow = argo("Workflow", "w", {"entrypoint": "main", "templates": [main]})
    dependency = {"name": "d", "eventSourceName": "hook", "eventName": "push"}
    sensor = argo(
        "Sensor",
        "s",
        {"dependencies": [dependency], "triggers": [{"template": {"name": "t", "log": {}}}]},
    )
    path = tmp_path / "file.yaml"
    path.write_text("\n---\n".join(map(json.dumps, (workflow, sensor))))
    return path


def findings(cli: Cli, file: Path, *options: str) -> dict[str, list[str]]:
    done = cli.run("lint", str(file), "-o", "json", *options)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, list[str]] = {}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(each["rule"], []).append(each["message"])
    return found


def test_references_are_looked_up_in_the_cluster(cli: Cli, file: Path) -> None:
    before = findings(cli, file)
    assert any("couldn't find workflow template" in text for text in before["invalid"])
    assert before["sensor-dependency"] == ["there is no EventSource hook"]
    leaf = {"name": "build", "container": {"image": "alpine:3.20", "command": ["true"]}}
    webhook = {"pull": {"endpoint": "/pull", "method": "POST", "port": "18080"}}
    for body in (
        argo("WorkflowTemplate", "tools", {"templates": [leaf]}),
        argo("EventSource", "hook", {"webhook": webhook}),
    ):
        cli("apply", "-f", "-", stdin=body)
    after = findings(cli, file)
    assert "invalid" not in after
    assert after["sensor-dependency"] == ["EventSource hook has no event push; it has pull"]
    offline = findings(cli, file, "--offline")
    assert "invalid" in offline
    assert "sensor-dependency" not in offline  # they may be applied from elsewhere


def test_without_a_cluster_it_says_how_to_go_on(file: Path, tmp_path: Path) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        "users": [{"name": "u", "user": {}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    command = [*PROGRAM, "lint", str(file), "--kubeconfig", str(kubeconfig)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "--offline" in done.stderr
    assert "Traceback" not in done.stderr
