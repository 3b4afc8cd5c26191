"""What a Sensor can do: one type for each kind of trigger. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import (
    Backoff,
    BasicAuth,
    GithubAppCreds,
    NATSAuth,
    S3Source,
    SASLConfig,
    SchemaRegistryConfig,
    SecureHeader,
    TLSConfig,
)
from crds.shape import ConfigMapKey, Int32, JsonDict, SecretKey, Shape


class TriggerParameterSource(Shape, frozen=True):
    """A part of one event."""

    dependency_name: str = ""  # the dependency whose event is meant
    context_key: str = ""  # attribute of the event
    context_template: str = ""  # Go template over the event's attributes
    data_key: str = ""  # gjson path into the payload; beginning with $ it is JSONPath
    data_template: str = ""  # Go template over the payload
    value: str = ""  # used when nothing else gives a value
    use_raw_data: bool = False  # keep numbers, booleans, lists and objects as they are


class TriggerParameter(Shape, frozen=True):
    """A part of the events and where it goes."""

    src: TriggerParameterSource | None = None  # where the value comes from
    dest: str = ""  # path it is put to
    operation: str = ""  # overwrite (the default), append or prepend


class FileSource(Shape, frozen=True):
    """A file beside the process."""

    path: str = ""  # path of the file


class URLSource(Shape, frozen=True):
    """A file behind a URL."""

    path: str = ""  # the URL
    verify_cert: bool = False  # check the server's certificate


class GitCreds(Shape, frozen=True):
    """User name and password for git."""

    username: SecretKey | None = None  # secret with the user name
    password: SecretKey | None = None  # secret with the password


class GitRemoteConfig(Shape, frozen=True):
    """A further git remote."""

    name: str = ""  # its name
    urls: list[str] | None = None  # its URLs


class GitSource(Shape, frozen=True):
    """A file in a git repository."""

    url: str = ""  # URL to connect to
    clone_directory: str = ""  # where it is cloned to
    creds: GitCreds | None = None  # user name and password
    ssh_key_secret: SecretKey | None = None  # secret with the SSH key
    file_path: str = ""  # path of the file in the repository
    branch: str = ""  # branch
    tag: str = ""  # tag
    ref: str = ""  # reference
    remote: GitRemoteConfig | None = None  # a further remote
    insecure_ignore_host_key: bool = False  # accept any SSH host key
    github_app: GithubAppCreds | None = None  # credentials of a GitHub App


class TriggerSource(Shape, frozen=True):
    """Where the object of a trigger is; one of the fields."""

    s3: S3Source | None = None  # in an S3-like store
    inline: str = ""  # as text
    file: FileSource | None = None  # in a file
    url: URLSource | None = None  # URL to connect to
    configmap: ConfigMapKey | None = None  # in a ConfigMap
    git: GitSource | None = None  # in a git repository
    resource: JsonDict | None = None  # as an object


class StandardK8STrigger(Shape, frozen=True):
    """Make or change a Kubernetes object."""

    source: TriggerSource | None = None  # where the object is
    operation: str = ""  # create (the default), update, patch or delete
    parameters: list[TriggerParameter] | None = None  # parts of the events put into the object
    patch_strategy: str = ""  # media type of the patch
    live_object: bool = False  # patch the object in the cluster instead of the given one


class ArgoWorkflowTrigger(Shape, frozen=True):
    """Submit a Workflow, or change one."""

    source: TriggerSource | None = None  # where the object is
    operation: str = ""  # submit, submit-from, resubmit, retry, resume, suspend, terminate, stop
    parameters: list[TriggerParameter] | None = None  # parts of the events put into the Workflow
    args: list[str] | None = None  # further arguments


class HTTPTrigger(Shape, frozen=True):
    """Make an HTTP request."""

    url: str = ""  # URL to connect to
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    tls: TLSConfig | None = None  # TLS settings
    method: str = ""  # HTTP method
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    timeout: int | None = None  # seconds until the request is given up
    basic_auth: BasicAuth | None = None  # user name and password
    headers: dict[str, str] | None = None  # headers to send
    secure_headers: list[SecureHeader] | None = None  # headers whose values come from secrets
    # headers whose values come from the events
    dynamic_headers: list[TriggerParameter] | None = None
    host: str = ""  # Host header


class KafkaTrigger(Shape, frozen=True):
    """Send a message to Kafka."""

    url: str = ""  # URL to connect to
    topic: str = ""  # topic name
    partition: Int32 | None = None  # older form: partition
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    required_acks: Int32 | None = None  # how many replicas must have it: 0, 1 or -1 for all
    compress: bool = False  # compress the messages
    flush_frequency: Int32 | None = None  # milliseconds between two batches
    tls: TLSConfig | None = None  # TLS settings
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    partitioning_key: str = ""  # key of the message
    version: str = ""  # protocol version
    sasl: SASLConfig | None = None  # SASL settings
    schema_registry: SchemaRegistryConfig | None = None  # where schemas are looked up
    headers: dict[str, str] | None = None  # headers to send
    secure_headers: list[SecureHeader] | None = None  # headers whose values come from secrets


class NATSTrigger(Shape, frozen=True):
    """Send a message to NATS."""

    url: str = ""  # URL to connect to
    subject: str = ""  # subject
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    tls: TLSConfig | None = None  # TLS settings
    auth: NATSAuth | None = None  # how to authenticate


class PulsarTrigger(Shape, frozen=True):
    """Send a message to Pulsar."""

    url: str = ""  # URL to connect to
    topic: str = ""  # topic name
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    tls_trust_certs_secret: SecretKey | None = None  # secret with the trusted certificates
    tls_allow_insecure_connection: bool = False  # accept any certificate
    tls_validate_hostname: bool = False  # check the host name of the certificate
    tls: TLSConfig | None = None  # TLS settings
    auth_token_secret: SecretKey | None = None  # secret with the token
    connection_backoff: Backoff | None = None  # how connecting is tried again
    auth_athenz_params: dict[str, str] | None = None  # Athenz parameters
    auth_athenz_secret: SecretKey | None = None  # secret with the Athenz key


class AWSLambdaTrigger(Shape, frozen=True):
    """Call an AWS Lambda function."""

    function_name: str = ""  # name of the function
    access_key: SecretKey | None = None  # secret with the access key
    secret_key: SecretKey | None = None  # secret with the secret key
    region: str = ""  # cloud region
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    invocation_type: str = ""  # RequestResponse, Event or DryRun
    role_arn: str = ""  # role to assume


class SlackThread(Shape, frozen=True):
    """How messages are joined to threads."""

    message_aggregation_key: str = ""  # messages with one key share a thread
    broadcast_message_to_channel: bool = False  # show it in the channel too


class SlackSender(Shape, frozen=True):
    """Who the message seems to come from."""

    username: str = ""  # user name
    icon: str = ""  # icon, as a URL or an emoji


class SlackTrigger(Shape, frozen=True):
    """Send a Slack message."""

    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    slack_token: SecretKey | None = None  # secret with the token
    channel: str = ""  # channel or user
    message: str = ""  # text of the message
    attachments: str = ""  # attachments, as JSON
    blocks: str = ""  # blocks, as JSON
    thread: SlackThread | None = None  # how messages are joined to threads
    sender: SlackSender | None = None  # who it seems to come from


class EmailTrigger(Shape, frozen=True):
    """Send an e-mail."""

    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    username: str = ""  # user name
    smtp_password: SecretKey | None = None  # secret with the password
    host: str = ""  # mail server
    port: Int32 | None = None  # port of the mail server
    to: list[str] | None = None  # receivers
    from_: str = ""  # sender
    subject: str = ""  # subject line
    body: str = ""  # text of the body


class CustomTrigger(Shape, frozen=True):
    """Call a gRPC server."""

    server_url: str = ""  # URL of the gRPC server
    secure: bool = False  # use TLS
    cert_secret: SecretKey | None = None  # secret with the server's certificate
    server_name_override: str = ""  # name the certificate must have
    spec: dict[str, str] | None = None  # handed to the server
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    payload: list[TriggerParameter] | None = None  # event data that makes up the message


class OpenWhiskTrigger(Shape, frozen=True):
    """Call an OpenWhisk action."""

    host: str = ""  # host
    version: str = ""  # protocol version
    namespace: str = ""  # namespace
    auth_token: SecretKey | None = None  # secret with the token
    action_name: str = ""  # name of the action
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself


class AzureEventHubsTrigger(Shape, frozen=True):
    """Send a message to Azure Event Hubs."""

    fqdn: str = ""  # host of the service
    hub_name: str = ""  # name of the hub
    shared_access_key_name: SecretKey | None = None  # secret with the name of the access key
    shared_access_key: SecretKey | None = None  # secret with the access key
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself


class AzureServiceBusTrigger(Shape, frozen=True):
    """Send a message to Azure Service Bus."""

    connection_string: SecretKey | None = None  # secret with the connection string
    queue_name: str = ""  # queue name
    topic_name: str = ""  # topic name
    subscription_name: str = ""  # subscription name
    tls: TLSConfig | None = None  # TLS settings
    payload: list[TriggerParameter] | None = None  # event data that makes up the message
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself


class LogTrigger(Shape, frozen=True):
    """Write a log line."""

    interval_seconds: int | None = None  # most one line in this time
