"""Facts: everything the core can be told. The runtime makes them from watch events.

Invariants: facts are values; the core never keeps a reference into a fact that the caller may
change (it treats every mapping as read-only, and so must the caller after handing it over).
Facts are at-least-once: repeating one, or telling an older one again, changes nothing.
Times are seconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.phases import Phase, Shutdown

JsonObject = Mapping[str, Any]
"""A JSON object as it lies in Kubernetes; never mutated."""


@dataclass(frozen=True, slots=True)
class Library:
    """What a workflow may refer to, as the cluster held it when the fact was made.

    The mappings may be live views of informer caches: the core reads them only while `advance`
    runs, and freezes what it used in `status.storedTemplates` and
    `status.storedWorkflowTemplateSpec`, so that a later edit does not change a running workflow.
    """

    workflow_templates: Mapping[str, JsonObject] = field(default_factory=dict)
    """`WorkflowTemplate` objects of the workflow's namespace, by name."""
    cluster_workflow_templates: Mapping[str, JsonObject] = field(default_factory=dict)
    """`ClusterWorkflowTemplate` objects, by name."""
    config_maps: Mapping[str, JsonObject] = field(default_factory=dict)
    """ConfigMaps of the namespace, by name: parameters (label `configmap-type: Parameter`) and
    artifact repositories."""


@dataclass(frozen=True, slots=True)
class ImageDefaults:
    """Entrypoint and command of an image, for containers that state no command."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """The controller's settings that change what a workflow does."""

    workflow_defaults: JsonObject = field(default_factory=dict)
    """`workflowDefaults`: `metadata` and `spec` merged under every workflow."""
    artifact_repository: JsonObject | None = None
    """The default artifact repository, as in the controller ConfigMap."""
    controller_namespace: str = ""
    instance_id: str = ""
    images: Mapping[str, ImageDefaults] = field(default_factory=dict)
    pod_gc_delay: float = 5.0
    max_recursion: int = 100
    templates_must_be_referenced: bool = False
    """`workflowRestrictions.templateReferencing: Strict` or `Secure`."""
    transient_error_pattern: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """Take up a workflow. The first fact of every `Run`.

    With `status.nodes` in the object this is recovery (or a retry): nodes found there are
    adopted instead of started again.
    """

    workflow: JsonObject
    library: Library = field(default_factory=Library)
    config: Config = field(default_factory=Config)


@dataclass(frozen=True, slots=True)
class LeafOutputs:
    """What a leaf left behind.

    `result` is standard output (None: not captured). `parameters` holds the text of each
    declared output file that exists. `artifacts` names the declared artifacts that were saved;
    None means all of them were. `missing_artifacts` names those that do not exist.
    """

    result: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: frozenset[str] | None = None
    missing_artifacts: frozenset[str] = frozenset()
    exit_code: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container of a container set: its phase, message and exit code."""

    phase: Phase
    message: str = ""
    exit_code: str | None = None


@dataclass(frozen=True, slots=True)
class LeafChanged:
    """A pod, HTTP request or plugin call moved on. `podstatus.assess` makes it from a Pod.

    `phase` is Pending, Running, Succeeded, Failed or Error. A pod that disappeared while it ran
    is `Error` with message `pod deleted`. Outputs are read when the phase is a completed one.
    `ready` says that every container of the pod is ready (daemons).
    """

    node_id: str
    phase: Phase
    message: str = ""
    outputs: LeafOutputs | None = None
    ready: bool = False
    pod_ip: str = ""
    host_node_name: str = ""
    progress: str = ""
    resources_duration: Mapping[str, int] = field(default_factory=dict)
    containers: Mapping[str, ContainerState] = field(default_factory=dict)
    started_at: float | None = None
    finished_at: float | None = None


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The moment of the last `SetTimer` has come (early or repeated wake-ups are harmless)."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """`spec.suspend` became true: start nothing new; what runs goes on."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """`spec.suspend` became false, and the active suspend nodes go on.

    `node_ids` None resumes every active suspend node, an empty tuple none (only the workflow).
    `message` becomes the message of the nodes.
    """

    node_ids: tuple[str, ...] | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class NodeSet:
    """`argo node set`, or a stop/resume by selector: change suspend nodes by hand.

    `phase` None leaves the phase; `message` is appended after `; ` as Argo does.
    `parameters` supplies output parameters declared `supplied`.
    """

    node_ids: tuple[str, ...]
    phase: Phase | None = None
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """`spec.shutdown` was set."""

    strategy: Shutdown


@dataclass(frozen=True, slots=True)
class SpecChanged:
    """The live Workflow's spec was edited: entrypoint, deadline, parallelism, priority, …

    `suspend` and `shutdown` in it are taken up as well, so one fact is enough for any edit.
    """

    spec: JsonObject


@dataclass(frozen=True, slots=True)
class LockGranted:
    """The locks asked for by `AcquireLocks(holder)` are held now."""

    holder: str


@dataclass(frozen=True, slots=True)
class LockWaiting:
    """The holder is in the queue; `message` as users see it, `lock` the key it waits for."""

    holder: str
    lock: str
    message: str


@dataclass(frozen=True, slots=True)
class LockRefused:
    """The locks can never be had: no such ConfigMap or key, or a limit of zero."""

    holder: str
    message: str


@dataclass(frozen=True, slots=True)
class MemoFound:
    """The answer to `ReadMemo`: the stored entry, or None for a miss. `error`: unreadable."""

    node_id: str
    entry: JsonObject | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class MemoRefused:
    """`SaveMemo` failed for good: the node that produced the entry becomes Error."""

    node_id: str
    message: str


@dataclass(frozen=True, slots=True)
class TemplatesLoaded:
    """A newer view of the library (informers caught up)."""

    library: Library


@dataclass(frozen=True, slots=True)
class VolumesCreated:
    """The claims asked for by `CreateVolumes` exist; names by volume name."""

    claims: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VolumesRefused:
    """The claims could not be created. `retryable`: the workflow waits, else it errors."""

    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class LeafRefused:
    """`StartLeaf` was refused by the API for good (invalid pod, forbidden): node Error."""

    node_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The controller's or namespace's limit of workflows holds this one back.

    Told before `Submitted`: nothing of the workflow starts until `Admitted`.
    """

    message: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """The limit lets the workflow start; the first `Admitted` after `Postponed` starts it."""


Fact = (
    Submitted
    | LeafChanged
    | LeafRefused
    | TimerFired
    | Suspended
    | Resumed
    | NodeSet
    | ShutdownRequested
    | SpecChanged
    | LockGranted
    | LockWaiting
    | LockRefused
    | MemoFound
    | MemoRefused
    | TemplatesLoaded
    | VolumesCreated
    | VolumesRefused
    | Postponed
    | Admitted
)
