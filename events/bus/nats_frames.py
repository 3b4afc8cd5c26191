"""The NATS wire format: frames out of the bytes of one connection, and headers as text.

Invariants: a frame is handed on whole; a line that is no frame of the protocol, or is longer than
a server may send, ends the connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import msgspec

_LONGEST_LINE = 1 << 20
_LARGEST_FRAME = 128 << 20


class Frame(NamedTuple):
    """A received message. `head` is its header block, empty when it has none."""

    subject: str
    reply: str
    head: bytes
    data: bytes


class ProtocolError(ConnectionError):
    """The peer does not speak as a NATS server does, or refused us; the message says which."""


class NatsFrames(asyncio.Protocol):
    """Reads a server's frames; `deliver(sid, frame)` gets the messages."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.info: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.deliver: Callable[[int, Frame], None] = lambda _number, _frame: None
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._buffer = b""
        self._transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Also to be called with the encrypted transport after a TLS upgrade."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Everybody who waits for the server hears of it."""
        self._fail(exc if isinstance(exc, ConnectionError) else ConnectionError("connection lost"))
        if not self.lost.done():
            self.lost.set_result(None)

    def pong(self) -> asyncio.Future[None]:
        """The answer to the ping that was just sent."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.lost.done():
            waiting.set_exception(ConnectionError("connection lost"))
        else:
            self._pongs.append(waiting)
        return waiting

    def data_received(self, data: bytes) -> None:
        """More bytes."""
        buffer = self._buffer + data if self._buffer else data
        try:
            self._buffer = self._read(buffer)
        except (ProtocolError, ValueError, IndexError, msgspec.DecodeError) as error:
            self._refuse(error if isinstance(error, ProtocolError) else ProtocolError(str(error)))

    def _read(self, buffer: bytes) -> bytes:
        """Hand on the frames in `buffer`; what is left of it."""
        at = 0
        while True:
            end = buffer.find(b"\r\n", at)
            if end < 0:
                if len(buffer) - at > _LONGEST_LINE:
                    raise ProtocolError("a line without end")
                return buffer[at:]
            if buffer.startswith((b"HMSG ", b"MSG "), at):
                after = self._message(buffer, at, end)
                if after < 0:
                    return buffer[at:]
                at = after
            else:
                self._control(buffer[at:end])
                at = end + 2

    def _message(self, buffer: bytes, at: int, end: int) -> int:
        """Hand on the message whose line is `buffer[at:end]`; where the next one begins, or -1."""
        parts = buffer[at:end].split()
        with_head = parts[0] == b"HMSG"
        total = int(parts[-1])
        head = int(parts[-2]) if with_head else 0
        if not 0 <= head <= total <= _LARGEST_FRAME:
            raise ProtocolError("a message of impossible size")
        start = end + 2
        if len(buffer) < start + total + 2:
            return -1
        reply = parts[3].decode() if len(parts) == (6 if with_head else 5) else ""
        frame = Frame(
            parts[1].decode(),
            reply,
            buffer[start : start + head],
            buffer[start + head : start + total],
        )
        self.deliver(int(parts[2]), frame)
        return start + total + 2

    def _control(self, line: bytes) -> None:
        match line[:5].upper():
            case b"PING":
                self._transport.write(b"PONG\r\n")
            case b"PONG":
                if self._pongs and not (waiting := self._pongs.popleft()).done():
                    waiting.set_result(None)
            case b"INFO ":
                found = msgspec.json.decode(line[5:], type=dict[str, Any])
                if not self.info.done():
                    self.info.set_result(found)
            case b"-ERR ":
                # A permission that is missing concerns one subject; all else ends the connection.
                if b"permissions violation" not in line.lower():
                    raise ProtocolError(line[5:].decode("utf-8", "replace").strip("' "))
            case b"+OK" | b"":
                pass
            case _:
                raise ProtocolError("not a NATS server")

    def _refuse(self, error: ProtocolError) -> None:
        self._fail(error)
        self._buffer = b""
        self._transport.abort()

    def _fail(self, error: ConnectionError) -> None:
        if not self.info.done():
            self.info.set_exception(error)
            self.info.exception()  # looked at, also when nobody waits any more
        for waiting in self._pongs:
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()


def header_text(headers: Mapping[str, str]) -> bytes:
    """The header block of a message. Raises ValueError for a value with a line break."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("a header of a message holds a line break")
    return f"NATS/1.0\r\n{text}\r\n".encode()


def fields(head: bytes) -> dict[str, str]:
    """The headers in a block; of one that is there twice the last counts. The words beside a
    status code are `Description`."""
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    found = {"Description": first[13:]} if len(first) > 13 else {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            found[name] = value.strip()
    return found


def status(frame: Frame) -> str:
    """The status code of a message that only carries one; empty for others."""
    first = frame.head.partition(b"\r\n")[0]
    return first[9:12].decode("ascii", "replace") if first.startswith(b"NATS/1.0 ") else ""
