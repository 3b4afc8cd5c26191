"""EventSources that listen for HTTP requests. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import BasicAuth, GithubAppCreds, TLSConfig
from crds.shape import SecretKey, Shape


class EventSourceFilter(Shape, frozen=True):
    """Which events are passed on."""

    expression: str = ""  # expression over the event's payload


class WebhookContext(Shape, frozen=True):
    """An HTTP endpoint."""

    endpoint: str = ""  # URL path, such as /push
    method: str = ""  # HTTP method
    port: str = ""  # port to listen on
    url: str = ""  # URL under which the provider reaches us
    server_cert_secret: SecretKey | None = None  # secret with the server's certificate
    server_key_secret: SecretKey | None = None  # secret with the server's key
    metadata: dict[str, str] | None = None  # fields added to every event
    auth_secret: SecretKey | None = None  # secret with the bearer token
    max_payload_size: int | None = None  # largest body in bytes, 1 MiB when absent


class WebhookEventSource(WebhookContext, frozen=True):
    """Any HTTP request."""

    filter: EventSourceFilter | None = None  # only events for which this holds


class OwnedRepositories(Shape, frozen=True):
    """Repositories of one owner."""

    owner: str = ""  # owner of the repository
    names: list[str] | None = None  # names of the repositories


class GithubEventSource(Shape, frozen=True):
    """GitHub webhooks."""

    id: int | None = None  # older form: not used any more
    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    owner: str = ""  # older form: owner of the repository
    repository: str = ""  # older form: name of the repository
    events: list[str] | None = None  # which events to subscribe to
    api_token: SecretKey | None = None  # secret with the API token
    webhook_secret: SecretKey | None = None  # secret that signs the requests
    insecure: bool = False  # connect without TLS
    active: bool = False  # the hook is active
    content_type: str = ""  # json or form
    github_base_url: str = ""  # URL of a GitHub Enterprise server
    github_upload_url: str = ""  # upload URL of a GitHub Enterprise server
    delete_hook_on_finish: bool = False  # remove the hook at the provider in the end
    metadata: dict[str, str] | None = None  # fields added to every event
    repositories: list[OwnedRepositories] | None = None  # the repositories
    organizations: list[str] | None = None  # organizations to subscribe to
    github_app: GithubAppCreds | None = None  # credentials of a GitHub App
    filter: EventSourceFilter | None = None  # only events for which this holds


class GitlabEventSource(Shape, frozen=True):
    """GitLab webhooks."""

    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    project_id: str = ""  # older form: id of the project
    events: list[str] | None = None  # which events to subscribe to
    access_token: SecretKey | None = None  # secret with the access token
    enable_ssl_verification: bool = False  # the provider checks our certificate
    gitlab_base_url: str = ""  # URL of the GitLab server
    delete_hook_on_finish: bool = False  # remove the hook at the provider in the end
    metadata: dict[str, str] | None = None  # fields added to every event
    projects: list[str] | None = None  # the projects
    secret_token: SecretKey | None = None  # secret sent with the requests
    filter: EventSourceFilter | None = None  # only events for which this holds
    groups: list[str] | None = None  # groups to subscribe to


class BitbucketRepository(Shape, frozen=True):
    """One Bitbucket Cloud repository."""

    owner: str = ""  # owner of the repository
    repository_slug: str = ""  # name of the repository


class BitbucketBasicAuth(Shape, frozen=True):
    """User name and app password."""

    username: SecretKey | None = None  # secret with the user name
    password: SecretKey | None = None  # secret with the password


class BitbucketAuth(Shape, frozen=True):
    """How to authenticate at Bitbucket."""

    basic: BitbucketBasicAuth | None = None  # user name and password
    oauth_token: SecretKey | None = None  # secret with the OAuth token


class BitbucketEventSource(Shape, frozen=True):
    """Bitbucket Cloud webhooks."""

    delete_hook_on_finish: bool = False  # remove the hook at the provider in the end
    metadata: dict[str, str] | None = None  # fields added to every event
    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    auth: BitbucketAuth | None = None  # how to authenticate
    events: list[str] | None = None  # which events to subscribe to
    owner: str = ""  # older form: owner of the repository
    project_key: str = ""  # older form: key of the project
    repository_slug: str = ""  # older form: name of the repository
    repositories: list[BitbucketRepository] | None = None  # the repositories
    filter: EventSourceFilter | None = None  # only events for which this holds


class BitbucketServerRepository(Shape, frozen=True):
    """One Bitbucket Server repository."""

    project_key: str = ""  # key of the project
    repository_slug: str = ""  # name of the repository


class BitbucketServerEventSource(Shape, frozen=True):
    """Bitbucket Server webhooks."""

    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    project_key: str = ""  # older form: key of the project
    repository_slug: str = ""  # older form: name of the repository
    projects: list[str] | None = None  # the projects
    repositories: list[BitbucketServerRepository] | None = None  # the repositories
    events: list[str] | None = None  # which events to subscribe to
    # leave out branches with an open pull request
    skip_branch_refs_changed_on_open_pr: bool = False
    one_event_per_change: bool = False  # one event for each change of a push
    access_token: SecretKey | None = None  # secret with the access token
    webhook_secret: SecretKey | None = None  # secret that signs the requests
    bitbucketserver_base_url: str = ""  # URL of the REST API
    delete_hook_on_finish: bool = False  # remove the hook at the provider in the end
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    tls: TLSConfig | None = None  # TLS settings
    check_interval: str = ""  # how often to look, a duration


class GerritEventSource(Shape, frozen=True):
    """Gerrit webhooks."""

    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    hook_name: str = ""  # name of the hook
    events: list[str] | None = None  # which events to subscribe to
    auth: BasicAuth | None = None  # how to authenticate
    gerrit_base_url: str = ""  # URL of the Gerrit server
    delete_hook_on_finish: bool = False  # remove the hook at the provider in the end
    metadata: dict[str, str] | None = None  # fields added to every event
    projects: list[str] | None = None  # the projects
    ssl_verify: bool = False  # Gerrit checks our certificate
    filter: EventSourceFilter | None = None  # only events for which this holds
    max_tries: int | None = None  # how often Gerrit tries


class SlackEventSource(Shape, frozen=True):
    """Slack events, commands and interactions."""

    signing_secret: SecretKey | None = None  # secret that signs the requests
    token: SecretKey | None = None  # secret with the token
    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class StorageGridFilter(Shape, frozen=True):
    """Which keys are meant."""

    prefix: str = ""  # what the name must begin with
    suffix: str = ""  # what the name must end with


class StorageGridEventSource(Shape, frozen=True):
    """Notifications of a StorageGRID bucket."""

    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    events: list[str] | None = None  # which events to subscribe to
    filter: StorageGridFilter | None = None  # only events for which this holds
    topic_arn: str = ""  # ARN of the topic
    bucket: str = ""  # name of the bucket
    region: str = ""  # cloud region
    auth_token: SecretKey | None = None  # secret with the token
    api_url: str = ""  # URL of the management API
    metadata: dict[str, str] | None = None  # fields added to every event
    tls: TLSConfig | None = None  # TLS settings


class StripeEventSource(Shape, frozen=True):
    """Stripe webhooks."""

    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    create_webhook: bool = False  # make the hook at the provider
    api_key: SecretKey | None = None  # secret with the API key
    event_filter: list[str] | None = None  # types of events, all when empty
    metadata: dict[str, str] | None = None  # fields added to every event


class SNSEventSource(Shape, frozen=True):
    """Notifications of an Amazon SNS topic."""

    webhook: WebhookContext | None = None  # the HTTP endpoint that receives the events
    topic_arn: str = ""  # ARN of the topic
    access_key: SecretKey | None = None  # secret with the access key
    secret_key: SecretKey | None = None  # secret with the secret key
    region: str = ""  # cloud region
    role_arn: str = ""  # role to assume
    metadata: dict[str, str] | None = None  # fields added to every event
    validate_signature: bool = False  # check the signature of the messages
    filter: EventSourceFilter | None = None  # only events for which this holds
    endpoint: str = ""  # URL of another SNS-like server
