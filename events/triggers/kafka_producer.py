"""The producer of the `kafka` trigger: settings in, one acknowledged message at a time out.

The seam to aiokafka, which connects by itself to every broker the cluster names: each is looked
up and checked before, and the address that was really reached once more before it is used.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from events.triggers.contract import TriggerFailed
from kube.egress import Egress, EgressDenied

_SECONDS = 20.0
_MISSING = "kafka: the Kafka client is missing: pip install aiokafka"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the cluster. `linger`: milliseconds a batch waits for more messages."""

    brokers: tuple[tuple[str, int], ...]
    acks: Literal[1, "all"] = "all"
    compression: str | None = None
    linger: int = 0
    mechanism: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    def named(self) -> dict[str, Any]:
        """All of it, to tell one producer from another."""
        return asdict(self)


async def start(egress: Egress, settings: Settings, tls: ssl.SSLContext | None) -> Producer:
    """A producer that is connected. Raises TriggerFailed."""
    try:
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaError
    except ImportError:
        raise TriggerFailed(_MISSING, permanent=True) from None
    try:
        async with asyncio.timeout(_SECONDS):
            for host, port in settings.brokers:
                await egress.addresses(host, port)
    except (OSError, TimeoutError) as error:
        raise TriggerFailed(f"kafka.url: {_words(error)}") from None
    producer = AIOKafkaProducer(**_options(settings, tls))
    watch = _Watch(egress, producer.client)
    try:
        async with asyncio.timeout(_SECONDS):
            await watch.unless_denied(producer.start())
    except (KafkaError, OSError, TimeoutError) as error:
        await producer.stop()
        raise TriggerFailed(f"kafka.url: {_words(error)}") from None
    except BaseException:
        await producer.stop()
        raise
    return Producer(producer, watch)


def _options(settings: Settings, tls: ssl.SSLContext | None) -> dict[str, Any]:
    shown = [f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in settings.brokers]
    options: dict[str, Any] = {
        "bootstrap_servers": shown,
        "client_id": "headrace",
        "acks": settings.acks,
        "compression_type": settings.compression,
        "linger_ms": settings.linger,
        "request_timeout_ms": int(_SECONDS * 1000),
        "security_protocol": "SSL" if tls else "PLAINTEXT",
        "ssl_context": tls,
    }
    if settings.mechanism:
        options |= {
            "security_protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
            "sasl_mechanism": settings.mechanism,
            "sasl_plain_username": settings.user,
            "sasl_plain_password": settings.password,
        }
    return options


class _Watch:
    """Holds every connection of a client to the egress policy; `denied` is what it refused."""

    def __init__(self, egress: Egress, client: Any) -> None:
        self._egress = egress
        self._client = client
        self._connect = client._get_conn
        self.denied = ""
        self._told = asyncio.Event()
        client._get_conn = self._checked

    async def _checked(self, node: Any, **options: Any) -> Any:
        broker = self._client.cluster.broker_metadata(node)
        if broker is None:
            return await self._connect(node, **options)
        try:
            await self._egress.addresses(broker.host, broker.port)
            connection = await self._connect(node, **options)
            if connection is not None and (writer := connection._writer) is not None:
                address, port = writer.get_extra_info("peername")[:2]
                self._egress.check(broker.host, str(address), int(port))
        except EgressDenied as error:
            self.denied = str(error)
            self._told.set()
            return None
        except OSError:
            return None  # as when the broker cannot be reached
        return connection

    async def unless_denied(self, body: Coroutine[Any, Any, Any]) -> Any:
        """The result of `body`, which would wait for a broker that is denied until its end.

        Raises TriggerFailed, and what `body` raises.
        """
        task = asyncio.ensure_future(body)
        told = asyncio.ensure_future(self._told.wait())
        try:
            await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
            if self.denied and not (task.done() and task.exception() is None):
                raise TriggerFailed(f"kafka.url: {self.denied}")
            return task.result()
        finally:
            task.cancel()
            told.cancel()
            await asyncio.gather(task, told, return_exceptions=True)


class Producer:
    """One producer; its firings share it."""

    def __init__(self, producer: Any, watch: _Watch) -> None:
        self._producer = producer
        self._watch = watch

    async def send(
        self, topic: str, body: bytes, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> str:
        """Where the message came to lie: `topic[partition]@offset`. Raises TriggerFailed."""
        from aiokafka import errors

        hopeless = (
            errors.MessageSizeTooLargeError,
            errors.InvalidTopicError,
            errors.RecordListTooLargeError,
        )
        try:
            async with asyncio.timeout(2 * _SECONDS):
                sending = self._producer.send_and_wait(topic, body, key=key, headers=headers)
                found = await self._watch.unless_denied(sending)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            what = f"kafka.topic: {_words(error)}"
            raise TriggerFailed(what, permanent=isinstance(error, hopeless)) from None
        return f"{found.topic}[{found.partition}]@{found.offset}"

    async def close(self) -> None:
        """End it."""
        await self._producer.stop()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
