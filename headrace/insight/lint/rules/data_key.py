"""Paths that an event of this type cannot have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import example_sensor
from headrace.insight.lint.corpus import Corpus, Json
from headrace.insight.lint.model import Hit, Path
from headrace.insight.lint.rule import Hits, Rule
from headrace.insight.lint.rules.sensor_dependency import events_of

_HOOK = ("headers", "body", "metadata")
_FILE = ("name", "op", "metadata")
PAYLOADS: dict[str, tuple[str, ...]] = {
    "webhook": ("header", "body", "metadata"),
    "sns": ("header", "body", "metadata"),
    "github": _HOOK,
    "gitlab": _HOOK,
    "bitbucket": _HOOK,
    "bitbucketserver": _HOOK,
    "gerrit": _HOOK,
    "storageGrid": ("notification", "metadata"),
    "stripe": ("event", "metadata"),
    "sqs": ("messageId", "messageAttributes", "body", "metadata"),
    "kafka": ("topic", "key", "partition", "body", "timestamp", "headers", "metadata"),
    "nats": ("subject", "body", "header", "metadata"),
    "mqtt": ("topic", "messageId", "body", "metadata"),
    "amqp": (
        "contentType", "contentEncoding", "deliveryMode", "priority", "correlationId", "replyTo",
        "expiration", "messageId", "timestamp", "type", "appId", "exchange", "routingKey", "body",
        "metadata",
    ),
    "redis": ("channel", "pattern", "body", "metadata"),
    "redisStream": ("stream", "message_id", "values", "metadata"),
    "nsq": ("body", "timestamp", "nsqdAddress", "metadata"),
    "emitter": ("topic", "body", "metadata"),
    "pubSub": ("id", "body", "attributes", "publishTime", "metadata"),
    "azureEventsHub": ("id", "partitionKey", "body", "metadata"),
    "azureQueueStorage": ("body", "messageID", "insertionTime", "metadata"),
    "mns": ("messageId", "body", "metadata"),
    "calendar": ("eventTime", "metadata"),
    "file": _FILE,
    "sftp": _FILE,
    "hdfs": _FILE,
    "resource": ("type", "body", "oldBody", "group", "version", "resource", "metadata"),
    "minio": ("notification", "metadata"),
    "generic": ("body", "metadata"),
}  # fmt: skip
"""The fields at the top of each type's payload (Argo Events, `pkg/apis/events`)."""

_FIRST = re.compile(r"[A-Za-z_][\w-]*")


def _check(corpus: Corpus) -> Hits:
    known = corpus.event_sources()
    for item in corpus.of_kind("Sensor"):
        kinds = _kinds(item.value, known)
        for path, source in _sources(item.value):
            dependency, key = str(source.get("dependencyName")), str(source.get("dataKey") or "")
            kind = kinds.get(dependency, "")
            fields = PAYLOADS.get(kind)
            first = _FIRST.match(key.removeprefix("$."))
            if fields and first and first.group(0) not in fields:
                message = (
                    f"a {kind} event has no {first.group(0)} at its top; it has "
                    f"{', '.join(fields)}. {_meant(first.group(0), key, fields)}"
                )
                yield item, Hit((*path, "dataKey"), message)


def _meant(first: str, key: str, fields: tuple[str, ...]) -> str:
    lower = {field.lower(): field for field in fields}
    if first.lower() in lower:
        return f"Is {lower[first.lower()]}{key[len(first) :]} meant?"
    return f"Is body.{key.removeprefix('$.')} meant?" if "body" in fields else ""


def _kinds(sensor: Json, known: Mapping[str, Json]) -> dict[str, str]:
    """The event type of each dependency, where it is known and the Sensor does not transform it."""
    found: dict[str, str] = {}
    spec = sensor.get("spec")
    for dependency in corpora.objects((spec or {}).get("dependencies")):
        if not dependency.get("transform"):
            source = known.get(str(dependency.get("eventSourceName")), {})
            kind = events_of(source).get(str(dependency.get("eventName")), "")
            found[str(dependency.get("name"))] = kind
    return found


def _sources(value: Any, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every `src` of a parameter, wherever it is."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "src" and isinstance(inner, Mapping) and "dependencyName" in inner:
                yield (*path, "src"), inner
            else:
                yield from _sources(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _sources(inner, (*path, index))


RULE = Rule(
    id="data-key",
    title="A dataKey that the payload cannot have",
    why=(
        "A path that finds nothing gives no value: the parameter keeps its default, or the trigger "
        "fails, and only when the event comes."
    ),
    bad=example_sensor.sensor(data_key="ref"),
    good=example_sensor.sensor(),
    check=_check,
)
