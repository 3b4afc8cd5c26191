"""Limits of semaphores as a person sets them, and workflows that obey them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.cli import Cli

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def limited(name: str, semaphore: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {
            "entrypoint": "main",
            "synchronization": {"semaphores": [semaphore]},
            "templates": [{"name": "main", "suspend": {}}],
        },
    }


def phase(cli: Cli, name: str) -> dict[str, Any]:
    status = json.loads(cli("get", name, "-o", "json")).get("status") or {}
    return {"phase": status.get("phase"), "message": status.get("message", "")}


@pytest.mark.parametrize(
    ("place", "semaphore"),
    [
        (("--type", "database"), {"database": {"key": "gpu"}}),
        (
            ("--type", "configmap", "--cm-name", "limits"),
            {"configMapKeyRef": {"name": "limits", "key": "gpu"}},
        ),
    ],
    ids=["database", "configmap"],
)
def test_a_raised_limit_lets_the_next_workflow_in(
    cli: Cli, place: tuple[str, ...], semaphore: dict[str, Any]
) -> None:
    if "database" in place:
        place = (*place, "--data-dir", str(cli.cluster.folder))
    cli("sync", "create", "gpu", *place, "--limit", "1")
    assert "has a limit already" in cli.fails("sync", "create", "gpu", *place, "--limit", "2")
    assert cli("sync", "get", "gpu", *place) == "limit of gpu is 1\n"
    for name in ("first", "second"):
        cli("submit", "-", stdin=limited(name, semaphore))
        cli.until(lambda name=name: phase(cli, name)["phase"] is not None)  # type: ignore[misc]
    assert phase(cli, "first")["phase"] == "Running"
    cli.until(lambda: "Lock status: 0/1" in phase(cli, "second")["message"])
    assert phase(cli, "second")["phase"] == "Pending"
    cli("sync", "update", "gpu", *place, "--limit", "2")
    cli.until(lambda: phase(cli, "second")["phase"] == "Running")
    cli("sync", "delete", "gpu", *place)
    assert "has no limit" in cli.fails("sync", "get", "gpu", *place)
    assert "has no limit" in cli.fails("sync", "delete", "gpu", *place)


def test_a_semaphore_without_its_row_fails_the_workflow_with_the_reason(cli: Cli) -> None:
    cli("submit", "-", stdin=limited("nolimit", {"database": {"key": "never-set"}}))
    cli.until(lambda: phase(cli, "nolimit")["phase"] == "Failed")
    message = phase(cli, "nolimit")["message"]
    assert "Failed to acquire the synchronization lock" in message
    assert f"no row {cli.namespace}/never-set in sync_limit" in message
