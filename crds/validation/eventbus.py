"""EventBuses: which bus, and what it needs. Source: Argo Events v1.9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds.errors import CrdError, FieldError
from crds.eventbus import EventBus
from crds.validation import events_shared as shared
from crds.validation.library import Library
from crds.validation.report import Report, Site

KINDS = ["nats", "jetstream", "kafka", "jetstreamExotic"]
_LEAST_STAN_REPLICAS = 3


def validate_event_bus(
    item: Mapping[str, Any], library: Library | None = None, *, strict: bool = True
) -> list[FieldError]:
    """Every finding. `library` is not used: a bus refers to no templates."""
    try:
        plain, found = shared.decoded(item, EventBus, strict=strict)
    except CrdError as error:
        return shared.wrong_types(error)
    report, site = Report(), Site("spec")
    spec = plain.get("spec") or {}
    shared.exactly_one(report, site, {k: k in spec for k in KINDS}, KINDS)
    if "nats" in spec:
        _check_nats(report, site.below("nats"), spec["nats"])
    if "jetstream" in spec:
        _check_jetstream(report, site.below("jetstream"), spec["jetstream"])
    if "jetstreamExotic" in spec:
        place = site.below("jetstreamExotic")
        shared.require(report, place, spec["jetstreamExotic"], ("url",))
        shared.check_secret(
            report, place.below("accessSecret"), spec["jetstreamExotic"].get("accessSecret")
        )
        shared.check_tls(report, place.below("tls"), spec["jetstreamExotic"].get("tls"))
    if "kafka" in spec:
        _check_kafka(report, site.below("kafka"), spec["kafka"])
    return [*found, *report.findings]


def _check_nats(report: Report, site: Site, nats: dict[str, Any]) -> None:
    branches = ["native", "exotic"]
    shared.exactly_one(report, site, {each: each in nats for each in branches}, branches)
    native = nats.get("native")
    if native is not None:
        place = site.below("native")
        shared.check_word(report, place.below("auth"), native.get("auth", ""), ("none", "token"))
        if 0 < native.get("replicas", _LEAST_STAN_REPLICAS) < _LEAST_STAN_REPLICAS:
            report.add(place.below("replicas"), "replicas must be at least 3")
    exotic = nats.get("exotic")
    if exotic is not None:
        place = site.below("exotic")
        shared.require(report, place, exotic, ("url", "clusterID"))
        words = ("none", "token", "basic")
        shared.check_word(report, place.below("auth"), exotic.get("auth", ""), words)


def _check_jetstream(report: Report, site: Site, jetstream: dict[str, Any]) -> None:
    shared.require(report, site, jetstream, ("version",))
    replicas = jetstream.get("replicas")
    if replicas is not None and (replicas <= 0 or replicas == 2):
        report.add(site.below("replicas"), "replicas must be 1, or at least 3")


def _check_kafka(report: Report, site: Site, kafka: dict[str, Any]) -> None:
    shared.require(report, site, kafka, ("url",))
    shared.check_tls(report, site.below("tls"), kafka.get("tls"))
    words = ("random", "hash", "roundrobin", "manual")
    shared.check_word(report, site.below("partitioner"), kafka.get("partitioner", ""), words)
    group = kafka.get("consumerGroup") or {}
    place = site.below("consumerGroup.rebalanceStrategy")
    strategies = ("sticky", "roundrobin", "range")
    shared.check_word(report, place, group.get("rebalanceStrategy", ""), strategies)
