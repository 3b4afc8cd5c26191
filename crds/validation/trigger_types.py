"""What each kind of trigger needs. Source: Argo Events v1.9, validation of each trigger."""

from __future__ import annotations

from typing import Any

from crds.validation import events_shared as shared
from crds.validation.report import Report, Site

Json = dict[str, Any]

REQUIRED: dict[str, tuple[str, ...]] = {
    "k8s": ("source",),
    "argoWorkflow": (),
    "http": ("url",),
    "awsLambda": ("functionName", "region", "payload"),
    "custom": ("serverURL", "spec"),
    "kafka": ("url", "topic", "payload"),
    "nats": ("url", "subject", "payload"),
    "slack": ("slackToken",),
    "openWhisk": ("actionName", "host", "payload"),
    "log": (),
    "azureEventHubs": (),
    "pulsar": (),
    "azureServiceBus": (),
    "email": ("host",),
}
"""Every kind of trigger, and the fields it must have."""

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "k8s": {"operation": ("create", "update", "patch", "delete")},
    "argoWorkflow": {
        "operation": (
            "submit",
            "submit-from",
            "suspend",
            "resubmit",
            "retry",
            "resume",
            "terminate",
            "stop",
        )
    },
    "http": {"method": ("GET", "DELETE", "PATCH", "POST", "PUT")},
    "awsLambda": {"invocationType": ("RequestResponse", "Event", "DryRun")},
}
"""Fields that take certain words only; empty is the default."""

SOURCES = ("s3", "inline", "file", "url", "git", "configmap", "resource")
OPERATIONS = ("append", "overwrite", "prepend")
_MAX_PORT = 65535


def check(report: Report, site: Site, template: Json, known: set[str]) -> None:
    """The one kind of a trigger's template. `known` are the dependencies' names."""
    kinds = [each for each in REQUIRED if each in template]
    if len(kinds) != 1:
        given = f", not {' and '.join(kinds)}" if kinds else ""
        report.add(site, f"exactly one of {', '.join(REQUIRED)} is required{given}")
    for kind in kinds:
        _check_kind(report, site.below(kind), kind, template[kind], known)


def _check_kind(report: Report, site: Site, kind: str, trigger: Json, known: set[str]) -> None:
    shared.require(report, site, trigger, REQUIRED[kind])
    for field, words in WORDS.get(kind, {}).items():
        shared.check_word(report, site.below(field), trigger.get(field, ""), words)
    shared.check_tls(report, site.below("tls"), trigger.get("tls"))
    if "source" in trigger:
        _check_source(report, site.below("source"), trigger["source"])
    check_parameters(report, site.below("parameters"), trigger.get("parameters"), known)
    payload = site.below("payload")
    check_parameters(report, payload, trigger.get("payload"), known, needs_dest=kind != "http")
    check_parameters(report, site.below("dynamicHeaders"), trigger.get("dynamicHeaders"), known)
    if kind == "custom" and trigger.get("secure"):
        shared.require(report, site, trigger, ("certSecret",))
    if kind == "email" and not 0 <= (trigger.get("port") or 0) <= _MAX_PORT:
        report.add(site.below("port"), "port must be a number from 0 to 65535")


def _check_source(report: Report, site: Site, source: Json) -> None:
    given = [each for each in SOURCES if each in source]
    if len(given) != 1:
        named = f", not {' and '.join(given)}" if given else ""
        report.add(site, f"exactly one of {', '.join(SOURCES)} is required{named}")
    if "git" in source:
        shared.require(report, site.below("git"), source["git"], ("url", "filePath"))
        for field in ("cloneDirectory", "filePath"):
            if any(each in source["git"].get(field, "") for each in ("..", "~", "\\")):
                report.add(site.below(f"git.{field}"), "'..', '~' and '\\' are not permitted")
    if "configmap" in source:
        shared.require(report, site.below("configmap"), source["configmap"], ("name", "key"))
    if "s3" in source:
        fields = ("endpoint", "bucket.name", "bucket.key", "accessKey", "secretKey")
        shared.require(report, site.below("s3"), source["s3"], fields)
    if "url" in source:
        shared.require(report, site.below("url"), source["url"], ("path",))
    if "file" in source:
        shared.require(report, site.below("file"), source["file"], ("path",))


def check_parameters(
    report: Report,
    site: Site,
    parameters: list[Json] | None,
    known: set[str],
    *,
    needs_dest: bool = True,
) -> None:
    """Parameters and payloads: from which dependency, to where."""
    for index, parameter in enumerate(parameters or []):
        place = Site(f"{site.path}[{index}]")
        shared.require(report, place, parameter, ("dest",) if needs_dest else ())
        operation = parameter.get("operation", "")
        shared.check_word(report, place.below("operation"), operation, OPERATIONS)
        if "src" not in parameter:
            report.add(place.below("src"), "src is required")
            continue
        source = parameter["src"]
        shared.require(report, place.below("src"), source, ("dependencyName",))
        name = source.get("dependencyName", "")
        if name and name not in known:
            report.add(place.below("src.dependencyName"), f"'{name}' is no dependency")
