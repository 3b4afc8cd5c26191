"""Running things again: retry, resubmit, CronWorkflows and their backfill."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli import Cli

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def container(script: str) -> dict[str, Any]:
    return {"image": "alpine", "command": ["sh", "-c", script]}


def flaky(name: str, marker: Path) -> dict[str, Any]:
    """`good` works, `bad` fails until the marker is there; both count their runs in files."""
    templates = [
        {
            "name": "main",
            "dag": {
                "tasks": [
                    {"name": "good", "template": "good"},
                    {"name": "bad", "template": "bad", "dependencies": ["good"]},
                ]
            },
        },
        {"name": "good", "container": container("echo good is done")},
        {"name": "bad", "container": container(f"test -e {marker}")},
    ]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {"entrypoint": "main", "templates": templates},
    }


def nodes(cli: Cli, name: str) -> dict[str, dict[str, Any]]:
    found = json.loads(cli("get", name, "-o", "json"))
    return {row["displayName"]: row for row in found["status"]["nodes"].values()}


def test_retry_runs_only_what_failed(cli: Cli) -> None:
    marker = cli.cluster.scratch / f"{cli.namespace}-retry"
    cli.fails("submit", "-", "--wait", stdin=flaky("flaky", marker))
    before = nodes(cli, "flaky")
    assert before["bad"]["phase"] == "Failed"
    marker.touch()
    told = cli("retry", "flaky", "--wait")
    assert told.startswith("workflow flaky runs again\nflaky Succeeded at ")
    after = nodes(cli, "flaky")
    assert after["good"]["finishedAt"] == before["good"]["finishedAt"]
    assert after["bad"]["phase"] == "Succeeded"
    assert "To retry a succeeded workflow" in cli.fails("retry", "flaky")


def test_resubmit_makes_a_new_one_and_memoized_skips_what_was_good(cli: Cli) -> None:
    marker = cli.cluster.scratch / f"{cli.namespace}-resubmit"
    cli.fails("submit", "-", "--wait", stdin=flaky("first", marker))
    marker.touch()
    fresh = cli("resubmit", "first", "-o", "name").strip()
    assert fresh.startswith("first-")
    memoized = cli("resubmit", "first", "--memoized", "-o", "name", "--wait").strip()
    rows = nodes(cli, memoized)
    assert rows["good"]["type"] == "Skipped"
    assert rows["bad"]["phase"] == "Succeeded"
    found = json.loads(cli("get", memoized, "-o", "json"))
    assert found["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == "first"


def cron(name: str, schedule: str, **spec: Any) -> dict[str, Any]:
    parameter = {"name": "cronScheduleTime", "value": "none"}
    script = "echo at {{workflow.parameters.cronScheduleTime}} of {{workflow.scheduledTime}}"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": name},
        "spec": {
            "schedules": [schedule],
            "workflowSpec": {
                "entrypoint": "main",
                "arguments": {"parameters": [parameter]},
                "templates": [{"name": "main", "container": container(script)}],
            },
            **spec,
        },
    }


def test_a_cron_workflow_runs_is_suspended_and_resumed(cli: Cli) -> None:
    cli("apply", "-f", "-", stdin=cron("tick", "@every 1s", successfulJobsHistoryLimit=2))
    deadline = time.monotonic() + 60
    while True:
        found = json.loads(cli("cron", "get", "tick", "-o", "json"))
        if (found.get("status") or {}).get("succeeded", 0) >= 3:
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert cli("cron", "suspend", "tick") == "cron workflow tick suspended\n"
    listed = cli("cron", "list")
    assert "@every 1s" in listed
    assert listed.rstrip().endswith("true")
    assert "Suspended:" in cli("cron", "get", "tick")
    runs = json.loads(cli("list", "--completed", "-o", "json"))
    assert all(run["metadata"]["ownerReferences"][0]["kind"] == "CronWorkflow" for run in runs)
    assert cli("cron", "resume", "tick") == "cron workflow tick resumed\n"
    cli("cron", "delete", "tick")
    assert 'cron workflow "tick" not found' in cli.fails("cron", "get", "tick")


def test_backfill_runs_the_moments_of_the_past_once(cli: Cli) -> None:
    cli("apply", "-f", "-", stdin=cron("nightly", "0 3 * * *", suspend=True))
    asked = ("--start", "2026-03-01T00:00:00Z", "--end", "2026-03-03T00:00:00Z")
    assert cli("cron", "backfill", "nightly", *asked, "--dry-run").splitlines() == [
        "2026-03-01T03:00:00Z",
        "2026-03-02T03:00:00Z",
    ]
    told = cli("cron", "backfill", "nightly", *asked)
    first = "nightly-backfill-1772334000"
    assert f"{first} for 2026-03-01T03:00:00Z" in told
    assert f"{first} Succeeded" in told
    assert "at 2026-03-01T03:00:00Z of 2026-03-01T03:00:00Z" in cli("logs", first)
    assert cli("cron", "backfill", "nightly", *asked) == told
    assert len(json.loads(cli("list", "-o", "json"))) == 2
    assert "not a moment" in cli.fails("cron", "backfill", "nightly", "--start", "yesterday")
