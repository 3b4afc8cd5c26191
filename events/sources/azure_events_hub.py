"""`azureEventsHub`: events of an Azure Event Hub, through its Kafka endpoint.

Payload `{id, partitionKey, body, metadata?}`; `id` is `<partition>-<offset>`, `body` base64. Each
event of an EventSource is a consumer group of its own: it begins with what comes after its first
start, and goes on where it was. How far it is, is stored once the events are durable.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

from crds import decode
from crds.events_shared import KafkaConsumerGroup
from crds.eventsource_cloud import AzureEventsHubEventSource
from crds.eventsource_queues import KafkaEventSource
from events.sources import client_tls, kafka_client, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.kafka_client import Tuning
from events.sources.kafka_group import Group
from events.sources.kafka_progress import Progress
from events.sources.queue_link import Link

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,254}[A-Za-z0-9])?\Z", re.ASCII)
_PORT = 9093
_KEYS = ("sharedAccessKeyName", "sharedAccessKey")


class AzureEventsHub:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Consume until cancelled."""
        hub = _spec(context)
        group = f"headrace.{context.namespace}.{context.source}.{context.event}"
        address = hub.fqdn if ":" in hub.fqdn else f"{hub.fqdn}:{_PORT}"
        spec = KafkaEventSource(
            url=address, topic=hub.hub_name, consumer_group=KafkaConsumerGroup(group_name=group)
        )

        async def session(link: Link) -> None:
            await _Hub(link, spec, hub).run()

        await queue_link.keep(context, ready, session)


def _spec(context: SourceContext) -> AzureEventsHubEventSource:
    """The checked settings. Raises SourceError."""
    path = context.path
    hub, _ = decode.decode(dict(context.spec), AzureEventsHubEventSource)
    port = hub.fqdn.partition(":")[2] or str(_PORT)
    if not _HOST.match(hub.fqdn) or not 0 < int(port) < 65_536:
        raise SourceError(f"{path}.fqdn", f"{hub.fqdn!r} is no host name")
    if not _NAME.match(hub.hub_name):
        raise SourceError(f"{path}.hubName", f"{hub.hub_name!r} is no name of a hub")
    for name in _KEYS:
        if not context.spec.get(name):
            what = "is required: the identity of the process is not used"
            raise SourceError(f"{path}.{name}", what)
    return hub


class _Hub(Group):
    """The partitions of a hub."""

    def __init__(self, link: Link, spec: KafkaEventSource, hub: AzureEventsHubEventSource) -> None:
        super().__init__(link, spec, Tuning(), Progress())
        self._hub = hub

    async def make(self) -> Any:
        """With the connection string as the password, as Event Hubs wants it."""
        path = self.link.context.path
        policy = await self.link.text(self._hub.shared_access_key_name, f"{path}.{_KEYS[0]}")
        key = await self.link.text(self._hub.shared_access_key, f"{path}.{_KEYS[1]}")
        tls = await client_tls.context(self.link.read, client_tls.ENABLED, path)
        assert isinstance(tls, ssl.SSLContext)
        host = self._hub.fqdn.partition(":")[0]
        where = f"Endpoint=sb://{host}/;SharedAccessKeyName={policy};SharedAccessKey={key}"
        options = {
            "bootstrap_servers": [self.spec.url],
            "client_id": "headrace",
            "enable_auto_commit": False,
            "ssl_context": tls,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "$ConnectionString",
            "sasl_plain_password": where,
            "metadata_max_age_ms": 180_000,  # the service drops connections that say nothing
            "connections_max_idle_ms": 180_000,
            **kafka_client.group_options(self.spec),
        }
        return kafka_client.made(options, path)

    def members(self, record: Any) -> dict[str, bytes | None]:
        """The payload of a record."""
        return {
            "id": queue_payload.text(f"{record.partition}-{record.offset}"),
            "partitionKey": queue_payload.text(record.key or b""),
            "body": queue_payload.body(record.value or b"", json_body=False),
        }
