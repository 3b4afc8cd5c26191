"""CronWorkflows: due, missed, forbidden, replaced, counted, kept and stopped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core import cron

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


def made(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    body = {"schedules": ["*/5 * * * *"], "workflowSpec": {"entrypoint": "main"}, **spec}
    annotations = {cron.USED: cron.used_schedule(body)}
    return {
        "metadata": {"name": "c", "namespace": "ns", "uid": "u", "annotations": annotations},
        "spec": body,
        "status": status or {},
    }


def child(name: str, phase: str, finished: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": phase, "finishedAt": finished}}


def active(*names: str) -> dict[str, Any]:
    return {"active": [{"name": name} for name in names]}


def names(outcome: cron.Outcome) -> list[str]:
    return [each["metadata"]["name"] for each in outcome.create]


def test_a_due_moment_makes_one_workflow_that_names_it() -> None:
    outcome = cron.step(made(), [], NOON, NOON - 60)
    [workflow] = outcome.create
    assert workflow["metadata"]["name"] == f"c-{int(NOON)}"
    annotations = workflow["metadata"]["annotations"]
    assert annotations["workflows.argoproj.io/scheduled-time"] == "2026-03-01T12:00:00Z"
    assert workflow["metadata"]["labels"] == {"workflows.argoproj.io/cron-workflow": "c"}
    assert outcome.status["lastScheduledTime"] == "2026-03-01T12:00:00Z"
    assert [each["name"] for each in outcome.status["active"]] == [f"c-{int(NOON)}"]
    assert outcome.wake == NOON + 300


def test_nothing_is_due_between_two_moments() -> None:
    outcome = cron.step(made(), [], NOON + 100, NOON + 50)
    assert outcome.create == ()
    assert outcome.wake == NOON + 300


def test_after_a_long_pause_only_the_latest_moment_runs() -> None:
    assert names(cron.step(made(), [], NOON + 10, NOON - 3600)) == [f"c-{int(NOON)}"]


@pytest.mark.parametrize(("deadline", "wanted"), [(None, []), (30, []), (120, [f"c-{int(NOON)}"])])
def test_a_missed_run_starts_only_within_its_deadline(
    deadline: int | None, wanted: list[str]
) -> None:
    spec = {} if deadline is None else {"startingDeadlineSeconds": deadline}
    before = made({"lastScheduledTime": "2026-03-01T11:00:00Z"}, **spec)
    assert names(cron.step(before, [], NOON + 60, None)) == wanted


def test_after_an_edit_of_the_schedule_nothing_is_made_up_for() -> None:
    edited = made({"lastScheduledTime": "2026-03-01T11:00:00Z"}, startingDeadlineSeconds=120)
    edited["metadata"]["annotations"] = {cron.USED: "1 1 * * *"}
    assert cron.step(edited, [], NOON + 60, None).create == ()


def test_forbid_waits_for_the_run_before() -> None:
    running = made(active("c-1"), concurrencyPolicy="Forbid")
    assert cron.step(running, [child("c-1", "Running")], NOON, NOON - 60).create == ()
    over = cron.step(running, [child("c-1", "Succeeded")], NOON, NOON - 60)
    assert len(over.create) == 1
    assert over.status["succeeded"] == 1


def test_replace_ends_the_runs_before() -> None:
    running = made(active("c-1"), concurrencyPolicy="Replace")
    outcome = cron.step(running, [child("c-1", "Running")], NOON, NOON - 60)
    assert outcome.terminate == ("c-1",)
    assert [each["name"] for each in outcome.status["active"]] == [f"c-{int(NOON)}"]


def test_a_run_is_counted_once_and_a_vanished_one_never() -> None:
    before = made(active("c-1", "c-2", "c-3"))
    outcome = cron.step(before, [child("c-1", "Error"), child("c-2", "Running")], NOON + 1, NOON)
    assert outcome.status["failed"] == 1
    assert outcome.status.get("succeeded", 0) == 0
    assert [each["name"] for each in outcome.status["active"]] == ["c-2"]


def test_the_oldest_runs_beyond_the_limits_go() -> None:
    good = [child(f"g{n}", "Succeeded", f"2026-03-01T0{n}:00:00Z") for n in range(5)]
    bad = [child(f"b{n}", "Failed", f"2026-03-01T0{n}:00:00Z") for n in range(3)]
    assert cron.step(made(), [*good, *bad], NOON + 1, NOON).delete == ("g0", "g1", "b0", "b1")


def test_suspend_and_when_skip_a_run() -> None:
    assert cron.step(made(suspend=True), [], NOON, NOON - 60).create == ()
    condition = "{{=cronworkflow.failed > 0}}"
    assert cron.step(made(when=condition), [], NOON, NOON - 60).create == ()
    assert len(cron.step(made({"failed": 1}, when=condition), [], NOON, NOON - 60).create) == 1


def test_a_condition_that_cannot_be_evaluated_is_told() -> None:
    outcome = cron.step(made(when="{{cronworkflow.failed}} > 0"), [], NOON, NOON - 60)
    assert outcome.create == ()
    assert [each["type"] for each in outcome.status["conditions"]] == ["SubmissionError"]


def test_a_stop_expression_ends_the_schedule_for_good() -> None:
    before = made({"failed": 2}, stopStrategy={"expression": "cronworkflow.failed >= 2"})
    outcome = cron.step(before, [], NOON, NOON - 60)
    assert outcome.create == ()
    assert outcome.status["phase"] == "Stopped"
    assert outcome.labels == {cron.COMPLETED: "true"}
    assert outcome.wake is None


def test_a_broken_schedule_is_a_condition() -> None:
    outcome = cron.step(made(schedules=["61 * * * *"]), [], NOON, NOON - 60)
    assert [each["type"] for each in outcome.status["conditions"]] == ["SpecError"]
    assert outcome.wake is None


def test_a_zone_moves_the_schedule() -> None:
    berlin = made(schedules=["0 13 * * *"], timezone="Europe/Berlin")
    assert names(cron.step(berlin, [], NOON, NOON - 60)) == [f"c-{int(NOON)}"]


def test_backfill_lists_the_moments_of_a_span() -> None:
    found = cron.backfill(made(schedules=["0 * * * *"]), NOON, NOON + 7200)
    assert [each.hour for each in found] == [12, 13, 14]


def test_a_refused_child_is_told_and_forgotten() -> None:
    outcome = cron.step(made(), [], NOON, NOON - 60)
    status = cron.submission_failed(outcome.status, f"c-{int(NOON)}", "no room")
    assert status["active"] == []
    assert status["conditions"][0]["message"] == "Failed to submit Workflow: no room"
