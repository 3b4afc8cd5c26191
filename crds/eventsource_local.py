"""EventSources that watch time, files and Kubernetes objects. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.eventsource_http import EventSourceFilter
from crds.shape import ConfigMapKey, SecretKey, Shape, Time


class CatchupConfiguration(Shape, frozen=True):
    """Whether events missed while down are sent."""

    enabled: bool = False  # turn it on
    max_duration: str = ""  # how far back


class ConfigMapPersistence(Shape, frozen=True):
    """The ConfigMap that remembers."""

    name: str = ""  # its name
    create_if_not_exist: bool = False  # make it when absent


class EventPersistence(Shape, frozen=True):
    """Remember when the last event was."""

    catchup: CatchupConfiguration | None = None  # whether missed events are sent
    config_map: ConfigMapPersistence | None = None  # the ConfigMap that holds the last time


class CalendarEventSource(Shape, frozen=True):
    """A schedule or an interval."""

    schedule: str = ""  # cron line of five fields
    interval: str = ""  # time between two events, a duration
    exclusion_dates: list[str] | None = None  # iCalendar dates to leave out
    timezone: str = ""  # IANA name of the time zone
    metadata: dict[str, str] | None = None  # fields added to every event
    persistence: EventPersistence | None = None  # where data is kept
    filter: EventSourceFilter | None = None  # only events for which this holds


class WatchPathConfig(Shape, frozen=True):
    """What is watched."""

    directory: str = ""  # the directory
    path: str = ""  # path below the directory
    path_regexp: str = ""  # regular expression the path must match


class FileEventSource(Shape, frozen=True):
    """Changes of files."""

    event_type: str = ""  # which change: CREATE, REMOVE, WRITE, RENAME or CHMOD
    watch_path_config: WatchPathConfig | None = None  # what is watched
    polling: bool = False  # look again and again instead of asking the kernel
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class SFTPEventSource(Shape, frozen=True):
    """Changes of files on an SFTP server."""

    event_type: str = ""  # which change: CREATE, REMOVE, WRITE, RENAME or CHMOD
    watch_path_config: WatchPathConfig | None = None  # what is watched
    username: SecretKey | None = None  # secret with the user name
    password: SecretKey | None = None  # secret with the password
    ssh_key_secret: SecretKey | None = None  # secret with the SSH key
    address: SecretKey | None = None  # secret with host and port
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds
    poll_interval_duration: str = ""  # how often to look, a duration


class HDFSEventSource(WatchPathConfig, frozen=True):
    """Changes of files in HDFS."""

    type: str = ""  # which change: CREATE, REMOVE, WRITE, RENAME or CHMOD
    check_interval: str = ""  # how often to look, a duration
    addresses: list[str] | None = None  # name nodes, host:port each
    hdfs_user: str = ""  # user without Kerberos
    krb_c_cache_secret: SecretKey | None = None  # secret with the Kerberos ticket cache
    krb_keytab_secret: SecretKey | None = None  # secret with the Kerberos keytab
    krb_username: str = ""  # Kerberos user of the keytab
    krb_realm: str = ""  # Kerberos realm of the keytab
    krb_config_config_map: ConfigMapKey | None = None  # ConfigMap with krb5.conf
    krb_service_principal_name: str = ""  # Kerberos principal of the name node
    metadata: dict[str, str] | None = None  # fields added to every event
    filter: EventSourceFilter | None = None  # only events for which this holds


class Selector(Shape, frozen=True):
    """One comparison of a label or field."""

    key: str = ""  # label or field
    operation: str = ""  # how it is compared
    value: str = ""  # with what


class ResourceFilter(Shape, frozen=True):
    """Which objects are meant."""

    prefix: str = ""  # what the name must begin with
    labels: list[Selector] | None = None  # labels the object must have
    fields: list[Selector] | None = None  # fields the object must have
    created_by: Time | None = None  # only objects made before this time
    after_start: bool = False  # only objects made after the source started


class ResourceEventSource(Shape, frozen=True):
    """Changes of Kubernetes objects."""

    namespace: str = ""  # namespace
    filter: ResourceFilter | None = None  # only events for which this holds
    group: str = ""  # API group of the objects
    version: str = ""  # API version of the objects
    resource: str = ""  # API resource of the objects
    event_types: list[str] | None = None  # ADD, UPDATE, DELETE
    metadata: dict[str, str] | None = None  # fields added to every event
