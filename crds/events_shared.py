"""Types that EventSources, Sensors and the EventBus share. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.shape import (
    Affinity,
    Amount,
    ConfigMapKey,
    EnvFromSource,
    EnvVar,
    Int32,
    Int64OrDuration,
    IntOrString,
    LocalObjectReference,
    PodSecurityContext,
    ResourceRequirements,
    SecretKey,
    SecurityContext,
    Shape,
    Time,
    Toleration,
    Volume,
    VolumeMount,
)


class Backoff(Shape, frozen=True):
    """How often and how long to wait between attempts."""

    duration: Int64OrDuration | None = None  # first wait: nanoseconds, or a duration such as 1s
    factor: Amount | None = None  # each further wait is this many times longer
    jitter: Amount | None = None  # up to this share of a wait is added at random
    steps: Int32 | None = None  # how many attempts


class BasicAuth(Shape, frozen=True):
    """User name and password."""

    username: SecretKey | None = None  # secret with the user name
    password: SecretKey | None = None  # secret with the password


class TLSConfig(Shape, frozen=True):
    """How a TLS connection is made."""

    ca_cert_secret: SecretKey | None = None  # secret with the authority's certificate
    client_cert_secret: SecretKey | None = None  # secret with the client certificate
    client_key_secret: SecretKey | None = None  # secret with the client key
    insecure_skip_verify: bool = False  # accept any certificate
    enabled: bool = False  # turn it on


class SASLConfig(Shape, frozen=True):
    """How to authenticate at Kafka."""

    mechanism: str = ""  # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI
    user_secret: SecretKey | None = None  # secret with the user name
    password_secret: SecretKey | None = None  # secret with the password


class AWSMSKIAMConfig(Shape, frozen=True):
    """IAM authentication of Amazon MSK."""

    region: str = ""  # cloud region


class SchemaRegistryConfig(Shape, frozen=True):
    """Where message schemas are looked up."""

    url: str = ""  # URL to connect to
    schema_id: Int32 | None = None  # id of the schema
    auth: BasicAuth | None = None  # how to authenticate


class ValueFromSource(Shape, frozen=True):
    """A key of a Secret or ConfigMap."""

    secret_key_ref: SecretKey | None = None  # key of a Secret
    config_map_key_ref: ConfigMapKey | None = None  # key of a ConfigMap


class SecureHeader(Shape, frozen=True):
    """A header whose value comes from a Secret or ConfigMap."""

    name: str = ""  # header name
    value_from: ValueFromSource | None = None  # where the value comes from


class Metadata(Shape, frozen=True):
    """Labels and annotations."""

    annotations: dict[str, str] | None = None  # annotations
    labels: dict[str, str] | None = None  # labels


class PodContainer(Shape, frozen=True):
    """What may be set on the main container."""

    resources: ResourceRequirements | None = None  # resources of the container
    image_pull_policy: str = ""  # when the image is pulled
    security_context: SecurityContext | None = None  # security settings
    volume_mounts: list[VolumeMount] | None = None  # where volumes are mounted
    env: list[EnvVar] | None = None  # environment variables
    env_from: list[EnvFromSource] | None = None  # environment variables from Secrets and ConfigMaps


class PodTemplate(Shape, frozen=True):
    """How the pods of a Sensor or EventSource look; headrace itself needs no such pods."""

    metadata: Metadata | None = None  # labels and annotations of the pods
    service_account_name: str = ""  # service account of the pods
    container: PodContainer | None = None  # settings of the main container
    volumes: list[Volume] | None = None  # volumes of the pods
    security_context: PodSecurityContext | None = None  # security settings
    node_selector: dict[str, str] | None = None  # labels of hosts the pods may run on
    tolerations: list[Toleration] | None = None  # taints the pods tolerate
    image_pull_secrets: list[LocalObjectReference] | None = None  # secrets for registries
    priority_class_name: str = ""  # priority class of the pods
    priority: Int32 | None = None  # priority of the pods
    affinity: Affinity | None = None  # which hosts the pods prefer or avoid


class ContainerTemplate(Shape, frozen=True):
    """What may be set on a server's container."""

    resources: ResourceRequirements | None = None  # resources of the container
    image_pull_policy: str = ""  # when the image is pulled
    security_context: SecurityContext | None = None  # security settings


class PersistenceStrategy(Shape, frozen=True):
    """The claim of a server."""

    storage_class_name: str = ""  # storage class of the claim
    access_mode: str = ""  # access mode of the claim
    volume_size: IntOrString | None = None  # size of the claim


class KafkaConsumerGroup(Shape, frozen=True):
    """A Kafka consumer group."""

    group_name: str = ""  # name of the group
    oldest: bool = False  # begin with the oldest message
    rebalance_strategy: str = ""  # sticky, roundrobin or range


class NATSAuth(Shape, frozen=True):
    """How to authenticate at NATS; one of the fields."""

    basic: BasicAuth | None = None  # user name and password
    token: SecretKey | None = None  # secret with the token
    nkey: SecretKey | None = None  # secret with the NKey seed
    credential: SecretKey | None = None  # secret with the credentials file


class S3Bucket(Shape, frozen=True):
    """A bucket and a key."""

    key: str = ""  # key of the object
    name: str = ""  # name of the bucket


class S3Filter(Shape, frozen=True):
    """Which keys are meant."""

    prefix: str = ""  # what the name must begin with
    suffix: str = ""  # what the name must end with


class S3Source(Shape, frozen=True):
    """An object, or a bucket's notifications."""

    endpoint: str = ""  # host and port of the store
    bucket: S3Bucket | None = None  # the bucket
    region: str = ""  # cloud region
    insecure: bool = False  # connect without TLS
    access_key: SecretKey | None = None  # secret with the access key
    secret_key: SecretKey | None = None  # secret with the secret key
    events: list[str] | None = None  # which notifications, such as s3:ObjectCreated:Put
    filter: S3Filter | None = None  # only keys that fit
    metadata: dict[str, str] | None = None  # fields added to every event
    ca_certificate: SecretKey | None = None  # secret with the authority's certificate


class GithubAppCreds(Shape, frozen=True):
    """Credentials of a GitHub App."""

    private_key: SecretKey | None = None  # secret with the App's key
    app_id: int | None = None  # id of the App
    installation_id: int | None = None  # id of the installation


class EventContext(Shape, frozen=True):
    """The attributes of a CloudEvent."""

    id: str = ""  # id of the event
    source: str = ""  # name of the EventSource
    specversion: str = ""  # CloudEvents version
    type: str = ""  # type of the source
    datacontenttype: str = ""  # media type of the data
    subject: str = ""  # name of the event in its source
    time: Time | None = None  # time of the event


class EventsStatus(Shape, frozen=True):
    """How an object of Argo Events is doing."""

    conditions: list[EventsCondition] | None = None  # Deployed, SourcesProvided and so on


class EventsCondition(Shape, frozen=True):
    """One condition, as Kubernetes words it."""

    type: str = ""  # what it is about
    status: str = ""  # True, False or Unknown
    reason: str = ""  # one word
    message: str = ""  # for people
    last_transition_time: Time | None = None  # when it changed
