"""EventSources that read messages from cloud queues. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import TLSConfig
from crds.eventsource_http import EventSourceFilter
from crds.shape import Int32, SecretKey, Shape


class SQSEventSource(Shape, frozen=True):
    """Messages of an Amazon SQS queue."""

    access_key: SecretKey | None = None  # secret with the access key
    secret_key: SecretKey | None = None  # secret with the secret key
    region: str = ""  # cloud region
    queue: str = ""  # queue name
    wait_time_seconds: int | None = None  # seconds a poll waits
    role_arn: str = ""  # role to assume
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    queue_account_id: str = ""  # account the queue belongs to
    metadata: dict[str, str] | None = None  # fields added to every event
    dlq: bool = False  # leave a message that cannot be read to the queue's dead letters
    filter: EventSourceFilter | None = None  # only events for which this holds
    endpoint: str = ""  # URL of another SQS-like server
    session_token: SecretKey | None = None  # secret with a session token


class PubSubEventSource(Shape, frozen=True):
    """Messages of a Google Pub/Sub topic."""

    project_id: str = ""  # id of the project
    topic_project_id: str = ""  # project of the topic
    topic: str = ""  # topic name
    subscription_id: str = ""  # id of the subscription
    credential_secret: SecretKey | None = None  # secret with the credentials file
    delete_subscription_on_finish: bool = False  # remove the subscription in the end
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class AzureEventsHubEventSource(Shape, frozen=True):
    """Messages of Azure Event Hubs."""

    fqdn: str = ""  # host of the service
    shared_access_key_name: SecretKey | None = None  # secret with the name of the access key
    shared_access_key: SecretKey | None = None  # secret with the access key
    hub_name: str = ""  # name of the hub
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class AzureServiceBusEventSource(Shape, frozen=True):
    """Messages of Azure Service Bus."""

    connection_string: SecretKey | None = None  # secret with the connection string
    queue_name: str = ""  # queue name
    topic_name: str = ""  # topic name
    subscription_name: str = ""  # subscription name
    tls: TLSConfig | None = None  # TLS settings
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    fully_qualified_namespace: str = ""  # host of the namespace, for workload identity
    defer_delete: bool = False  # delete the message only after the event is stored


class AzureQueueStorageEventSource(Shape, frozen=True):
    """Messages of an Azure storage queue."""

    storage_account_name: str = ""  # storage account, for workload identity
    connection_string: SecretKey | None = None  # secret with the connection string
    queue_name: str = ""  # queue name
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    dlq: bool = False  # leave a message that cannot be read to the queue's dead letters
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    decode_message: bool = False  # the messages are base64
    wait_time_in_seconds: Int32 | None = None  # seconds between two polls of an empty queue


class MNSEventSource(Shape, frozen=True):
    """Messages of an Alibaba Cloud MNS queue."""

    access_key: SecretKey | None = None  # secret with the access key
    secret_key: SecretKey | None = None  # secret with the secret key
    queue: str = ""  # queue name
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    endpoint: str = ""  # URL of the queue
    filter: EventSourceFilter | None = None  # only events for which this holds
