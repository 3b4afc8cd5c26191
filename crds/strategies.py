"""How things are retried, locked, remembered, measured and cleaned up.

Source: Argo Workflows v4.1 (retryStrategy, synchronization, memoize, metrics, GC and TTL).
"""

from __future__ import annotations

from crds.artifacts import ArtifactGC, ArtifactPodMetadata
from crds.shape import (
    Amount,
    ConfigMapKey,
    Int32,
    IntOrString,
    LabelSelector,
    Shape,
)

Metadata = ArtifactPodMetadata
"""Labels and annotations of pods."""


class Backoff(Shape, frozen=True):
    """How long to wait between attempts."""

    duration: str = ""  # first wait: seconds, or a duration such as 2m
    factor: IntOrString | None = None  # each further wait is this many times longer
    max_duration: str = ""  # no attempt starts later than this after the first
    cap: str = ""  # longest wait


class RetryNodeAntiAffinity(Shape, frozen=True):
    """Do not retry on a host that was tried already."""


class RetryAffinity(Shape, frozen=True):
    """Where an attempt may run."""

    node_anti_affinity: RetryNodeAntiAffinity | None = None  # avoid hosts that were tried


class RetryStrategy(Shape, frozen=True):
    """When and how often a template is tried again."""

    limit: IntOrString | None = None  # how many further attempts; without end when absent
    retry_policy: str = ""  # Always, OnFailure (the default), OnError or OnTransientError
    backoff: Backoff | None = None  # how long to wait between attempts
    affinity: RetryAffinity | None = None  # where attempts may run
    expression: str = ""  # try again only while this holds; the policy is then Always by default


class SyncDatabaseRef(Shape, frozen=True):
    """A row of the controller's lock database."""

    key: str = ""  # name of the semaphore in the database


class SemaphoreRef(Shape, frozen=True):
    """A counted lock; its size is read at every use."""

    config_map_key_ref: ConfigMapKey | None = None  # the ConfigMap key that holds the size
    namespace: str = ""  # namespace of the lock, the workflow's when empty
    database: SyncDatabaseRef | None = None  # the database row that holds the size


class Mutex(Shape, frozen=True):
    """A lock for one holder."""

    name: str = ""  # name of the lock
    namespace: str = ""  # namespace of the lock, the workflow's when empty
    database: bool = False  # keep the lock in the database, across controllers


class Synchronization(Shape, frozen=True):
    """The locks to hold; all are taken at once or none."""

    semaphores: list[SemaphoreRef] | None = None  # counted locks
    mutexes: list[Mutex] | None = None  # locks for one holder


class Cache(Shape, frozen=True):
    """Where remembered outputs are kept."""

    config_map: ConfigMapKey | None = None  # the ConfigMap that holds them


class Memoize(Shape, frozen=True):
    """Remember outputs of a template and use them again."""

    key: str = ""  # key of the entry, with tags
    cache: Cache | None = None  # where entries are kept
    max_age: str = ""  # an older entry does not count; a duration such as 1h


class MetricLabel(Shape, frozen=True):
    """One label of a metric."""

    key: str = ""  # label name
    value: str = ""  # label value, with tags


class Gauge(Shape, frozen=True):
    """A number that goes up and down."""

    value: str = ""  # the number, with tags
    realtime: bool | None = None  # measured while running; else once, at the end
    operation: str = ""  # Set (the default), Add or Sub


class Histogram(Shape, frozen=True):
    """Counts in buckets."""

    value: str = ""  # the number, with tags
    buckets: list[Amount] | None = None  # upper bounds of the buckets


class Counter(Shape, frozen=True):
    """A number that only grows."""

    value: str = ""  # how much to add, with tags


class Prometheus(Shape, frozen=True):
    """One metric; one of gauge, histogram and counter."""

    name: str = ""  # exported with the prefix argo_workflows_
    labels: list[MetricLabel] | None = None  # labels
    help: str = ""  # what the metric means
    when: str = ""  # emit only when this holds
    gauge: Gauge | None = None  # a gauge
    histogram: Histogram | None = None  # a histogram
    counter: Counter | None = None  # a counter


class Metrics(Shape, frozen=True):
    """Metrics that a workflow or template emits."""

    prometheus: list[Prometheus] | None = None  # the metrics


class TTLStrategy(Shape, frozen=True):
    """When a finished workflow is deleted."""

    seconds_after_completion: Int32 | None = None  # after any end
    seconds_after_success: Int32 | None = None  # after success
    seconds_after_failure: Int32 | None = None  # after failure


class PodGC(Shape, frozen=True):
    """When pods are deleted."""

    strategy: str = ""  # OnPodCompletion, OnPodSuccess, OnWorkflowCompletion, OnWorkflowSuccess
    label_selector: LabelSelector | None = None  # only pods with these labels
    delete_delay_duration: str | None = None  # how long to wait before


class VolumeClaimGC(Shape, frozen=True):
    """When claims from volumeClaimTemplates are deleted."""

    strategy: str = ""  # OnWorkflowCompletion or OnWorkflowSuccess (the default)


class WorkflowLevelArtifactGC(ArtifactGC, frozen=True):
    """When artifacts are deleted, unless an artifact says otherwise."""

    force_finalizer_removal: bool = False  # let the workflow go even when deleting failed
    pod_spec_patch: str = ""  # strategic merge patch on the deleting pod's spec


class ArtifactRepositoryRef(Shape, frozen=True):
    """Which default repository is used."""

    config_map: str = ""  # the ConfigMap, artifact-repositories when empty
    key: str = ""  # the key in it


class LabelValueFrom(Shape, frozen=True):
    """A label whose value is computed."""

    expression: str = ""  # expression over the workflow's global variables


class WorkflowMetadata(Shape, frozen=True):
    """Labels and annotations for the Workflow itself."""

    labels: dict[str, str] | None = None  # labels to add
    annotations: dict[str, str] | None = None  # annotations to add
    labels_from: dict[str, LabelValueFrom] | None = None  # labels that are computed


class Sequence(Shape, frozen=True):
    """Numbers to loop over."""

    count: IntOrString | None = None  # how many; not together with `end`
    start: IntOrString | None = None  # first number, 0 when absent
    end: IntOrString | None = None  # last number, inclusive; below `start` counts down
    format: str = ""  # printf format of each item


class ContainerSetRetryStrategy(Shape, frozen=True):
    """Run a failed process of a container set again, in its pod."""

    duration: str = ""  # wait between tries, such as 1s
    retries: IntOrString | None = None  # how many further tries
