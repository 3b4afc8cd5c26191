"""Decisions: everything the core can ask for. The runtime carries them out, in order.

Every decision is idempotent: after a crash the core asks again for whatever it cannot see done,
with the same names and keys. None of them reports back by return value; outcomes are facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.core.phases import NodeType, Phase

Json = dict[str, Any]
"""A JSON object owned by the decision: the runtime may change it."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What must be read out of the leaf's main container when its process has ended.

    `parameters`: output parameter name → file path. `artifacts`: the resolved output artifacts
    (JSON, with location and key). `inputs`: the resolved input artifacts to place before it
    starts. `log_artifacts`: containers whose log is saved. `script`: text of the script file,
    whose path is already in the command. Empty: the leaf is one plain container.
    """

    result: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    parameter_defaults: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[Json, ...] = ()
    inputs: tuple[Json, ...] = ()
    archive_logs: bool = False
    script: str | None = None

    def __bool__(self) -> bool:
        return bool(
            self.result
            or self.parameters
            or self.artifacts
            or self.inputs
            or self.archive_logs
            or self.script is not None
        )


@dataclass(frozen=True, slots=True)
class StartLeaf:
    """Start a leaf. `type` says who does it: a Pod, or HTTP / Plugin in process.

    `template` is the node's template with everything substituted. `pod` is the whole Pod for
    type Pod (None otherwise), complete for a cluster but for helper containers. Starting the
    same `pod_name` again means "already started" (409 with our owner uid), never a second run.
    """

    node_id: str
    node_name: str
    type: NodeType
    template: Json
    pod_name: str = ""
    pod: Json | None = None
    capture: Capture = field(default_factory=Capture)
    deadline: float | None = None
    """Moment after which the leaf must be over (template `timeout`, workflow deadline)."""


class StopReason(StrEnum):
    """Why a leaf is stopped: decides how gently, and whether the pod object stays."""

    TERMINATE = "terminate"  # SIGTERM, grace period, then kill; the pod object stays
    DELETE = "delete"  # it never started: remove the pod object
    DAEMON_DONE = "daemon-done"  # its boundary is over


@dataclass(frozen=True, slots=True)
class StopLeaf:
    """Stop a leaf. The node's phase is decided already; later facts of it change nothing."""

    node_id: str
    pod_name: str
    reason: StopReason
    type: NodeType = NodeType.POD


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Tell `TimerFired` at `moment`. One timer per run: a new one replaces the old.

    A moment that has come already means: as soon as these decisions have been carried out. The
    core asks for that when it has more to start than one step may hold.
    """

    moment: float


@dataclass(frozen=True, slots=True)
class LockRequest:
    """One lock of a list that is taken all or nothing.

    `key` is the queue's name as users see it: `<ns>/ConfigMap/<name>/<key>`, `<ns>/Mutex/<name>`
    or `<ns>/Database/<key>`. A mutex has `limit` 1; a semaphore's limit is read by the lock
    table at each check (None here).
    """

    key: str
    mutex: bool


@dataclass(frozen=True, slots=True)
class AcquireLocks:
    """Queue for all `locks`; answer `LockGranted`, `LockWaiting` or `LockRefused`.

    `holder` is `<ns>/<workflow>` or `<ns>/<workflow>/<node id>`. Queue order: priority
    descending, then `created` ascending. A holder that holds them already is granted again.
    """

    holder: str
    locks: tuple[LockRequest, ...]
    priority: int
    created: float
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseLocks:
    """Give back whatever `holder` holds, and leave every queue."""

    holder: str


@dataclass(frozen=True, slots=True)
class ReadMemo:
    """Look `key` up in the cache; answer `MemoFound`. `max_age` in seconds, None: no limit."""

    node_id: str
    cache: str
    key: str
    max_age: float | None


@dataclass(frozen=True, slots=True)
class SaveMemo:
    """Store a node's outputs. No answer, but `MemoRefused` when it cannot be done."""

    node_id: str
    cache: str
    key: str
    outputs: Json | None


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class EmitEvent:
    """Record a Kubernetes Event on the Workflow."""

    type: EventType
    reason: str
    message: str
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class EmitMetric:
    """One sample of a `metrics.prometheus` block, everything substituted.

    `kind` is counter, gauge or histogram; `operation` Set, Add or Sub (gauges). With `since` it is
    a real-time gauge: the seconds since that moment, until a sample without `since` comes.
    """

    kind: str
    name: str
    help: str
    labels: tuple[tuple[str, str], ...]
    value: float
    operation: str = "Set"
    buckets: tuple[float, ...] = ()
    since: float | None = None


@dataclass(frozen=True, slots=True)
class CreateVolumes:
    """Create the PersistentVolumeClaims (whole objects); answer `VolumesCreated/Refused`.

    `volumes` holds the volume name of each claim.
    """

    claims: tuple[Json, ...]
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeleteVolumes:
    """Delete the workflow's claims, by object name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateDisruptionBudget:
    """Create the PodDisruptionBudget (whole object)."""

    budget: Json


@dataclass(frozen=True, slots=True)
class DeleteDisruptionBudget:
    """Delete the workflow's PodDisruptionBudget."""

    name: str


@dataclass(frozen=True, slots=True)
class CollectPod:
    """A finished pod: label it `completed=true`, and delete it `delay` seconds later if asked."""

    node_id: str
    pod_name: str
    delete: bool
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Finish:
    """The workflow is over; the status already says so. Comes once, last.

    `ttl`: delete the Workflow that many seconds after it finished; None: keep it.
    `gc_artifacts`: some artifacts have the strategy OnWorkflowCompletion.
    """

    phase: Phase
    message: str
    ttl: float | None = None
    gc_artifacts: bool = False


Decision = (
    StartLeaf
    | StopLeaf
    | SetTimer
    | AcquireLocks
    | ReleaseLocks
    | ReadMemo
    | SaveMemo
    | EmitEvent
    | EmitMetric
    | CreateVolumes
    | DeleteVolumes
    | CreateDisruptionBudget
    | DeleteDisruptionBudget
    | CollectPod
    | Finish
)
