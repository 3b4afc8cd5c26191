"""Every source type headrace serves: spec key, CloudEvent type, implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from events.sources import (
    amqp,
    azure_events_hub,
    azure_queue_storage,
    azure_service_bus,
    bitbucket,
    bitbucketserver,
    calendar,
    emitter,
    file,
    generic,
    gerrit,
    github,
    gitlab,
    hdfs,
    kafka,
    minio,
    mns,
    mqtt,
    nats,
    nsq,
    pub_sub,
    pulsar,
    redis,
    redis_stream,
    resource,
    sftp,
    slack,
    sns,
    sqs,
    storage_grid,
    stripe,
    webhook,
)
from events.sources.contract import Source


class SourceType(NamedTuple):
    """`event_type` is the CloudEvent type, which is not always the spec's key."""

    event_type: str
    make: Callable[[], Source]


SOURCES: dict[str, SourceType] = {
    "amqp": SourceType("amqp", amqp.Amqp),
    "azureEventsHub": SourceType("azureEventsHub", azure_events_hub.AzureEventsHub),
    "azureQueueStorage": SourceType("azureQueueStorage", azure_queue_storage.AzureQueueStorage),
    "azureServiceBus": SourceType("azureServiceBus", azure_service_bus.AzureServiceBus),
    "bitbucket": SourceType("bitbucket", bitbucket.Bitbucket),
    "bitbucketserver": SourceType("bitbucketserver", bitbucketserver.Bitbucketserver),
    "calendar": SourceType("calendar", calendar.Calendar),
    "emitter": SourceType("emitter", emitter.Emitter),
    "file": SourceType("file", file.File),
    "generic": SourceType("generic", generic.Generic),
    "gerrit": SourceType("gerrit", gerrit.Gerrit),
    "github": SourceType("github", github.Github),
    "gitlab": SourceType("gitlab", gitlab.Gitlab),
    "hdfs": SourceType("hdfs", hdfs.Hdfs),
    "kafka": SourceType("kafka", kafka.Kafka),
    "minio": SourceType("minio", minio.Minio),
    "mns": SourceType("mns", mns.Mns),
    "mqtt": SourceType("mqtt", mqtt.Mqtt),
    "nats": SourceType("nats", nats.Nats),
    "nsq": SourceType("nsq", nsq.Nsq),
    "pubSub": SourceType("pubsub", pub_sub.PubSub),
    "pulsar": SourceType("pulsar", pulsar.Pulsar),
    "redis": SourceType("redis", redis.Redis),
    "redisStream": SourceType("redisStream", redis_stream.RedisStream),
    "resource": SourceType("resource", resource.Resource),
    "sftp": SourceType("sftp", sftp.Sftp),
    "slack": SourceType("slack", slack.Slack),
    "sns": SourceType("sns", sns.Sns),
    "sqs": SourceType("sqs", sqs.Sqs),
    "storageGrid": SourceType("storagegrid", storage_grid.StorageGrid),
    "stripe": SourceType("stripe", stripe.Stripe),
    "webhook": SourceType("webhook", webhook.Webhook),
}

# Keys of an EventSource's spec that are no event types.
OTHER_FIELDS = frozenset({"eventBusName", "replicas", "template", "service"})
