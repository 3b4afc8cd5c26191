"""EventSources that read messages from brokers. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import (
    AWSMSKIAMConfig,
    Backoff,
    BasicAuth,
    KafkaConsumerGroup,
    NATSAuth,
    SASLConfig,
    SchemaRegistryConfig,
    TLSConfig,
)
from crds.eventsource_http import EventSourceFilter
from crds.shape import Int32, SecretKey, Shape


class AMQPExchangeDeclareConfig(Shape, frozen=True):
    """How the exchange is declared."""

    durable: bool = False  # it survives a restart of the server
    auto_delete: bool = False  # it goes when nobody uses it
    internal: bool = False  # no publishing from outside
    no_wait: bool = False  # do not wait for the server's confirmation


class AMQPQueueDeclareConfig(Shape, frozen=True):
    """How the queue is declared."""

    name: str = ""  # its name
    durable: bool = False  # it survives a restart of the server
    auto_delete: bool = False  # it goes when nobody uses it
    exclusive: bool = False  # for this connection only
    no_wait: bool = False  # do not wait for the server's confirmation
    arguments: str = ""  # further arguments, as YAML


class AMQPQueueBindConfig(Shape, frozen=True):
    """How the queue is bound."""

    no_wait: bool = False  # do not wait for the server's confirmation


class AMQPConsumeConfig(Shape, frozen=True):
    """How messages are taken."""

    consumer_tag: str = ""  # name of the consumer
    auto_ack: bool = False  # messages count as done once they are sent
    exclusive: bool = False  # for this connection only
    no_local: bool = False  # no messages of this connection
    no_wait: bool = False  # do not wait for the server's confirmation


class AMQPEventSource(Shape, frozen=True):
    """Messages of an AMQP broker such as RabbitMQ."""

    url: str = ""  # URL to connect to
    exchange_name: str = ""  # name of the exchange
    exchange_type: str = ""  # type of the exchange: direct, fanout, topic or headers
    routing_key: str = ""  # routing key
    connection_backoff: Backoff | None = None  # how connecting is tried again
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    exchange_declare: AMQPExchangeDeclareConfig | None = None  # how the exchange is declared
    queue_declare: AMQPQueueDeclareConfig | None = None  # how the queue is declared
    queue_bind: AMQPQueueBindConfig | None = None  # how the queue is bound
    consume: AMQPConsumeConfig | None = None  # how messages are taken
    auth: BasicAuth | None = None  # how to authenticate
    url_secret: SecretKey | None = None  # secret with the URL
    filter: EventSourceFilter | None = None  # only events for which this holds


class KafkaEventSource(Shape, frozen=True):
    """Messages of a Kafka topic."""

    url: str = ""  # URL to connect to
    partition: str = ""  # number of the partition, when there is no group
    topic: str = ""  # topic name
    connection_backoff: Backoff | None = None  # how connecting is tried again
    tls: TLSConfig | None = None  # TLS settings
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    metadata: dict[str, str] | None = None  # fields added to every event
    consumer_group: KafkaConsumerGroup | None = None  # consumer group
    limit_events_per_second: int | None = None  # most events per second
    version: str = ""  # protocol version
    sasl: SASLConfig | None = None  # SASL settings
    filter: EventSourceFilter | None = None  # only events for which this holds
    config: str = ""  # text handed to the client library
    schema_registry: SchemaRegistryConfig | None = None  # where schemas are looked up
    aws_msk_iam_auth: AWSMSKIAMConfig | None = None  # IAM authentication of MSK


class MQTTEventSource(Shape, frozen=True):
    """Messages of an MQTT topic."""

    url: str = ""  # URL to connect to
    topic: str = ""  # topic name
    client_id: str = ""  # client id
    connection_backoff: Backoff | None = None  # how connecting is tried again
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    auth: BasicAuth | None = None  # how to authenticate


class NATSEventSource(Shape, frozen=True):
    """Messages of a NATS subject."""

    url: str = ""  # URL to connect to
    subject: str = ""  # subject
    connection_backoff: Backoff | None = None  # how connecting is tried again
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    auth: NATSAuth | None = None  # how to authenticate
    filter: EventSourceFilter | None = None  # only events for which this holds
    queue: str = ""  # queue name


class RedisEventSource(Shape, frozen=True):
    """Messages of Redis channels."""

    host_address: str = ""  # host and port of the server
    password: SecretKey | None = None  # secret with the password
    namespace: str = ""  # namespace of the password
    db: Int32 | None = None  # number of the database
    channels: list[str] | None = None  # channels to subscribe to
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    username: str = ""  # user name


class RedisStreamEventSource(Shape, frozen=True):
    """Messages of Redis streams."""

    host_address: str = ""  # host and port of the server
    password: SecretKey | None = None  # secret with the password
    db: Int32 | None = None  # number of the database
    streams: list[str] | None = None  # streams to read
    max_msg_count_per_read: Int32 | None = None  # most messages of one read
    consumer_group: str = ""  # consumer group
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    username: str = ""  # user name


class NSQEventSource(Shape, frozen=True):
    """Messages of an NSQ topic."""

    host_address: str = ""  # host and port of the server
    topic: str = ""  # topic name
    channel: str = ""  # channel
    connection_backoff: Backoff | None = None  # how connecting is tried again
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class PulsarEventSource(Shape, frozen=True):
    """Messages of Pulsar topics."""

    topics: list[str] | None = None  # topics
    type: str = ""  # exclusive or shared
    url: str = ""  # URL to connect to
    tls_trust_certs_secret: SecretKey | None = None  # secret with the trusted certificates
    tls_allow_insecure_connection: bool = False  # accept any certificate
    tls_validate_hostname: bool = False  # check the host name of the certificate
    tls: TLSConfig | None = None  # TLS settings
    connection_backoff: Backoff | None = None  # how connecting is tried again
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    metadata: dict[str, str] | None = None  # fields added to every event
    auth_token_secret: SecretKey | None = None  # secret with the token
    filter: EventSourceFilter | None = None  # only events for which this holds
    auth_athenz_params: dict[str, str] | None = None  # Athenz parameters
    auth_athenz_secret: SecretKey | None = None  # secret with the Athenz key


class EmitterEventSource(Shape, frozen=True):
    """Messages of an Emitter channel."""

    broker: str = ""  # URL of the broker
    channel_key: str = ""  # key of the channel
    channel_name: str = ""  # name of the channel
    username: SecretKey | None = None  # secret with the user name
    password: SecretKey | None = None  # secret with the password
    connection_backoff: Backoff | None = None  # how connecting is tried again
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    tls: TLSConfig | None = None  # TLS settings
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class GenericEventSource(Shape, frozen=True):
    """Events of any gRPC server."""

    url: str = ""  # URL to connect to
    config: str = ""  # text handed to the client library
    insecure: bool = False  # connect without TLS
    json_body: bool = False  # the body is JSON; else it is passed on as base64
    metadata: dict[str, str] | None = None  # fields added to every event
    auth_secret: SecretKey | None = None  # secret with the bearer token
    filter: EventSourceFilter | None = None  # only events for which this holds
