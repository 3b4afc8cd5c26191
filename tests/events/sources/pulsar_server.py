"""A server that speaks the consumer side of Pulsar's WebSocket API.

One subscription per path: what was not acknowledged on one connection comes again on the next,
and no more than `receiverQueueSize` messages are unacknowledged at a time.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests import ports
from tests.events.triggers.recorder import served

TIME = "2026-05-04T03:02:01.500-07:00"


@dataclass(slots=True)
class Subscription:
    """Messages by id, in order; `sent` are those of the connection that stands."""

    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: int = 0


@dataclass(slots=True)
class PulsarServer:
    port: int
    token: str = ""
    status: int = 101
    requests: list[web.BaseRequest] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    longest: int = 0

    def subscription(self, path: str) -> Subscription:
        return self.subscriptions.setdefault(path, Subscription())

    def send(self, *payloads: bytes, path: str, **more: Any) -> None:
        """Put messages into a subscription."""
        found = self.subscription(path)
        for payload in payloads:
            found.numbers += 1
            name = base64.b64encode(b"\x08\x01\x10%d" % found.numbers).decode()
            text = base64.b64encode(payload).decode()
            message = {"messageId": name, "payload": text, "properties": {}}
            found.waiting[name] = {**message, "publishTime": TIME, "redeliveryCount": 0, **more}
        found.moved.set()

    async def cut(self) -> None:
        """End all connections."""
        for socket in self.sockets:
            await socket.close(code=1011, message=b"server is going away")
        self.sockets.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        if self.status != 101:
            return web.Response(status=self.status)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        found = self.subscription(request.path)
        found.sent.clear()
        window = int(request.query["receiverQueueSize"])
        sender = asyncio.create_task(self._send(socket, found, window))
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    name = json.loads(frame.data)["messageId"]
                    found.waiting.pop(name, None)
                    found.sent.discard(name)
                    found.moved.set()
        finally:
            sender.cancel()
        return socket

    async def _send(self, socket: web.WebSocketResponse, found: Subscription, window: int) -> None:
        while True:
            found.moved.clear()
            for name, message in list(found.waiting.items()):
                if name not in found.sent and len(found.sent) < window:
                    found.sent.add(name)
                    self.longest = max(self.longest, len(found.sent))
                    await socket.send_json(message)
            await found.moved.wait()


@asynccontextmanager
async def pulsar(tls: Any = None, **settings: Any) -> AsyncIterator[PulsarServer]:
    server = PulsarServer(ports.free_port(), **settings)
    async with served(server.handle, server.port, ssl_context=tls):
        try:
            yield server
        finally:
            await server.cut()
