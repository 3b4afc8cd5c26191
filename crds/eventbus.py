"""EventBus: what carries events from sources to sensors. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import (
    ContainerTemplate,
    EventsStatus,
    KafkaConsumerGroup,
    Metadata,
    PersistenceStrategy,
    SASLConfig,
    TLSConfig,
)
from crds.shape import (
    Affinity,
    Int32,
    JsonDict,
    LocalObjectReference,
    ObjectMeta,
    PodSecurityContext,
    SecretKey,
    Shape,
    Toleration,
)


class NativeStrategy(Shape, frozen=True):
    """NATS Streaming servers run here."""

    replicas: Int32 | None = None  # how many
    auth: str = ""  # none or token
    persistence: PersistenceStrategy | None = None  # where data is kept
    container_template: ContainerTemplate | None = None  # settings of the server's container
    metrics_container_template: ContainerTemplate | None = None  # settings of the metrics container
    node_selector: dict[str, str] | None = None  # labels of hosts the pods may run on
    tolerations: list[Toleration] | None = None  # taints the pods tolerate
    metadata: Metadata | None = None  # labels and annotations of the pods
    security_context: PodSecurityContext | None = None  # security settings
    max_age: str = ""  # how long messages are kept
    image_pull_secrets: list[LocalObjectReference] | None = None  # secrets for registries
    service_account_name: str = ""  # service account of the pods
    priority_class_name: str = ""  # priority class of the pods
    priority: Int32 | None = None  # priority of the pods
    affinity: Affinity | None = None  # which hosts the pods prefer or avoid
    max_msgs: int | None = None  # most messages to keep
    max_bytes: str = ""  # most bytes to keep
    max_subs: int | None = None  # most subscriptions
    max_payload: str = ""  # largest message
    raft_heartbeat_timeout: str = ""  # time without heartbeat until an election
    raft_election_timeout: str = ""  # time of an election
    raft_lease_timeout: str = ""  # time a leader stays without contact
    raft_commit_timeout: str = ""  # time without commit until a heartbeat


class NATSConfig(Shape, frozen=True):
    """A NATS Streaming server that exists already."""

    url: str = ""  # URL to connect to
    cluster_id: str = ""  # cluster id
    auth: str = ""  # none, token or basic
    access_secret: SecretKey | None = None  # secret with the credentials


class NATSBus(Shape, frozen=True):
    """NATS Streaming."""

    native: NativeStrategy | None = None  # servers run here
    exotic: NATSConfig | None = None  # a server that exists already


class JetStreamBus(Shape, frozen=True):
    """JetStream servers run here."""

    version: str = ""  # server version
    replicas: Int32 | None = None  # how many
    container_template: ContainerTemplate | None = None  # settings of the server's container
    # settings of the reloader container
    reloader_container_template: ContainerTemplate | None = None
    metrics_container_template: ContainerTemplate | None = None  # settings of the metrics container
    persistence: PersistenceStrategy | None = None  # where data is kept
    metadata: Metadata | None = None  # labels and annotations of the pods
    node_selector: dict[str, str] | None = None  # labels of hosts the pods may run on
    tolerations: list[Toleration] | None = None  # taints the pods tolerate
    security_context: PodSecurityContext | None = None  # security settings
    image_pull_secrets: list[LocalObjectReference] | None = None  # secrets for registries
    priority_class_name: str = ""  # priority class of the pods
    priority: Int32 | None = None  # priority of the pods
    affinity: Affinity | None = None  # which hosts the pods prefer or avoid
    service_account_name: str = ""  # service account of the pods
    settings: str = ""  # server settings, as text
    start_args: list[str] | None = None  # further arguments of the server
    stream_config: str = ""  # stream settings, as YAML
    max_payload: str = ""  # largest message


class JetStreamConfig(Shape, frozen=True):
    """A JetStream server to connect to."""

    url: str = ""  # URL to connect to
    access_secret: SecretKey | None = None  # secret with the credentials
    stream_config: str = ""  # stream settings, as YAML
    tls: TLSConfig | None = None  # TLS settings


class KafkaBus(Shape, frozen=True):
    """A Kafka cluster to connect to."""

    url: str = ""  # URL to connect to
    topic: str = ""  # topic name
    version: str = ""  # protocol version
    tls: TLSConfig | None = None  # TLS settings
    sasl: SASLConfig | None = None  # SASL settings
    consumer_group: KafkaConsumerGroup | None = None  # consumer group
    partitioner: str = ""  # random, hash, roundrobin or manual


class EventBusSpec(Shape, frozen=True):
    """What carries the events; one of the fields."""

    nats: NATSBus | None = None  # NATS Streaming
    jetstream: JetStreamBus | None = None  # JetStream
    kafka: KafkaBus | None = None  # Kafka
    jetstream_exotic: JetStreamConfig | None = None  # a JetStream server that exists already


class BusConfig(Shape, frozen=True):
    """What a client needs to connect to the bus."""

    nats: NATSConfig | None = None  # NATS Streaming
    jetstream: JetStreamConfig | None = None  # JetStream
    kafka: KafkaBus | None = None  # Kafka


class EventBusStatus(EventsStatus, frozen=True):
    """How a bus is doing, and how to reach it."""

    config: BusConfig | None = None  # what a client needs to connect


class EventBus(Shape, frozen=True):
    """What carries the events of a namespace."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always EventBus
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: EventBusSpec | None = None  # which bus
    status: JsonDict | None = None  # conditions; written by the controller
