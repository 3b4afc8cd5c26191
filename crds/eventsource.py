"""EventSource: where events come from. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import Metadata, PodTemplate, S3Source
from crds.eventsource_cloud import (
    AzureEventsHubEventSource,
    AzureQueueStorageEventSource,
    AzureServiceBusEventSource,
    MNSEventSource,
    PubSubEventSource,
    SQSEventSource,
)
from crds.eventsource_http import (
    BitbucketEventSource,
    BitbucketServerEventSource,
    GerritEventSource,
    GithubEventSource,
    GitlabEventSource,
    SlackEventSource,
    SNSEventSource,
    StorageGridEventSource,
    StripeEventSource,
    WebhookEventSource,
)
from crds.eventsource_local import (
    CalendarEventSource,
    FileEventSource,
    HDFSEventSource,
    ResourceEventSource,
    SFTPEventSource,
)
from crds.eventsource_queues import (
    AMQPEventSource,
    EmitterEventSource,
    GenericEventSource,
    KafkaEventSource,
    MQTTEventSource,
    NATSEventSource,
    NSQEventSource,
    PulsarEventSource,
    RedisEventSource,
    RedisStreamEventSource,
)
from crds.shape import Int32, JsonDict, ObjectMeta, ServicePort, Shape


class SourceService(Shape, frozen=True):
    """The Service in front of an EventSource."""

    metadata: Metadata | None = None  # labels and annotations of the Service
    ports: list[ServicePort] | None = None  # ports of the Service
    cluster_ip: str = ""  # address of the Service


class EventSourceSpec(Shape, frozen=True):
    """Named events by type; a name is unique across all types."""

    event_bus_name: str = ""  # name of the EventBus, default when empty
    replicas: Int32 | None = None  # how many pods
    template: PodTemplate | None = None  # how the pods look
    service: SourceService | None = None  # the Service in front of them
    minio: dict[str, S3Source] | None = None  # notifications of S3-like buckets
    calendar: dict[str, CalendarEventSource] | None = None  # a schedule or an interval
    file: dict[str, FileEventSource] | None = None  # changes of files
    sftp: dict[str, SFTPEventSource] | None = None  # changes of files on an SFTP server
    resource: dict[str, ResourceEventSource] | None = None  # changes of Kubernetes objects
    webhook: dict[str, WebhookEventSource] | None = None  # any HTTP request
    amqp: dict[str, AMQPEventSource] | None = None  # messages of an AMQP broker such as RabbitMQ
    kafka: dict[str, KafkaEventSource] | None = None  # messages of a Kafka topic
    mqtt: dict[str, MQTTEventSource] | None = None  # messages of an MQTT topic
    nats: dict[str, NATSEventSource] | None = None  # messages of a NATS subject
    sns: dict[str, SNSEventSource] | None = None  # notifications of an Amazon SNS topic
    sqs: dict[str, SQSEventSource] | None = None  # messages of an Amazon SQS queue
    pub_sub: dict[str, PubSubEventSource] | None = None  # messages of a Google Pub/Sub topic
    github: dict[str, GithubEventSource] | None = None  # GitHub webhooks
    gitlab: dict[str, GitlabEventSource] | None = None  # GitLab webhooks
    gerrit: dict[str, GerritEventSource] | None = None  # Gerrit webhooks
    hdfs: dict[str, HDFSEventSource] | None = None  # changes of files in HDFS
    slack: dict[str, SlackEventSource] | None = None  # Slack events, commands and interactions
    # notifications of a StorageGRID bucket
    storage_grid: dict[str, StorageGridEventSource] | None = None
    # messages of Azure Event Hubs
    azure_events_hub: dict[str, AzureEventsHubEventSource] | None = None
    # messages of Azure Service Bus
    azure_service_bus: dict[str, AzureServiceBusEventSource] | None = None
    # messages of an Azure storage queue
    azure_queue_storage: dict[str, AzureQueueStorageEventSource] | None = None
    stripe: dict[str, StripeEventSource] | None = None  # Stripe webhooks
    emitter: dict[str, EmitterEventSource] | None = None  # messages of an Emitter channel
    redis: dict[str, RedisEventSource] | None = None  # messages of Redis channels
    redis_stream: dict[str, RedisStreamEventSource] | None = None  # messages of Redis streams
    nsq: dict[str, NSQEventSource] | None = None  # messages of an NSQ topic
    pulsar: dict[str, PulsarEventSource] | None = None  # messages of Pulsar topics
    generic: dict[str, GenericEventSource] | None = None  # events of any gRPC server
    # Bitbucket Server webhooks
    bitbucketserver: dict[str, BitbucketServerEventSource] | None = None
    bitbucket: dict[str, BitbucketEventSource] | None = None  # Bitbucket Cloud webhooks
    mns: dict[str, MNSEventSource] | None = None  # messages of an Alibaba Cloud MNS queue


class EventSource(Shape, frozen=True):
    """Where events come from."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always EventSource
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: EventSourceSpec | None = None  # the events
    status: JsonDict | None = None  # conditions; written by the controller
