"""`kafka`: produce one message, done when the brokers have it.

The firing key is the header `Idempotency-Key`. Producers are shared by firings with the same
brokers and login. Every broker the cluster names is held against the egress policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crds.triggers import KafkaTrigger as Spec
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, clients, credentials, kafka_producer, kafka_schema
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.kafka_producer import Producer, Settings

_BROKER = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?\Z", re.ASCII)
_TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}\Z", re.ASCII)
_PORT = 9092
_MECHANISMS = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})


class KafkaTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What a producer needs."""
        for field in ("url", "topic", "payload"):
            if not spec.get(field):
                return f"{field}: is required"
        if (registry := spec.get("schemaRegistry")) and (found := kafka_schema.fault(registry)):
            return found
        if sasl := spec.get("sasl"):
            if (sasl.get("mechanism") or "PLAIN") not in _MECHANISMS:
                return f"sasl.mechanism: must be one of {', '.join(sorted(_MECHANISMS))}"
            if not (sasl.get("userSecret") and sasl.get("passwordSecret")):
                return "sasl: userSecret and passwordSecret are required"
        try:
            _brokers(str(spec["url"]))
        except TriggerFailed as fault:
            return str(fault).removeprefix("kafka.")
        return credentials.tls_fault(spec)

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Produce it."""
        spec = applied.settings(self, context, spec, "kafka", Spec)
        topic = str(spec.get("topic") or "")
        if not _TOPIC.match(topic):
            what = "kafka.topic: letters, digits, dots, dashes and underscores, at most 249"
            raise TriggerFailed(what, permanent=True)
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        if spec.get("schemaRegistry"):
            body = await kafka_schema.encoded(context, spec["schemaRegistry"], body)
        headers = await _headers(context, spec)
        settings = await _settings(context, spec)
        key = str(spec["partitioningKey"]).encode() if spec.get("partitioningKey") else None
        pool = context.services.clients
        tls = await credentials.tls(context, spec.get("tls"), "kafka.tls")
        # The TLS context is made of Secrets; what they hold now is part of the client's name.
        name = clients.key_of(context.namespace, settings.named(), await _tls_name(context, spec))

        async def opened() -> Producer:
            return await kafka_producer.start(context.services.egress, settings, tls)

        async with pool.lease(name, opened) as producer:
            place = await producer.send(topic, body, key, headers)
        return f"Kafka {place}"


def _brokers(url: str) -> tuple[tuple[str, int], ...]:
    """Hosts and ports of `host:port,…`. Raises TriggerFailed."""
    found = []
    for part in url.split(","):
        match = _BROKER.match(part.strip())
        if not match:
            what = "kafka.url: must be host:port, or several separated by commas"
            raise TriggerFailed(what, permanent=True)
        found.append((match[1].strip("[]"), int((match[2] or f":{_PORT}")[1:])))
    return tuple(found)


async def _settings(context: FiringContext, spec: Mapping[str, Any]) -> Settings:
    sasl = spec.get("sasl") or {}
    user = await credentials.text(context, sasl.get("userSecret"), "kafka.sasl.userSecret")
    path = "kafka.sasl.passwordSecret"
    password = await credentials.text(context, sasl.get("passwordSecret"), path)
    return Settings(
        brokers=_brokers(str(spec.get("url") or "")),
        acks=1 if spec.get("requiredAcks") == 1 else "all",
        compression="gzip" if spec.get("compress") else None,
        linger=max(0, int(spec.get("flushFrequency") or 0)),
        mechanism=str(sasl.get("mechanism") or "PLAIN") if sasl else "",
        user=user,
        password=password,
    )


async def _tls_name(context: FiringContext, spec: Mapping[str, Any]) -> list[str]:
    tls = spec.get("tls") or {}
    fields = ("caCertSecret", "clientCertSecret", "clientKeySecret")
    held = [await credentials.text(context, tls.get(f), f"kafka.tls.{f}") for f in fields]
    return [*held, str(sorted((k, str(v)) for k, v in tls.items()))]


async def _headers(context: FiringContext, spec: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Plain headers, then secure ones: the later wins."""
    found = {"Idempotency-Key": context.key}
    if context.traceparent:
        found[TRACEPARENT] = context.traceparent
    found |= {str(k): str(v) for k, v in (spec.get("headers") or {}).items()}
    found |= await credentials.secure_headers(context, spec, "kafka")
    return [(name, value.encode()) for name, value in found.items()]
