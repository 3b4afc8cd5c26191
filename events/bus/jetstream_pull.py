"""Receiving: one standing pull request, renewed before it runs out.

A standing request makes the server push at once, so an idle bus delivers without a round trip.
Renewed also after a reconnect and when the server's heartbeat stays away.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from events.bus import jetstream_wire as wire
from events.bus.contract import Delivered, Message

_EXPIRES = 30.0
_HEARTBEAT = 5.0


class Pull:
    """A pull consumer's messages. Made by `open_pull`."""

    def __init__(self, client: Client, stream: str, consumer: str, window: int) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._window = window
        self._inbox = client.new_inbox()
        self._outstanding = 0
        self._subscription: NatsSubscription | None = None
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue()  # never longer than the window
        self.gone = False

    async def open(self) -> None:
        """Begin receiving."""
        self._subscription = await self._client.subscribe(
            self._inbox,
            cb=self._arrived.put,
            pending_msgs_limit=4 * self._window,
            pending_bytes_limit=1 << 30,
        )
        await self.renew()

    async def renew(self) -> None:
        """Ask again, whatever was asked before (after a reconnect)."""
        self._outstanding = 0
        await self._ask()

    async def next(self) -> Delivered | None:
        """The next message; None when the consumer is gone and must be made again."""
        if self._subscription is None:
            return None
        while not self.gone:
            if self._outstanding <= self._window // 2:
                await self._ask()
            if self._arrived.empty():
                try:
                    async with asyncio.timeout(2 * _HEARTBEAT):
                        message = await self._arrived.get()
                except TimeoutError:
                    await self.renew()
                    continue
            else:
                await asyncio.sleep(0)  # others have their turn, however many wait here
                message = self._arrived.get_nowait()
            if (status := _status(message)) is not None:
                self._on_status(status, message)
                continue
            self._outstanding = max(0, self._outstanding - 1)
            return delivered(message)
        return None

    async def close(self) -> None:
        """Stop receiving."""
        if self._subscription is not None:
            with contextlib.suppress(*wire.TRANSIENT, nats.errors.Error):
                await self._subscription.unsubscribe()

    async def _ask(self) -> None:
        count = self._window - self._outstanding
        request = {
            "batch": count,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(_HEARTBEAT * 1e9),
        }
        with contextlib.suppress(*wire.TRANSIENT):
            await self._client.publish(self._subject, msgspec.json.encode(request), self._inbox)
            self._outstanding += count

    def _on_status(self, status: str, message: Msg) -> None:
        text = (message.headers or {}).get("Description", "")
        if status == "100":
            return
        if status in ("408", "404", "409"):
            left = (message.headers or {}).get("Nats-Pending-Messages")
            self._outstanding = max(0, self._outstanding - int(left or self._window))
        if status == "503" or "Consumer Deleted" in text or "consumer not found" in text:
            self.gone = True


def _status(message: Msg) -> str | None:
    if message.data or not message.headers:
        return None
    return message.headers.get("Status")


def delivered(message: Msg) -> Delivered:
    """A received message; position and time are in its reply subject."""
    parts = message.reply.split(".")
    # $JS.ACK.[domain.account.]stream.consumer.delivered.sequence.consumer-seq.time.pending[.x]
    base = 4 if len(parts) == 9 else 6
    headers = message.headers or {}
    return Delivered(
        Message(
            message.subject,
            headers.get("Nats-Msg-Id", ""),
            message.data,
            wire.header_fields(headers),
        ),
        int(parts[base + 1]),
        int(parts[base + 3]) / 1e9,
        int(parts[base]),
        message.reply,
    )


def pending_after(message: Msg) -> int:
    """How many messages of the consumer are still to come after this one."""
    parts = message.reply.split(".")
    return int(parts[8 if len(parts) == 9 else 10])


async def answer(client: Client, delivery: Delivered, body: bytes) -> None:
    """Send an ack, nak or progress; lost ones only cause a redelivery."""
    with contextlib.suppress(*wire.TRANSIENT):
        await client.publish(delivery.reply, body)
