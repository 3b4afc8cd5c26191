"""Workflow, WorkflowTemplate, ClusterWorkflowTemplate.

`status` stays plain JSON: it is the engine's, large, and patched piecemeal; `crds.status` has
its typed shape for those who want it. Source: Argo Workflows v4.1.
"""

from __future__ import annotations

from crds.arguments import Arguments
from crds.shape import (
    Affinity,
    Container,
    HostAlias,
    Int32,
    JsonDict,
    LocalObjectReference,
    ObjectMeta,
    PersistentVolumeClaim,
    PodDisruptionBudgetSpec,
    PodDNSConfig,
    PodResourceClaim,
    PodSecurityContext,
    ResourceRequirements,
    Shape,
    Toleration,
    Volume,
)
from crds.strategies import (
    ArtifactRepositoryRef,
    Metadata,
    Metrics,
    PodGC,
    RetryStrategy,
    Synchronization,
    TTLStrategy,
    VolumeClaimGC,
    WorkflowLevelArtifactGC,
    WorkflowMetadata,
)
from crds.templates import ExecutorConfig, LifecycleHook, Template


class WorkflowTemplateRef(Shape, frozen=True):
    """A stored workflow spec."""

    name: str = ""  # name of the WorkflowTemplate
    cluster_scope: bool = False  # it is a ClusterWorkflowTemplate


class ExecutorPluginMeta(Shape, frozen=True):
    """How a plugin is called."""

    name: str = ""  # its name


class ExecutorPluginSidecar(Shape, frozen=True):
    """The container of a plugin."""

    automount_service_account_token: bool = False  # mount the plugin's own token
    container: Container | None = None  # the container


class ExecutorPluginSpec(Shape, frozen=True):
    """What a plugin runs."""

    sidecar: ExecutorPluginSidecar | None = None  # its container


class ExecutorPlugin(Shape, frozen=True):
    """A plugin of this workflow only."""

    metadata: ExecutorPluginMeta | None = None  # how it is called
    spec: ExecutorPluginSpec | None = None  # what it runs


class WorkflowSpec(Shape, frozen=True):
    """What a workflow does and how its pods look."""

    templates: list[Template] | None = None  # the templates; `entrypoint` names the first to run
    entrypoint: str = ""  # template to start with
    arguments: Arguments | None = None  # become workflow.parameters and inputs of the entrypoint
    service_account_name: str = ""  # service account of the pods
    automount_service_account_token: bool | None = None  # mount its token
    executor: ExecutorConfig | None = None  # service account of the capture containers
    volumes: list[Volume] | None = None  # volumes every template may mount
    volume_claim_templates: list[PersistentVolumeClaim] | None = None  # claims made for this run
    parallelism: int | None = None  # most pods at a time
    artifact_repository_ref: ArtifactRepositoryRef | None = None  # the default repository
    suspend: bool | None = None  # start nothing new
    node_selector: dict[str, str] | None = None  # labels of hosts pods may run on
    affinity: Affinity | None = None  # which hosts pods prefer or avoid
    tolerations: list[Toleration] | None = None  # taints pods tolerate
    image_pull_secrets: list[LocalObjectReference] | None = None  # secrets for registries
    host_network: bool | None = None  # pods use the host's network
    dns_policy: str | None = None  # how pods resolve names
    dns_config: PodDNSConfig | None = None  # resolver settings of pods
    on_exit: str = ""  # template to run at the end, whatever happened
    ttl_strategy: TTLStrategy | None = None  # when the finished workflow is deleted
    active_deadline_seconds: int | None = None  # longest time of the workflow; 0 ends it at once
    priority: Int32 | None = None  # order in queues, higher first
    scheduler_name: str = ""  # scheduler of the pods
    pod_gc: PodGC | None = None  # when pods are deleted
    pod_priority_class_name: str = ""  # priority class of the pods
    host_aliases: list[HostAlias] | None = None  # lines for the pods' hosts file
    security_context: PodSecurityContext | None = None  # security settings of the pods
    pod_spec_patch: str = ""  # strategic merge patch on every pod's spec
    pod_disruption_budget: PodDisruptionBudgetSpec | None = None  # made before the first pod
    metrics: Metrics | None = None  # metrics of the workflow
    shutdown: str = ""  # Stop or Terminate
    workflow_template_ref: WorkflowTemplateRef | None = None  # run a stored spec
    synchronization: Synchronization | None = None  # locks the workflow holds
    volume_claim_gc: VolumeClaimGC | None = None  # when claims are deleted
    retry_strategy: RetryStrategy | None = None  # for all templates without their own
    pod_metadata: Metadata | None = None  # labels and annotations of every pod
    template_defaults: Template | None = None  # merged under every template
    archive_logs: bool | None = None  # keep logs as artifacts
    hooks: dict[str, LifecycleHook] | None = None  # templates to run when something happens
    workflow_metadata: WorkflowMetadata | None = None  # labels and annotations for the Workflow
    artifact_gc: WorkflowLevelArtifactGC | None = None  # when artifacts are deleted
    executor_plugins: list[ExecutorPlugin] | None = None  # plugins of this workflow
    pod_resources: ResourceRequirements | None = None  # resources of each pod as a whole
    resource_claims: list[PodResourceClaim] | None = None  # device claims of each pod


class Workflow(Shape, frozen=True):
    """One run: what to do, and how far it is."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always Workflow
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: WorkflowSpec | None = None  # what to do
    status: JsonDict | None = None  # how far it is; written by the engine


class WorkflowTemplate(Shape, frozen=True):
    """A library of templates, and a spec that can be run as it is."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always WorkflowTemplate
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: WorkflowSpec | None = None  # the stored spec


class ClusterWorkflowTemplate(Shape, frozen=True):
    """A WorkflowTemplate for all namespaces."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always ClusterWorkflowTemplate
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: WorkflowSpec | None = None  # the stored spec
