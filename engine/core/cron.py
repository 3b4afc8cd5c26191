"""CronWorkflows: what is due, what may run, what is kept. Pure, one object at a time.

`step` is told the object, the workflows it made and the moment; it says what to create, end and
delete, the new status, and when to look again. Called on every change of either and at `wake`.
Semantics: Argo's `workflow/cron`: missed runs only within `startingDeadlineSeconds` and only the
latest, `Forbid` and `Replace`, history limits, stop expressions. Idempotent: a child's name holds
its scheduled second, so asking for it twice makes one workflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.core import values
from engine.core.values import Json
from lang import cron, cron_when, naming
from lang.errors import LangError

LABEL = "workflows.argoproj.io/"
COMPLETED = "cronworkflows.argoproj.io/completed"
USED = "cronworkflows.argoproj.io/last-used-schedule"
_OVER = ("Succeeded", "Failed", "Error")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do now. `status` is the whole new status; `labels` and `annotations` are to be
    merged into the object's. `wake`: epoch seconds of the next look, None: only on a change."""

    status: Json
    create: tuple[Json, ...] = ()
    terminate: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    wake: float | None = None


def step(
    cron_workflow: Mapping[str, Any],
    children: Sequence[Mapping[str, Any]],
    now: float,
    seen_until: float | None,
) -> Outcome:
    """One look. `children`: the Workflows labelled with this CronWorkflow's name.

    `seen_until` is the moment of the last look of this process, None for the first (then missed
    runs are looked for). Never raises: a spec that cannot be read becomes a condition.
    """
    spec = values.mapping(cron_workflow.get("spec"))
    if seen_until is None:
        cron_workflow = _adopted(cron_workflow, children)
    status = _counted(cron_workflow, children)
    deleted = _too_many(spec, children)
    metadata = values.mapping(cron_workflow.get("metadata"))
    stopped = values.mapping(metadata.get("labels")).get(COMPLETED) == "true"
    try:
        if stopped or _stops(cron_workflow, status):
            status["phase"] = "Stopped"
            return Outcome(status, delete=deleted, labels={COMPLETED: "true"})
        schedules = _schedules(spec)
    except LangError as error:
        status["conditions"] = _with(status, "SpecError", error.message)
        return Outcome(status, delete=deleted)
    status["conditions"] = _without(status, "SpecError")
    moment = datetime.fromtimestamp(now, UTC)
    if seen_until is None:
        due = _missed(cron_workflow, schedules, moment)
    else:
        due = _due(schedules, datetime.fromtimestamp(seen_until, UTC), moment)
    create, terminate = _runs({**cron_workflow, "status": status}, status, due)
    return Outcome(
        status,
        create,
        terminate,
        deleted,
        annotations={USED: used_schedule(spec)},
        wake=_next(schedules, moment),
    )


def used_schedule(spec: Mapping[str, Any]) -> str:
    """The schedules as the annotation keeps them: after an edit nothing is made up for."""
    return ",".join(_texts(spec))


def submission_failed(status: Mapping[str, Any], name: str, message: str) -> Json:
    """The status after the API refused a child: no longer active, and a condition."""
    active = [each for each in status.get("active") or () if each.get("name") != name]
    text = f"Failed to submit Workflow: {message}"
    return {**status, "active": active, "conditions": _with(status, "SubmissionError", text)}


def _texts(spec: Mapping[str, Any]) -> list[str]:
    zone = str(spec.get("timezone") or "")
    lines = [str(line) for line in spec.get("schedules") or ()]
    return [f"CRON_TZ={zone} {line}" if zone else line for line in lines]


def _schedules(spec: Mapping[str, Any]) -> list[cron.Schedule | cron.Every]:
    return [cron.parse(text) for text in _texts(spec)]


def _counted(
    cron_workflow: Mapping[str, Any], children: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The status with the runs that ended since: counted once, and no longer active. One that is
    gone without having been seen to end is not counted."""
    status: Json = dict(values.mapping(cron_workflow.get("status")))
    status.setdefault("phase", "Active")
    known = {_name(child): child for child in children}
    active = []
    for reference in status.get("active") or ():
        child = known.get(str(reference.get("name")))
        if child is None:
            continue
        phase = _phase(child)
        if phase not in _OVER:
            active.append(reference)
        else:
            kind = "succeeded" if phase == "Succeeded" else "failed"
            status[kind] = int(status.get(kind) or 0) + 1
    status["active"] = active
    return status


def _adopted(
    cron_workflow: Mapping[str, Any], children: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """With the runs whose creation the last process could not write down any more."""
    status: Json = dict(values.mapping(cron_workflow.get("status")))
    name = str(values.mapping(cron_workflow.get("metadata")).get("name") or "")
    for child in sorted(children, key=_name):
        annotations = values.mapping(values.mapping(child.get("metadata")).get("annotations"))
        scheduled = str(annotations.get(f"{LABEL}scheduled-time") or "")
        moment = values.moment(scheduled)
        last = values.moment(status.get("lastScheduledTime"))
        if moment is None or (last is not None and moment <= last):
            continue
        if _name(child) == naming.cron_child(name, datetime.fromtimestamp(moment, UTC)):
            status["lastScheduledTime"] = values.rfc3339(moment)
            status["active"] = [*(status.get("active") or ()), _reference(child)]
    return {**cron_workflow, "status": status}


def _stops(cron_workflow: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    strategy = values.mapping(values.mapping(cron_workflow.get("spec")).get("stopStrategy"))
    source = str(strategy.get("expression") or "")
    if not source:
        return False
    return cron_when.should_stop(source, cron_when.variables({**cron_workflow, "status": status}))


def _too_many(spec: Mapping[str, Any], children: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The oldest ended runs beyond the history limits."""
    found: list[str] = []
    for field_, default, good in (
        ("successfulJobsHistoryLimit", 3, True),
        ("failedJobsHistoryLimit", 1, False),
    ):
        limit = spec.get(field_)
        keep = default if limit is None else max(0, int(limit))
        over = [c for c in children if _phase(c) in _OVER and (_phase(c) == "Succeeded") is good]
        over.sort(key=lambda c: str(values.mapping(c.get("status")).get("finishedAt") or ""))
        found.extend(_name(child) for child in over[: max(0, len(over) - keep)])
    return tuple(found)


def _missed(
    cron_workflow: Mapping[str, Any],
    schedules: Sequence[cron.Schedule | cron.Every],
    now: datetime,
) -> list[datetime]:
    """On the first look: the latest run that was missed, if it may still start."""
    spec = values.mapping(cron_workflow.get("spec"))
    deadline = spec.get("startingDeadlineSeconds")
    last = values.moment(values.mapping(cron_workflow.get("status")).get("lastScheduledTime"))
    annotations = values.mapping(values.mapping(cron_workflow.get("metadata")).get("annotations"))
    if deadline is None or last is None or annotations.get(USED) != used_schedule(spec):
        return []
    since = max(datetime.fromtimestamp(last, UTC), now - timedelta(seconds=max(0, int(deadline))))
    return _due(schedules, since, now)[-1:]


def _due(
    schedules: Sequence[cron.Schedule | cron.Every], since: datetime, now: datetime
) -> list[datetime]:
    """The moments in (since, now], of each schedule the latest only, in order."""
    found: set[datetime] = set()
    for schedule in schedules:
        latest = None
        moment = schedule.next(since)
        while moment is not None and moment <= now:
            latest = moment
            moment = schedule.next(moment)
        if latest is not None:
            found.add(latest)
    return sorted(found)


def _next(schedules: Sequence[cron.Schedule | cron.Every], now: datetime) -> float | None:
    moments = [moment for each in schedules if (moment := each.next(now)) is not None]
    return min(moments).timestamp() if moments else None


def _runs(
    cron_workflow: Mapping[str, Any], status: Json, due: Sequence[datetime]
) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    """The workflows to create and those to end first; `status` is brought up to date."""
    spec = values.mapping(cron_workflow.get("spec"))
    created: list[Json] = []
    ended: list[str] = []
    last = values.moment(status.get("lastScheduledTime")) or 0.0
    for moment in due:
        if moment.timestamp() <= last:
            continue  # made at the last look, whose answer was lost
        if spec.get("suspend") or not _may_run(cron_workflow, status):
            continue
        if status["active"] and spec.get("concurrencyPolicy") == "Forbid":
            continue
        if spec.get("concurrencyPolicy") == "Replace":
            ended.extend(str(each.get("name")) for each in status["active"])
            status["active"] = []
        child = child_of(cron_workflow, moment)
        created.append(child)
        status["active"] = [*status["active"], _reference(child)]
        status["lastScheduledTime"] = values.rfc3339(moment.timestamp())
        status["conditions"] = _without(status, "SubmissionError")
    return tuple(created), tuple(ended)


def _may_run(cron_workflow: Mapping[str, Any], status: Json) -> bool:
    text = str(values.mapping(cron_workflow.get("spec")).get("when") or "")
    try:
        scope = cron_when.variables({**cron_workflow, "status": status})
        return cron_when.should_run(text, scope)
    except LangError as error:
        status["conditions"] = _with(status, "SubmissionError", error.message)
        return False


def child_of(cron_workflow: Mapping[str, Any], scheduled: datetime) -> Json:
    """The Workflow of one scheduled moment."""
    spec = values.mapping(cron_workflow.get("spec"))
    metadata = values.mapping(cron_workflow.get("metadata"))
    name = str(metadata.get("name") or "")
    extra = values.mapping(spec.get("workflowMetadata"))
    made: Json = {
        "name": naming.cron_child(name, scheduled),
        "namespace": metadata.get("namespace"),
        "labels": {**values.mapping(extra.get("labels")), f"{LABEL}cron-workflow": name},
        "annotations": {
            **values.mapping(extra.get("annotations")),
            f"{LABEL}scheduled-time": values.rfc3339(scheduled.timestamp()),
        },
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "CronWorkflow",
                "name": name,
                "uid": metadata.get("uid"),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if extra.get("finalizers"):
        made["finalizers"] = list(extra["finalizers"])
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": made,
        "spec": dict(values.mapping(spec.get("workflowSpec"))),
    }


def backfill(
    cron_workflow: Mapping[str, Any], start: float, end: float, most: int = 1000
) -> list[datetime]:
    """The moments in [start, end] at which it would have run, at most so many. Raises LangError."""
    found: set[datetime] = set()
    until = datetime.fromtimestamp(end, UTC)
    for schedule in _schedules(values.mapping(cron_workflow.get("spec"))):
        moment = schedule.next(datetime.fromtimestamp(start, UTC) - timedelta(seconds=1))
        while moment is not None and moment <= until and len(found) < most:
            found.add(moment)
            moment = schedule.next(moment)
    return sorted(found)[:most]


def _reference(child: Mapping[str, Any]) -> Json:
    metadata = child["metadata"]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
    }


def _name(child: Mapping[str, Any]) -> str:
    return str(values.mapping(child.get("metadata")).get("name") or "")


def _phase(child: Mapping[str, Any]) -> str:
    return str(values.mapping(child.get("status")).get("phase") or "")


def _with(status: Mapping[str, Any], kind: str, message: str) -> list[Json]:
    condition = {"type": kind, "status": "True", "message": message}
    return [*_without(status, kind), condition]


def _without(status: Mapping[str, Any], kind: str) -> list[Json]:
    return [dict(c) for c in status.get("conditions") or () if c.get("type") != kind]
