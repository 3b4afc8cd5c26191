"""Receiving: one standing pull request, renewed before it runs out.

A standing request makes the server push at once, so an idle bus delivers without a round trip.
Renewed also after a reconnect and when the server's heartbeat stays away.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque

import msgspec

from events.bus import jetstream_wire as wire
from events.bus.contract import Delivered
from events.bus.nats_frames import Frame, fields, status
from events.bus.nats_link import LinkDown, NatsLink

_EXPIRES = 30.0
_HEARTBEAT = 5.0


class Pull:
    """A pull consumer's messages."""

    def __init__(self, link: NatsLink, stream: str, consumer: str, window: int) -> None:
        self._link = link
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._window = window
        self._inbox = f"_INBOX.{uuid.uuid4().hex}"
        self._outstanding = 0
        self._subscription = 0
        self._waiting: deque[Frame] = deque()  # never longer than the window
        self._arrived = asyncio.Event()
        self.gone = False

    def open(self) -> None:
        """Begin receiving."""
        self._subscription = self._link.subscribe(self._inbox, self._received)
        self.renew()

    def renew(self) -> None:
        """Ask again, whatever was asked before (after a reconnect)."""
        self._outstanding = 0
        self._ask()

    async def next(self) -> Delivered | None:
        """The next message; None when the consumer is gone and must be made again."""
        while not self.gone:
            if self._outstanding <= self._window // 2:
                self._ask()
            if not self._waiting:
                self._arrived.clear()
                try:
                    async with asyncio.timeout(2 * _HEARTBEAT):
                        await self._arrived.wait()
                except TimeoutError:
                    self.renew()
                continue
            await asyncio.sleep(0)  # others have their turn, however many wait here
            frame = self._waiting.popleft()
            if not frame.data and (code := status(frame)):
                self._on_status(code, fields(frame.head))
                continue
            self._outstanding = max(0, self._outstanding - 1)
            return wire.delivered(frame.subject, frame.reply, fields(frame.head), frame.data)
        return None

    def close(self) -> None:
        """Stop receiving."""
        self._link.unsubscribe(self._subscription)

    def _received(self, frame: Frame) -> None:
        self._waiting.append(frame)
        self._arrived.set()

    def _ask(self) -> None:
        count = self._window - self._outstanding
        request = {
            "batch": count,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(_HEARTBEAT * 1e9),
        }
        with contextlib.suppress(LinkDown):
            self._link.publish(self._subject, msgspec.json.encode(request), reply=self._inbox)
            self._outstanding += count

    def _on_status(self, code: str, headers: dict[str, str]) -> None:
        text = headers.get("Description", "")
        if code == "100":
            return
        if code in ("408", "404", "409"):
            left = headers.get("Nats-Pending-Messages")
            self._outstanding = max(0, self._outstanding - int(left or self._window))
        if code == "503" or "Consumer Deleted" in text or "consumer not found" in text:
            self.gone = True
