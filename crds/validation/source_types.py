"""What each type of event source needs. Source: Argo Events v1.9, validation of each type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crds.validation import events_shared as shared
from crds.validation.report import Report, Site
from lang import cron, regex
from lang.errors import LangError

Json = dict[str, Any]

REQUIRED: dict[str, tuple[str, ...]] = {
    "webhook": ("endpoint", "port"),
    "sns": ("topicArn", "region"),
    "sqs": ("region", "queue"),
    "kafka": ("url", "topic"),
    "nats": ("url", "subject"),
    "amqp": ("exchangeType", "routingKey"),
    "mqtt": ("url", "topic", "clientId"),
    "redis": ("hostAddress", "channels"),
    "redisStream": ("hostAddress", "streams"),
    "minio": ("endpoint", "accessKey", "secretKey"),
    "file": ("eventType", "watchPathConfig"),
    "sftp": ("eventType", "watchPathConfig"),
    "hdfs": ("type", "addresses"),
    "resource": ("version", "resource", "eventTypes"),
    "azureEventsHub": ("fqdn", "hubName"),
    "azureQueueStorage": ("queueName",),
    "gitlab": ("events", "gitlabBaseURL"),
    "bitbucketserver": ("bitbucketserverBaseURL",),
    "gerrit": ("projects", "events", "gerritBaseURL", "hookName"),
    "slack": ("token", "signingSecret"),
    "storageGrid": ("topicArn", "apiURL", "authToken", "bucket", "events"),
    "emitter": ("broker", "channelName", "channelKey"),
    "nsq": ("hostAddress", "topic", "channel"),
    "pulsar": ("topics", "url"),
    "generic": ("url", "config"),
    "mns": ("queue", "endpoint"),
}
"""Fields that must be there."""

FILE_CHANGES = ("CREATE", "WRITE", "REMOVE", "RENAME", "CHMOD")


def check(report: Report, site: Site, kind: str, event: Json) -> None:
    """One event of one type."""
    shared.require(report, site, event, REQUIRED.get(kind, ()))
    shared.check_tls(report, site.below("tls"), event.get("tls"))
    shared.check_backoff(report, site.below("connectionBackoff"), event.get("connectionBackoff"))
    hook = event if kind == "webhook" else event.get("webhook")
    if hook is not None:
        _check_hook(report, site if kind == "webhook" else site.below("webhook"), hook)
    own = _OWN.get(kind)
    if own is not None:
        own(report, site, event)


def _check_hook(report: Report, site: Site, hook: Json) -> None:
    endpoint, port = hook.get("endpoint", ""), hook.get("port", "")
    if endpoint and not endpoint.startswith("/"):
        report.add(site.below("endpoint"), f"endpoint must begin with '/', not '{endpoint}'")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        report.add(site.below("port"), f"port must be a number from 1 to 65535, not '{port}'")
    if ("serverCertSecret" in hook) != ("serverKeySecret" in hook):
        report.add(site, "serverCertSecret and serverKeySecret come together")
    if (hook.get("maxPayloadSize") or 0) < 0:
        report.add(site.below("maxPayloadSize"), "maxPayloadSize must not be negative")


def _check_calendar(report: Report, site: Site, event: Json) -> None:
    shared.exactly_one(report, site, event, ["schedule", "interval"])
    shared.check_duration(report, site.below("interval"), event.get("interval", ""))
    schedule = event.get("schedule", "")
    if schedule:
        try:
            cron.parse(schedule, event.get("timezone", ""), descriptors=False)
        except LangError as error:
            report.add(site.below("schedule"), error.message)


def _check_file(report: Report, site: Site, event: Json) -> None:
    shared.check_word(report, site.below("eventType"), event.get("eventType", ""), FILE_CHANGES)
    if "watchPathConfig" in event:
        _check_watch(report, site.below("watchPathConfig"), event["watchPathConfig"])


def _check_watch(report: Report, site: Site, watch: Json) -> None:
    shared.require(report, site, watch, ("directory",))
    shared.exactly_one(report, site, watch, ["path", "pathRegexp"])
    directory, path = watch.get("directory", ""), watch.get("path", "")
    if directory and not directory.startswith("/"):
        report.add(site.below("directory"), "directory must be an absolute path")
    if path.startswith("/"):
        report.add(site.below("path"), "path must be relative to the directory")
    if watch.get("pathRegexp"):
        try:
            regex.compile(watch["pathRegexp"])
        except LangError as error:
            report.add(site.below("pathRegexp"), f"no regular expression: {error.message}")


def _check_hdfs(report: Report, site: Site, event: Json) -> None:
    shared.check_word(report, site.below("type"), event.get("type", ""), FILE_CHANGES)
    _check_watch(report, site, event)
    shared.check_duration(report, site.below("checkInterval"), event.get("checkInterval", ""))
    ways = ("hdfsUser", "krbCCacheSecret", "krbKeytabSecret")
    if not any(event.get(each) for each in ways):
        report.add(site, f"one of {', '.join(ways)} is required")
    kerberos = ["krbServicePrincipalName", "krbConfigConfigMap"]
    if event.get("krbKeytabSecret"):
        shared.require(report, site, event, [*kerberos, "krbUsername", "krbRealm"])
    elif event.get("krbCCacheSecret"):
        shared.require(report, site, event, kerberos)


def _check_resource(report: Report, site: Site, event: Json) -> None:
    for word in event.get("eventTypes") or []:
        shared.check_word(report, site.below("eventTypes"), word, ("ADD", "UPDATE", "DELETE"))


def _check_kafka(report: Report, site: Site, event: Json) -> None:
    partition = event.get("partition", "")
    if not partition and "consumerGroup" not in event:
        report.add(site, "one of partition and consumerGroup is required")
    if partition and not (partition.isascii() and partition.isdigit()):
        report.add(site.below("partition"), f"partition must be a number, not '{partition}'")
    group = event.get("consumerGroup") or {}
    place = site.below("consumerGroup.rebalanceStrategy")
    words = ("sticky", "roundrobin", "range")
    shared.check_word(report, place, group.get("rebalanceStrategy", ""), words)
    sasl = event.get("sasl")
    if sasl is not None:
        shared.require(report, site.below("sasl"), sasl, ("userSecret", "passwordSecret"))


def _check_amqp(report: Report, site: Site, event: Json) -> None:
    shared.exactly_one(report, site, event, ["url", "urlSecret"])


def _check_redis(report: Report, site: Site, event: Json) -> None:
    if "password" in event:
        shared.require(report, site, event, ("namespace",))


def _check_minio(report: Report, site: Site, event: Json) -> None:
    shared.require(report, site, event, ("bucket.name",))


def _check_pubsub(report: Report, site: Site, event: Json) -> None:
    if not event.get("topic") and not event.get("subscriptionID"):
        report.add(site, "one of topic and subscriptionID is required")
    if event.get("topicProjectID"):
        shared.require(report, site, event, ("topic",))


def _check_events_hub(report: Report, site: Site, event: Json) -> None:
    if ("sharedAccessKeyName" in event) != ("sharedAccessKey" in event):
        report.add(site, "sharedAccessKeyName and sharedAccessKey come together")


def _check_service_bus(report: Report, site: Site, event: Json) -> None:
    if "connectionString" not in event and not event.get("fullyQualifiedNamespace"):
        report.add(site, "one of connectionString and fullyQualifiedNamespace is required")
    shared.exactly_one(report, site, event, ["queueName", "topicName"])
    if event.get("topicName"):
        shared.require(report, site, event, ("subscriptionName",))


def _check_queue_storage(report: Report, site: Site, event: Json) -> None:
    if "connectionString" not in event and not event.get("storageAccountName"):
        report.add(site, "one of connectionString and storageAccountName is required")


def _check_github(report: Report, site: Site, event: Json) -> None:
    old = bool(event.get("owner") and event.get("repository"))
    if not old:
        shared.exactly_one(report, site, event, ["repositories", "organizations"])
    managed = "apiToken" in event or "githubApp" in event
    if managed and (event.get("webhook") or {}).get("url"):
        shared.require(report, site, event, ("events",))
    words = ("json", "form")
    shared.check_word(report, site.below("contentType"), event.get("contentType", ""), words)
    if bool(event.get("githubBaseURL")) != bool(event.get("githubUploadURL")):
        report.add(site, "githubBaseURL and githubUploadURL come together")


def _check_bitbucket(report: Report, site: Site, event: Json) -> None:
    old = event.get("owner") and event.get("repositorySlug")
    if not event.get("repositories") and not old:
        shared.require(report, site, event, ("repositories",))


def _check_bitbucketserver(report: Report, site: Site, event: Json) -> None:
    shared.check_duration(report, site.below("checkInterval"), event.get("checkInterval", ""))


def _check_stripe(report: Report, site: Site, event: Json) -> None:
    if event.get("createWebhook"):
        shared.require(report, site, event, ("apiKey",))


def _check_pulsar(report: Report, site: Site, event: Json) -> None:
    words = ("exclusive", "shared")
    shared.check_word(report, site.below("type"), event.get("type", ""), words)


_OWN: dict[str, Callable[[Report, Site, Json], None]] = {
    "calendar": _check_calendar,
    "file": _check_file,
    "sftp": _check_file,
    "hdfs": _check_hdfs,
    "resource": _check_resource,
    "kafka": _check_kafka,
    "amqp": _check_amqp,
    "redis": _check_redis,
    "minio": _check_minio,
    "pubSub": _check_pubsub,
    "azureEventsHub": _check_events_hub,
    "azureServiceBus": _check_service_bus,
    "azureQueueStorage": _check_queue_storage,
    "github": _check_github,
    "bitbucket": _check_bitbucket,
    "bitbucketserver": _check_bitbucketserver,
    "stripe": _check_stripe,
    "pulsar": _check_pulsar,
}
"""What a type needs beyond fields that must be there."""
