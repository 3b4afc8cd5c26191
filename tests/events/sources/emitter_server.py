"""A broker that speaks the part of Emitter's MQTT a subscriber needs, at QoS 0.

A subscription is `key/channel/`; who has another key is told why on `emitter/error/` and then
refused. Channels below the subscribed one count, and messages come without the key.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests import ports


@dataclass(slots=True)
class EmitterServer:
    port: int
    key: str = "secret-key"
    login: tuple[str, str] | None = None
    logins: list[tuple[str, str] | None] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    _open: dict[asyncio.StreamWriter, str] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    def publish(self, channel: str, *payloads: bytes, anyone: bool = False) -> None:
        """Send messages to those that subscribed to `channel` or one above it."""
        for writer, subscribed in self._open.items():
            if anyone or (subscribed and channel.startswith(subscribed)):
                for payload in payloads:
                    _send(writer, 0x30, _text(channel) + payload)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = ""
        try:
            while True:
                kind, body = await _packet(reader)
                match kind >> 4:
                    case 1:
                        allowed = self._admits(body)
                        _send(writer, 0x20, bytes([0, 0 if allowed else 5]))
                    case 8:
                        self._subscribe(writer, body)
                    case 12:
                        _send(writer, 0xD0, b"")
                    case 14:
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the subscriber left
        finally:
            self._open.pop(writer, None)
            writer.close()

    def _admits(self, body: bytes) -> bool:
        flags, rest = body[7], body[10:]
        _, rest = _read(rest)
        login = None
        if flags & 0x80:
            user, rest = _read(rest)
            password, rest = _read(rest)
            login = (user, password)
        self.logins.append(login)
        return self.login is None or login == self.login

    def _subscribe(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        topic, _ = _read(body[2:])
        self.topics.append(topic)
        key, _, channel = topic.partition("/")
        if key != self.key:
            text = "The key used is not authorized."
            error = {"req": 1, "status": 401, "message": text}
            _send(writer, 0x30, _text("emitter/error/") + json.dumps(error).encode())
            _send(writer, 0x90, body[:2] + b"\x80")
            return
        self._open[writer] = channel
        _send(writer, 0x90, body[:2] + b"\x00")


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind = (await reader.readexactly(1))[0]
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, await reader.readexactly(length)


def _send(writer: asyncio.StreamWriter, head: int, body: bytes) -> None:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            break
    writer.write(bytes([head]) + bytes(digits) + body)


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _read(raw: bytes) -> tuple[str, bytes]:
    end = 2 + int.from_bytes(raw[:2], "big")
    return raw[2:end].decode(), raw[end:]


@asynccontextmanager
async def emitter(
    tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
) -> AsyncIterator[EmitterServer]:
    server = EmitterServer(ports.free_port(), login=login)
    await server.start(tls)
    try:
        yield server
    finally:
        await server.stop()
