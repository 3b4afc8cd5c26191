"""The typed status of a workflow and of its nodes. Source: Argo Workflows v4.1."""

from __future__ import annotations

from crds.arguments import Inputs, Outputs
from crds.artifacts import ArtifactLocation
from crds.shape import JsonDict, Shape, Time, Volume
from crds.templates import Template, TemplateRef


class Condition(Shape, frozen=True):
    """One condition, as Kubernetes words it."""

    type: str = ""  # what it is about
    status: str = ""  # True, False or Unknown
    message: str = ""  # for people
    reason: str = ""  # one word
    last_transition_time: Time | None = None  # when it changed


class NodeFlag(Shape, frozen=True):
    """What kind of child a node is."""

    hooked: bool = False  # it was started by a hook
    retried: bool = False  # it is one attempt of a retry


class MemoizationStatus(Shape, frozen=True):
    """What the memo of a node said."""

    hit: bool = False  # the outputs were remembered
    key: str = ""  # the key
    cache_name: str = ""  # the ConfigMap


class NodeSynchronizationStatus(Shape, frozen=True):
    """What a node waits for."""

    waiting: str = ""  # name of the lock


class NodeStatus(Shape, frozen=True):
    """One node of a run."""

    id: str = ""  # derived from the name
    name: str = ""  # path from the root
    display_name: str = ""  # short name
    type: str = ""  # Pod, Container, Steps, StepGroup, DAG, TaskGroup, Retry, Skipped, Suspend, …
    template_name: str = ""  # the template it runs
    template_ref: TemplateRef | None = None  # or the stored template
    template_scope: str = ""  # local/…, namespaced/… or cluster/…
    phase: str = ""  # Pending, Running, Succeeded, Skipped, Failed, Error or Omitted
    boundary_id: str = ""  # the steps or DAG node around it
    message: str = ""  # why
    started_at: Time | None = None  # when it started
    finished_at: Time | None = None  # when it ended
    estimated_duration: int = 0  # expected seconds
    progress: str = ""  # done/total
    resources_duration: dict[str, int] | None = None  # seconds by resource
    pod_ip: str = ""  # address of a daemon's pod
    daemoned: bool | None = None  # it is a daemon that is ready
    node_flag: NodeFlag | None = None  # what kind of child it is
    inputs: Inputs | None = None  # what it took
    outputs: Outputs | None = None  # what it gave
    children: list[str] | None = None  # ids of the nodes after it
    outbound_nodes: list[str] | None = None  # ids of its last nodes
    host_node_name: str = ""  # the host
    memoization_status: MemoizationStatus | None = None  # what its memo said
    synchronization_status: NodeSynchronizationStatus | None = None  # what it waits for
    task_result_synced: bool | None = None  # the outputs have arrived
    failed_pod_restarts: int = 0  # how often the pod was made again
    restarting_pod_uid: str = ""  # the pod being replaced


class SemaphoreHolding(Shape, frozen=True):
    """One semaphore and who has it."""

    semaphore: str = ""  # its key
    holders: list[str] | None = None  # who has it


class MutexHolding(Shape, frozen=True):
    """One mutex and who has it."""

    mutex: str = ""  # its key
    holder: str = ""  # who has it


class SemaphoreStatus(Shape, frozen=True):
    """Semaphores of a workflow."""

    holding: list[SemaphoreHolding] | None = None  # held
    waiting: list[SemaphoreHolding] | None = None  # waited for


class MutexStatus(Shape, frozen=True):
    """Mutexes of a workflow."""

    holding: list[MutexHolding] | None = None  # held
    waiting: list[MutexHolding] | None = None  # waited for


class SynchronizationStatus(Shape, frozen=True):
    """Locks of a workflow."""

    semaphore: SemaphoreStatus | None = None  # semaphores
    mutex: MutexStatus | None = None  # mutexes


class ArtifactRepositoryRefStatus(Shape, frozen=True):
    """The default repository, as it was when the run began."""

    config_map: str = ""  # the ConfigMap
    key: str = ""  # the key in it
    namespace: str = ""  # its namespace
    default: bool = False  # it is the controller's own
    artifact_repository: ArtifactLocation | None = None  # the repository itself


class ArtGCStatus(Shape, frozen=True):
    """What artifact deletion did."""

    strategies_processed: dict[str, bool] | None = None  # strategies that ran
    pods_recouped: dict[str, bool] | None = None  # pods whose results were read
    not_specified: bool = False  # there is nothing to delete


class WorkflowStatus(Shape, frozen=True):
    """How far a run is."""

    phase: str = ""  # Pending, Running, Succeeded, Failed or Error
    started_at: Time | None = None  # when it started
    finished_at: Time | None = None  # when it ended
    estimated_duration: int = 0  # expected seconds
    progress: str = ""  # done/total
    message: str = ""  # why
    compressed_nodes: str = ""  # base64 of the gzipped node table
    nodes: dict[str, NodeStatus] | None = None  # nodes by id
    offload_node_status_version: str = ""  # version of a node table kept elsewhere
    stored_templates: dict[str, Template] | None = None  # templates as they were when first used
    persistent_volume_claims: list[Volume] | None = None  # claims made for this run
    outputs: Outputs | None = None  # outputs with a globalName
    conditions: list[Condition] | None = None  # Completed, PodRunning, SpecError, …
    resources_duration: dict[str, int] | None = None  # seconds by resource
    stored_workflow_template_spec: JsonDict | None = None  # the merged spec, frozen
    synchronization: SynchronizationStatus | None = None  # locks
    artifact_repository_ref: ArtifactRepositoryRefStatus | None = None  # the default repository
    artifact_gc_status: ArtGCStatus | None = None  # what artifact deletion did
    task_results_completion_status: dict[str, bool] | None = None  # nodes whose results are in
