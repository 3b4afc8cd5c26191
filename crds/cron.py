"""CronWorkflow: workflows on a schedule. Source: Argo Workflows v4.1."""

from __future__ import annotations

from crds.shape import Int32, ObjectMeta, ObjectReference, Shape, Time
from crds.status import Condition
from crds.workflow import WorkflowSpec


class StopStrategy(Shape, frozen=True):
    """When to stop scheduling for good."""

    expression: str = ""  # expression over cronworkflow.*


class CronWorkflowSpec(Shape, frozen=True):
    """What runs when."""

    workflow_spec: WorkflowSpec | None = None  # the workflow to run
    schedules: list[str] | None = None  # cron lines of five fields, @hourly, @every 5m
    concurrency_policy: str = ""  # Allow (the default), Forbid or Replace
    suspend: bool = False  # start nothing
    starting_deadline_seconds: int | None = None  # how late a missed run may still start
    successful_jobs_history_limit: Int32 | None = None  # finished runs to keep, 3 when absent
    failed_jobs_history_limit: Int32 | None = None  # failed runs to keep, 1 when absent
    timezone: str = ""  # IANA name; UTC when empty
    workflow_metadata: ObjectMeta | None = None  # labels, annotations and finalizers of the runs
    stop_strategy: StopStrategy | None = None  # when to stop for good
    when: str = ""  # skip a run unless this holds


class CronWorkflowStatus(Shape, frozen=True):
    """What ran."""

    active: list[ObjectReference] | None = None  # runs that have not ended
    last_scheduled_time: Time | None = None  # when a run was due last
    conditions: list[Condition] | None = None  # SubmissionError, SpecError
    succeeded: int = 0  # how many runs succeeded
    failed: int = 0  # how many runs failed
    phase: str = ""  # Active or Stopped


class CronWorkflow(Shape, frozen=True):
    """Workflows on a schedule."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always CronWorkflow
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: CronWorkflowSpec | None = None  # what runs when
    status: CronWorkflowStatus | None = None  # what ran
