"""The consumer of the `kafka` source: brokers, TLS, SASL, tuning, from a spec and its Secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from crds.eventsource_queues import KafkaEventSource
from events.sources import client_tls
from events.sources.contract import SourceError
from events.sources.queue_link import Link
from lang import duration
from lang.errors import LangError

_BROKER = re.compile(r"[A-Za-z0-9._\-\[\]:]+\Z", re.ASCII)
_MECHANISMS = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"})
_STRATEGIES = frozenset({"", "range", "sticky", "roundrobin"})


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `config` sets, in the client's words; `ignored` has no meaning here."""

    options: dict[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def brokers(url: str, path: str) -> list[str]:
    """The addresses in `url`. Raises SourceError."""
    found = [part.strip() for part in url.split(",")]
    if not url or not all(_BROKER.match(part) for part in found):
        raise SourceError(f"{path}.url", "must be host:port, or several separated by commas")
    return found


def check(spec: KafkaEventSource, path: str) -> None:
    """Raises SourceError for what no broker needs to be asked about."""
    brokers(spec.url, path)
    client_tls.check(spec.tls, f"{path}.tls")
    if spec.aws_msk_iam_auth is not None:
        raise SourceError(f"{path}.awsMskIamAuth", "is not served; use sasl with SCRAM-SHA-512")
    if spec.sasl is not None:
        mechanism = spec.sasl.mechanism or "PLAIN"
        if mechanism not in _MECHANISMS:
            known = ", ".join(sorted(_MECHANISMS))
            raise SourceError(f"{path}.sasl.mechanism", f"must be one of {known}")
        if mechanism != "GSSAPI" and not (spec.sasl.user_secret and spec.sasl.password_secret):
            raise SourceError(f"{path}.sasl", "userSecret and passwordSecret are required")
    group = spec.consumer_group
    if group is not None:
        if not group.group_name:
            raise SourceError(f"{path}.consumerGroup.groupName", "is required")
        if group.rebalance_strategy not in _STRATEGIES:
            known = ", ".join(sorted(_STRATEGIES - {""}))
            raise SourceError(f"{path}.consumerGroup.rebalanceStrategy", f"must be one of {known}")


async def consumer(link: Link, spec: KafkaEventSource, tuning: Tuning) -> Any:
    """A consumer that is not started. Raises SourceError, MissingValue."""
    path = link.context.path
    tls = await client_tls.context(link.read, spec.tls, f"{path}.tls")
    options: dict[str, Any] = {
        "bootstrap_servers": brokers(spec.url, path),
        "client_id": "headrace",
        "enable_auto_commit": False,
        "ssl_context": tls,
        "security_protocol": "PLAINTEXT" if tls is None else "SSL",
        **tuning.options,
    }
    if spec.sasl is not None:
        options["security_protocol"] = "SASL_PLAINTEXT" if tls is None else "SASL_SSL"
        options["sasl_mechanism"] = spec.sasl.mechanism or "PLAIN"
        user = await link.text(spec.sasl.user_secret, f"{path}.sasl.userSecret")
        password = await link.text(spec.sasl.password_secret, f"{path}.sasl.passwordSecret")
        options["sasl_plain_username"] = user or None
        options["sasl_plain_password"] = password or None
    options |= group_options(spec)
    return made(options, path)


def group_options(spec: KafkaEventSource) -> dict[str, Any]:
    """What the client needs to know of the group, if there is one."""
    group = spec.consumer_group
    if group is None:
        return {"auto_offset_reset": "earliest"}  # of a position that is gone from the log
    return {
        "group_id": group.group_name,
        "auto_offset_reset": "earliest" if group.oldest else "latest",
        "partition_assignment_strategy": [_assignor(spec)],
    }


def made(options: Mapping[str, Any], path: str) -> Any:
    """A consumer of the client's package. Raises SourceError."""
    try:
        from aiokafka import AIOKafkaConsumer
    except ImportError:
        why = "the Kafka client is missing: pip install aiokafka"
        raise SourceError(path, why, "MissingExtra") from None
    # It logs every attempt at a broker that is away; we ask ourselves, and the condition says it.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return AIOKafkaConsumer(**options)
    except (ValueError, AssertionError, RuntimeError) as error:
        raise SourceError(path, str(error)) from None


def _assignor(spec: KafkaEventSource) -> Any:
    from aiokafka.coordinator.assignors.range import RangePartitionAssignor
    from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

    strategy = spec.consumer_group.rebalance_strategy if spec.consumer_group else ""
    match strategy:
        case "sticky":
            return StickyPartitionAssignor
        case "roundrobin":
            return RoundRobinPartitionAssignor
        case _:
            return RangePartitionAssignor


def tuning(text: str, path: str) -> Tuning:
    """`config`: YAML in the words of the reference's client. Raises SourceError."""
    if not text.strip():
        return Tuning()
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        raise SourceError(path, "is no YAML") from None
    if not isinstance(tree, dict):
        raise SourceError(path, "must be a mapping")
    options: dict[str, Any] = {}
    ignored = []
    for name, value in _leaves(tree, ""):
        known = _SETTINGS.get(name.lower())
        if known is None:
            ignored.append(name)
            continue
        try:
            options[known[0]] = known[1](value)
        except (ValueError, TypeError, LangError):
            raise SourceError(f"{path}.{name}", f"{value!r} cannot be used") from None
    return Tuning(options, tuple(ignored))


def _leaves(tree: Mapping[Any, Any], prefix: str) -> list[tuple[str, Any]]:
    found = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found += _leaves(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found


def _milliseconds(value: Any) -> int:
    """Of nanoseconds or a Go duration."""
    if isinstance(value, int):
        return max(1, value // 1_000_000)
    return max(1, round(duration.parse_go(str(value)) * 1000))


def _isolation(value: Any) -> str:
    return "read_committed" if int(value) else "read_uncommitted"


_SETTINGS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "clientid": ("client_id", str),
    "rackid": ("client_rack", str),
    "consumer.fetch.min": ("fetch_min_bytes", int),
    "consumer.fetch.default": ("max_partition_fetch_bytes", int),
    "consumer.maxwaittime": ("fetch_max_wait_ms", _milliseconds),
    "consumer.retry.backoff": ("retry_backoff_ms", _milliseconds),
    "consumer.isolationlevel": ("isolation_level", _isolation),
    "consumer.group.session.timeout": ("session_timeout_ms", _milliseconds),
    "consumer.group.heartbeat.interval": ("heartbeat_interval_ms", _milliseconds),
    "consumer.group.rebalance.timeout": ("rebalance_timeout_ms", _milliseconds),
    "metadata.refreshfrequency": ("metadata_max_age_ms", _milliseconds),
    "net.readtimeout": ("request_timeout_ms", _milliseconds),
}
