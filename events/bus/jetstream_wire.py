"""The JetStream answers this house reads, and the one place where foreign errors become ours."""

from __future__ import annotations

from typing import Any

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client

from events.bus.contract import (
    BusError,
    BusFull,
    BusMisconfigured,
    BusUnavailable,
    MessageTooLarge,
)

FULL = 10077  # the stream's limits are reached and it discards new messages
TOO_LARGE = 10054
BATCH_DUPLICATE = 10201
WRONG_LAST_SEQUENCE = 10071

TRANSIENT = (
    nats.errors.TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
    nats.errors.FlushTimeoutError,
    nats.errors.NoServersError,
    nats.js.errors.ServiceUnavailableError,
    nats.js.errors.NoStreamResponseError,
    TimeoutError,
    ConnectionError,
)


class ApiError(msgspec.Struct, frozen=True):
    """`error` of an answer."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class PublishAck(msgspec.Struct, frozen=True):
    """What the server says to a publish; `seq` is the last message's of a batch."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    count: int = 0
    error: ApiError | None = None


decode_ack = msgspec.json.Decoder(PublishAck).decode


def publish_error(error: ApiError) -> BusError:
    """The publisher's view of a refusal."""
    match error.err_code:
        case 10077:
            return BusFull(f"the bus is full: {error.description}")
        case 10054:
            return MessageTooLarge(error.description)
        case _ if error.code >= 500:
            return BusUnavailable(f"{error.description} ({error.err_code})")
        case _:
            return BusMisconfigured(f"{error.description} ({error.err_code})")


def from_foreign(error: Exception) -> BusError:
    """`error` of the client library as one of ours."""
    if isinstance(error, nats.errors.MaxPayloadError):
        return MessageTooLarge("the message is larger than the server accepts")
    if isinstance(error, TRANSIENT):
        return BusUnavailable(f"the bus does not answer ({type(error).__name__})")
    if isinstance(error, nats.js.errors.APIError):
        code = error.code or 0
        kind = BusUnavailable if code >= 500 else BusMisconfigured
        return kind(f"{error.description} ({error.err_code})")
    return BusUnavailable(f"{type(error).__name__}: {error}")


async def send_batch(
    client: Client, batch_id: str, messages: list[Wire], timeout: float
) -> PublishAck:
    """One atomic batch: stored whole or not at all; answered when durable."""
    last = len(messages)
    for position, message in enumerate(messages, 1):
        headers = dict(message.headers)
        headers["Nats-Batch-Id"] = batch_id
        headers["Nats-Batch-Sequence"] = str(position)
        if position < last:
            await client.publish(message.subject, message.data, headers=headers)
            continue
        headers["Nats-Batch-Commit"] = "1"
        answer = await client.request(message.subject, message.data, timeout, headers=headers)
        return decode_ack(answer.data)
    raise ValueError("an empty batch")


async def send_one(client: Client, message: Wire, timeout: float) -> PublishAck:
    """One message by itself."""
    answer = await client.request(
        message.subject, message.data, timeout, headers=dict(message.headers)
    )
    return decode_ack(answer.data)


class Wire(msgspec.Struct, frozen=True):
    """A message as it is sent."""

    subject: str
    data: bytes
    headers: dict[str, str]


def header_fields(headers: Any) -> dict[str, str]:
    """Headers of a received message without JetStream's own."""
    if not headers:
        return {}
    return {k: v for k, v in headers.items() if not k.startswith("Nats-")}
