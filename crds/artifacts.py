"""Artifacts: where a file or tree comes from, where it goes, how it is packed.

An artifact has at most one location (the fields of `ArtifactLocation`); an output without one
goes to the default repository. Source: Argo Workflows v4.1 artifact types.
"""

from __future__ import annotations

from crds.shape import ConfigMapKey, Int32, SecretKey, Shape


class NoneStrategy(Shape, frozen=True):
    """Keep the files as they are."""


class TarStrategy(Shape, frozen=True):
    """A tar packed with gzip."""

    compression_level: Int32 | None = None  # gzip level 0 to 9, -1 is gzip's own default


class ZipStrategy(Shape, frozen=True):
    """A zip file."""


class ArchiveStrategy(Shape, frozen=True):
    """How an output is packed; one of the fields, tar when none."""

    tar: TarStrategy | None = None  # pack as tar with gzip (the default)
    none: NoneStrategy | None = None  # do not pack
    zip: ZipStrategy | None = None  # pack as zip


class CreateS3BucketOptions(Shape, frozen=True):
    """Options of a bucket that is made when absent."""

    object_locking: bool = False  # turn object locking on


class S3EncryptionOptions(Shape, frozen=True):
    """How objects are encrypted at rest."""

    kms_key_id: str = ""  # KMS key to encrypt with
    kms_encryption_context: str = ""  # JSON object with the KMS encryption context
    enable_encryption: bool = False  # encrypt (SSE-S3 when no KMS key and no customer key is given)
    server_side_customer_key_secret: SecretKey | None = None  # secret with the customer's key


class S3Artifact(Shape, frozen=True):
    """An object, or a tree below a key prefix, in an S3-like store."""

    endpoint: str = ""  # host and port of the store
    bucket: str = ""  # bucket name
    region: str = ""  # region of the bucket
    insecure: bool | None = None  # connect without TLS
    access_key_secret: SecretKey | None = None  # secret with the access key
    secret_key_secret: SecretKey | None = None  # secret with the secret key
    session_token_secret: SecretKey | None = None  # secret with a session token
    role_arn: str = ""  # role to assume
    use_sdk_creds: bool = False  # take credentials from the environment, as the SDK does
    create_bucket_if_not_present: CreateS3BucketOptions | None = None  # make the bucket if absent
    encryption_options: S3EncryptionOptions | None = None  # encryption at rest
    ca_secret: SecretKey | None = None  # secret with the authority that signed the store's TLS key
    addressing_style: str = ""  # path, virtual-hosted, or empty for automatic
    key: str = ""  # object key; a trailing slash or a prefix names a tree


class GCSArtifact(Shape, frozen=True):
    """An object in Google Cloud Storage."""

    bucket: str = ""  # bucket name
    service_account_key_secret: SecretKey | None = None  # secret with the service account key
    key: str = ""  # object name


class AzureArtifact(Shape, frozen=True):
    """A blob in Azure Storage."""

    endpoint: str = ""  # URL of the storage account
    container: str = ""  # container name
    account_key_secret: SecretKey | None = None  # secret with the account key
    use_sdk_creds: bool = False  # take credentials from the environment, as the SDK does
    blob: str = ""  # blob name


class OSSLifecycleRule(Shape, frozen=True):
    """When objects age."""

    mark_infrequent_access_after_days: Int32 | None = None  # days until infrequent access
    mark_deletion_after_days: Int32 | None = None  # days until deletion


class OSSArtifact(Shape, frozen=True):
    """An object in Alibaba Cloud OSS."""

    endpoint: str = ""  # host of the store
    bucket: str = ""  # bucket name
    access_key_secret: SecretKey | None = None  # secret with the access key
    secret_key_secret: SecretKey | None = None  # secret with the secret key
    create_bucket_if_not_present: bool = False  # make the bucket if absent
    security_token: str = ""  # temporary security token
    lifecycle_rule: OSSLifecycleRule | None = None  # when objects age
    use_sdk_creds: bool = False  # take credentials from the environment, as the SDK does
    key: str = ""  # object key


class ArtifactoryArtifact(Shape, frozen=True):
    """A file in JFrog Artifactory."""

    url: str = ""  # URL of the file
    username_secret: SecretKey | None = None  # secret with the user name
    password_secret: SecretKey | None = None  # secret with the password


class HDFSArtifact(Shape, frozen=True):
    """A file in HDFS."""

    addresses: list[str] | None = None  # name nodes, host:port each
    path: str = ""  # path of the file
    hdfs_user: str = ""  # user without Kerberos
    force: bool = False  # overwrite an existing file
    data_transfer_protection: str = ""  # authentication, integrity or privacy
    krb_c_cache_secret: SecretKey | None = None  # secret with the Kerberos ticket cache
    krb_keytab_secret: SecretKey | None = None  # secret with the Kerberos keytab
    krb_username: str = ""  # Kerberos user of the keytab
    krb_realm: str = ""  # Kerberos realm of the keytab
    krb_config_config_map: ConfigMapKey | None = None  # ConfigMap with krb5.conf
    krb_service_principal_name: str = ""  # Kerberos principal of the name node


class Header(Shape, frozen=True):
    """One HTTP header."""

    name: str = ""  # header name
    value: str = ""  # header value


class HTTPBasicAuth(Shape, frozen=True):
    """HTTP basic authentication."""

    username_secret: SecretKey | None = None  # secret with the user name
    password_secret: SecretKey | None = None  # secret with the password


class ClientCertAuth(Shape, frozen=True):
    """TLS client certificate."""

    client_cert_secret: SecretKey | None = None  # secret with the certificate
    client_key_secret: SecretKey | None = None  # secret with the key


class OAuth2EndpointParam(Shape, frozen=True):
    """One extra parameter of the token request."""

    key: str = ""  # parameter name
    value: str = ""  # parameter value


class OAuth2Auth(Shape, frozen=True):
    """OAuth2 client credentials."""

    client_id_secret: SecretKey | None = None  # secret with the client id
    client_secret_secret: SecretKey | None = None  # secret with the client secret
    token_url_secret: SecretKey | None = None  # secret with the URL of the token endpoint
    scopes: list[str] | None = None  # scopes to ask for
    endpoint_params: list[OAuth2EndpointParam] | None = None  # extra parameters


class HTTPAuth(Shape, frozen=True):
    """How to authenticate; one of the fields."""

    client_cert: ClientCertAuth | None = None  # by client certificate
    oauth2: OAuth2Auth | None = None  # by OAuth2 client credentials
    basic_auth: HTTPBasicAuth | None = None  # by user name and password


class HTTPArtifact(Shape, frozen=True):
    """A file behind a URL: GET for inputs, PUT for outputs."""

    url: str = ""  # URL of the file
    headers: list[Header] | None = None  # headers to send
    auth: HTTPAuth | None = None  # how to authenticate
    save_stream_via_file: bool = False  # write to a file first, so that the length is known


class GitArtifact(Shape, frozen=True):
    """A checkout of a git repository (input only)."""

    repo: str = ""  # URL of the repository
    revision: str = ""  # commit, tag or branch to check out
    depth: int | None = None  # how many commits to fetch
    fetch: list[str] | None = None  # further refspecs to fetch
    username_secret: SecretKey | None = None  # secret with the user name
    password_secret: SecretKey | None = None  # secret with the password
    ssh_private_key_secret: SecretKey | None = None  # secret with the SSH key
    insecure_ignore_host_key: bool = False  # accept any SSH host key
    disable_submodules: bool = False  # leave submodules out
    single_branch: bool = False  # fetch only `branch`
    branch: str = ""  # branch for `singleBranch`
    insecure_skip_tls: bool = False  # accept any TLS certificate


class RawArtifact(Shape, frozen=True):
    """A text given inline (input only)."""

    data: str = ""  # the content


class PluginArtifact(Shape, frozen=True):
    """A location that an artifact plugin understands."""

    name: str = ""  # name of the plugin
    configuration: str = ""  # text for the plugin
    connection_timeout_seconds: Int32 | None = None  # how long to wait for the plugin, 5 if absent
    key: str = ""  # key within the plugin's store


class ArtifactGC(Shape, frozen=True):
    """When the artifact is deleted, and by whom."""

    strategy: str = ""  # OnWorkflowCompletion, OnWorkflowDeletion or Never
    pod_metadata: ArtifactPodMetadata | None = None  # labels and annotations of the deleting pod
    service_account_name: str = ""  # service account of the deleting pod


class ArtifactPodMetadata(Shape, frozen=True):
    """Labels and annotations of pods."""

    annotations: dict[str, str] | None = None  # annotations to add
    labels: dict[str, str] | None = None  # labels to add


class ArtifactLocation(Shape, frozen=True):
    """At most one place, and whether logs are kept there."""

    archive_logs: bool | None = None  # keep the logs of the main container as an artifact
    s3: S3Artifact | None = None  # in an S3-like store
    gcs: GCSArtifact | None = None  # in Google Cloud Storage
    azure: AzureArtifact | None = None  # in Azure Storage
    oss: OSSArtifact | None = None  # in Alibaba Cloud OSS
    artifactory: ArtifactoryArtifact | None = None  # in Artifactory
    hdfs: HDFSArtifact | None = None  # in HDFS
    http: HTTPArtifact | None = None  # behind a URL
    git: GitArtifact | None = None  # in a git repository
    raw: RawArtifact | None = None  # given inline
    plugin: PluginArtifact | None = None  # reached by a plugin


class Artifact(ArtifactLocation, frozen=True):
    """One artifact of an input, an output or an argument."""

    name: str = ""  # unique among the artifacts of one list
    path: str = ""  # where it is in the container
    mode: Int32 | None = None  # file mode bits of an input, 0 to 511
    recurse_mode: bool = False  # apply `mode` to a whole tree
    from_: str = ""  # a tag that names another artifact
    from_expression: str = ""  # an expression that gives another artifact
    sub_path: str = ""  # path below the artifact
    optional: bool = False  # no error when absent
    archive: ArchiveStrategy | None = None  # how it is packed
    global_name: str = ""  # also an output of the workflow, under this name
    artifact_gc: ArtifactGC | None = None  # when it is deleted
    deleted: bool = False  # set by the system once it is deleted


LOCATIONS = tuple(f for f in ArtifactLocation.__struct_fields__ if f != "archive_logs")
"""The attribute names of the locations."""
