"""Templates: every kind of work a workflow can do, and the steps and tasks that call them.

A template has exactly one of `TEMPLATE_TYPES`. Source: Argo Workflows v4.1.
"""

from __future__ import annotations

from crds.arguments import Arguments, Inputs, Outputs
from crds.artifacts import Artifact, ArtifactLocation
from crds.shape import (
    Affinity,
    Container,
    ContainerNode,
    HostAlias,
    IntOrString,
    Items,
    Plugin,
    PodResourceClaim,
    PodSecurityContext,
    ResourceRequirements,
    ScriptTemplate,
    SecretKey,
    Shape,
    Toleration,
    UserContainer,
    Volume,
    VolumeMount,
)
from crds.strategies import (
    ContainerSetRetryStrategy,
    Memoize,
    Metadata,
    Metrics,
    RetryStrategy,
    Sequence,
    Synchronization,
)


class TemplateRef(Shape, frozen=True):
    """A template in a WorkflowTemplate or ClusterWorkflowTemplate."""

    name: str = ""  # name of the WorkflowTemplate
    template: str = ""  # name of the template in it
    cluster_scope: bool = False  # it is a ClusterWorkflowTemplate


class ContinueOn(Shape, frozen=True):
    """Which bad ends do not stop what follows."""

    error: bool = False  # go on after Error
    failed: bool = False  # go on after Failed


class LifecycleHook(Shape, frozen=True):
    """A template that runs when something happens to a workflow, step or task."""

    template: str = ""  # template to run
    template_ref: TemplateRef | None = None  # or a template stored elsewhere
    arguments: Arguments | None = None  # what is handed to it
    expression: str = ""  # run when this holds


class Call(Shape, frozen=True):
    """What a step and a task have in common: which template, with what, how often."""

    name: str = ""  # unique within the template
    template: str = ""  # name of the template to run
    inline: Template | None = None  # or the template itself
    template_ref: TemplateRef | None = None  # or one stored elsewhere
    arguments: Arguments | None = None  # what is handed to it
    with_items: Items | None = None  # run once for each item
    with_param: str = ""  # run once for each item of this JSON list
    with_sequence: Sequence | None = None  # run once for each number
    when: str = ""  # skip unless this holds
    continue_on: ContinueOn | None = None  # bad ends that do not stop what follows
    on_exit: str = ""  # template to run at the end; older form of hooks.exit
    hooks: dict[str, LifecycleHook] | None = None  # templates to run when something happens


class WorkflowStep(Call, frozen=True):
    """One step; the steps of a group run at the same time."""


class DAGTask(Call, frozen=True):
    """One task of a DAG."""

    dependencies: list[str] | None = None  # tasks that must end well before
    depends: str = ""  # expression over the ends of other tasks
    parallelism: int | None = None  # most runs of this task's loop at a time (an extension)


class DAGTemplate(Shape, frozen=True):
    """Tasks that wait for each other."""

    target: str = ""  # names of the tasks to reach, all ends when empty
    tasks: list[DAGTask] | None = None  # the tasks
    fail_fast: bool | None = None  # start nothing new after a failure, true when absent


class ManifestFrom(Shape, frozen=True):
    """A manifest that is an artifact."""

    artifact: Artifact | None = None  # the artifact


class ResourceTemplate(Shape, frozen=True):
    """An operation on a Kubernetes object."""

    action: str = ""  # get, create, apply, delete, replace or patch
    merge_strategy: str = ""  # strategic (the default), merge or json, for patch
    manifest: str = ""  # the object, as YAML
    manifest_from: ManifestFrom | None = None  # or an artifact that holds it
    set_owner_reference: bool = False  # the workflow owns the object
    success_condition: str = ""  # wait until this holds for the object
    failure_condition: str = ""  # fail as soon as this holds
    flags: list[str] | None = None  # further arguments for kubectl


class HTTPHeaderSource(Shape, frozen=True):
    """Where a header's value comes from."""

    secret_key_ref: SecretKey | None = None  # key of a Secret


class HTTPHeader(Shape, frozen=True):
    """One HTTP header."""

    name: str = ""  # header name
    value: str = ""  # header value
    value_from: HTTPHeaderSource | None = None  # or where it comes from


class HTTPBodySource(Shape, frozen=True):
    """A request body that is no text."""

    bytes: str | None = None  # base64 of the body


class HTTPTemplate(Shape, frozen=True):
    """One HTTP request, made by the engine."""

    method: str = ""  # GET when empty
    url: str = ""  # where to
    headers: list[HTTPHeader] | None = None  # headers to send
    timeout_seconds: int | None = None  # give up after
    success_condition: str = ""  # expression over request and response; 2xx when empty
    body: str = ""  # request body
    body_from: HTTPBodySource | None = None  # or a body that is no text
    insecure_skip_verify: bool = False  # accept any TLS certificate


class SuspendTemplate(Shape, frozen=True):
    """Wait for a person, or for a time."""

    duration: str = ""  # go on after; seconds, or a duration such as 2m


class DataSource(Shape, frozen=True):
    """What to list."""

    artifact_paths: Artifact | None = None  # the location whose keys are listed


class TransformationStep(Shape, frozen=True):
    """One step of a transformation."""

    expression: str = ""  # expression over `data`


class DataTemplate(Shape, frozen=True):
    """List the keys below an artifact location and transform the list."""

    source: DataSource | None = None  # what to list
    transformation: list[TransformationStep] | None = None  # steps, in order


class ContainerSetTemplate(Shape, frozen=True):
    """Several containers in one pod, with dependencies."""

    containers: list[ContainerNode] | None = None  # the containers; one is `main` if outputs exist
    volume_mounts: list[VolumeMount] | None = None  # mounted in all of them
    retry_strategy: ContainerSetRetryStrategy | None = None  # run failed processes again


class ExecutorConfig(Shape, frozen=True):
    """The service account of the capture containers."""

    service_account_name: str = ""  # its name


class Template(Shape, frozen=True):
    """One unit of work; exactly one of `TEMPLATE_TYPES` is set."""

    name: str = ""  # unique within the workflow; empty when inline
    inputs: Inputs | None = None  # what it takes
    outputs: Outputs | None = None  # what it gives
    node_selector: dict[str, str] | None = None  # labels of hosts it may run on
    affinity: Affinity | None = None  # which hosts it prefers or avoids
    metadata: Metadata | None = None  # labels and annotations of its pod
    annotations: dict[str, str] | None = None  # for display, such as display-name
    daemon: bool | None = None  # go on once it is ready; ended with the template around it
    steps: list[list[WorkflowStep]] | None = None  # groups one after another, each in parallel
    container: Container | None = None  # run a container
    container_set: ContainerSetTemplate | None = None  # run several containers in one pod
    script: ScriptTemplate | None = None  # run a script in a container
    resource: ResourceTemplate | None = None  # work on a Kubernetes object
    dag: DAGTemplate | None = None  # run tasks in the order of their dependencies
    suspend: SuspendTemplate | None = None  # wait
    data: DataTemplate | None = None  # list artifacts
    http: HTTPTemplate | None = None  # make an HTTP request
    plugin: Plugin | None = None  # let a plugin do it
    volumes: list[Volume] | None = None  # added to the workflow's volumes
    init_containers: list[UserContainer] | None = None  # run before the main container
    sidecars: list[UserContainer] | None = None  # run beside it and end with it
    archive_location: ArtifactLocation | None = None  # where outputs and logs go
    active_deadline_seconds: IntOrString | None = None  # longest time of the pod
    retry_strategy: RetryStrategy | None = None  # when it is tried again
    parallelism: int | None = None  # most children at a time (steps and DAGs)
    fail_fast: bool | None = None  # start no child after one failed (steps and DAGs)
    tolerations: list[Toleration] | None = None  # taints it tolerates
    scheduler_name: str = ""  # scheduler of the pod
    priority_class_name: str = ""  # priority class of the pod
    service_account_name: str = ""  # service account of the pod
    automount_service_account_token: bool | None = None  # mount its token
    executor: ExecutorConfig | None = None  # service account of the capture containers
    host_aliases: list[HostAlias] | None = None  # added to the workflow's host aliases
    security_context: PodSecurityContext | None = None  # security settings of the pod
    pod_spec_patch: str = ""  # strategic merge patch on the pod's spec
    pod_resources: ResourceRequirements | None = None  # resources of the pod as a whole
    resource_claims: list[PodResourceClaim] | None = None  # device claims, by name
    metrics: Metrics | None = None  # metrics it emits
    synchronization: Synchronization | None = None  # locks it holds
    memoize: Memoize | None = None  # remember its outputs
    timeout: str = ""  # longest time, waiting included; a duration with a unit
    pending_timeout: str = ""  # longest time before it runs; a duration with a unit


TEMPLATE_TYPES = (
    "container",
    "container_set",
    "steps",
    "dag",
    "script",
    "resource",
    "data",
    "suspend",
    "http",
    "plugin",
)
"""The attributes that make a template's type, in the order that decides if several are set."""
