"""The JetStream answers this house reads, and the one place where foreign errors become ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import nats.errors
import nats.js.errors

from events.bus.contract import (
    BusError,
    BusFull,
    BusMisconfigured,
    BusUnavailable,
    Delivered,
    Message,
    MessageTooLarge,
)
from events.bus.nats_frames import Frame
from events.bus.nats_link import NatsLink

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


_decode_ack = msgspec.json.Decoder(PublishAck).decode


def ack_of(frame: Frame) -> PublishAck:
    """The answer to a publish. Raises BusUnavailable when it is none."""
    try:
        return _decode_ack(frame.data)
    except msgspec.MsgspecError:
        raise BusUnavailable("the server's answer is not understood") from None


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


def send_batch(
    link: NatsLink, batch_id: str, messages: Sequence[Wire], timeout: float
) -> asyncio.Future[Frame]:
    """One atomic batch: stored whole or not at all; answered when durable."""
    frames = []
    for position, message in enumerate(messages[:-1], 1):
        headers = {
            **message.headers,
            "Nats-Batch-Id": batch_id,
            "Nats-Batch-Sequence": str(position),
        }
        frames.append(link.frame(message.subject, message.data, headers))
    last = messages[-1]
    headers = {
        **last.headers,
        "Nats-Batch-Id": batch_id,
        "Nats-Batch-Sequence": str(len(messages)),
        "Nats-Batch-Commit": "1",
    }
    return link.request(last.subject, last.data, headers, timeout, b"".join(frames))


def send_one(link: NatsLink, message: Wire, timeout: float) -> asyncio.Future[Frame]:
    """One message by itself."""
    return link.request(message.subject, message.data, message.headers, timeout)


class Wire(msgspec.Struct, frozen=True):
    """A message as it is sent."""

    subject: str
    data: bytes
    headers: dict[str, str]


def header_fields(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of a received message without JetStream's own."""
    return {k: v for k, v in headers.items() if not k.startswith("Nats-")}


def delivered(subject: str, reply: str, headers: Mapping[str, str], data: bytes) -> Delivered:
    """A received message; position and time are in its reply subject."""
    parts = reply.split(".")
    # $JS.ACK.[domain.account.]stream.consumer.delivered.sequence.consumer-seq.time.pending[.x]
    base = 4 if len(parts) == 9 else 6
    return Delivered(
        Message(subject, headers.get("Nats-Msg-Id", ""), data, header_fields(headers)),
        int(parts[base + 1]),
        int(parts[base + 3]) / 1e9,
        int(parts[base]),
        reply,
    )


def pending_after(reply: str) -> int:
    """How many messages of the consumer are still to come after the one with this reply subject."""
    parts = reply.split(".")
    return int(parts[8 if len(parts) == 9 else 10])
