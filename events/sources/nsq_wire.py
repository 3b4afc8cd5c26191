"""The part of NSQ's TCP protocol (V2) a consumer needs, and the look-up of its servers.

Called by the `nsq` source. Frames have a cap; numbers are big-endian. Semantics: NSQ's TCP
protocol specification.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import orjson

from events.sources import http_queue
from events.sources.queue_link import ConnectionLost

RESPONSE, ERROR, MESSAGE = 0, 1, 2
HEARTBEAT = b"_heartbeat_"
CAP = 64 << 20
_HEARTBEAT_MS = 15_000
_SILENCE = 45.0
_ANSWER = 10.0
_PATIENCE = 60.0  # seconds, where the nsqd does not say
_HEAD = struct.Struct(">qH16s")
# What the server says of one message, and goes on; everything else ends the connection.
_PASSING = (b"E_FIN_FAILED", b"E_REQ_FAILED", b"E_TOUCH_FAILED")


class Message(NamedTuple):
    """`stamp` is nanoseconds since the epoch, `name` the 16 bytes the server calls it."""

    stamp: int
    attempts: int
    name: bytes
    body: bytes


class Connection:
    """One connection to one nsqd, subscribed to one channel.

    `patience` is how many seconds the nsqd waits for the answer to a message.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.patience = _PATIENCE
        self._most_ready = 0

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        """Connect and introduce ourselves. Raises OSError, TimeoutError, ConnectionLost."""
        async with asyncio.timeout(_ANSWER):
            reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
        connection = cls(reader, writer)
        try:
            async with asyncio.timeout(_ANSWER):
                writer.write(b"  V2")
                await connection._identify(host, tls)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _identify(self, host: str, tls: ssl.SSLContext | None) -> None:
        offer = {
            "client_id": "headrace",
            "user_agent": "headrace",
            "feature_negotiation": True,
            "heartbeat_interval": _HEARTBEAT_MS,
            "tls_v1": tls is not None,
        }
        self._send(b"IDENTIFY", body=orjson.dumps(offer))
        answer = await self._answer()
        try:
            agreed = orjson.loads(answer)
        except orjson.JSONDecodeError:
            agreed = {}
        if not isinstance(agreed, dict):
            agreed = {}
        self.patience = _number(agreed.get("msg_timeout")) / 1000 or _PATIENCE
        self._most_ready = int(_number(agreed.get("max_rdy_count")))
        if tls is None:
            return
        if not agreed.get("tls_v1"):
            raise ConnectionLost("the nsqd does not offer TLS")
        await self._writer.start_tls(tls, server_hostname=host)
        await self._answer()

    async def subscribe(self, topic: str, channel: str, ready: int) -> None:
        """Ask for messages, at most `ready` unanswered ones."""
        self._send(b"SUB", topic.encode(), channel.encode())
        async with asyncio.timeout(_ANSWER):
            await self._answer()
        self._send(b"RDY", b"%d" % min(ready, self._most_ready or ready))

    async def message(self) -> Message:
        """The next message. Raises ConnectionLost."""
        while True:
            kind, data = await self._frame()
            if kind == MESSAGE:
                if len(data) < _HEAD.size:
                    raise ConnectionLost("the nsqd sent a malformed message")
                stamp, attempts, name = _HEAD.unpack_from(data)
                return Message(stamp, attempts, name, data[_HEAD.size :])
            if kind == ERROR and not data.startswith(_PASSING):
                raise ConnectionLost(f"the nsqd says {_shown(data)}")

    def finish(self, name: bytes) -> None:
        """The message is done with."""
        self._send(b"FIN", name)

    def touch(self, name: bytes) -> None:
        """Still at it: the message's time begins anew."""
        self._send(b"TOUCH", name)

    async def close(self) -> None:
        """Leave; what is unanswered goes to somebody else."""
        with contextlib.suppress(Exception):
            self._send(b"CLS")
            self._writer.close()
            async with asyncio.timeout(2.0):
                await self._writer.wait_closed()

    async def _answer(self) -> bytes:
        kind, data = await self._frame()
        if kind != RESPONSE:
            raise ConnectionLost(f"the nsqd says {_shown(data)}")
        return data

    async def _frame(self) -> tuple[int, bytes]:
        """The next frame that is no heartbeat; those are answered here."""
        while True:
            try:
                async with asyncio.timeout(_SILENCE):
                    size, kind = struct.unpack(">II", await self._reader.readexactly(8))
                    if not 4 <= size <= CAP or kind > MESSAGE:
                        raise ConnectionLost("this is no nsqd")
                    data = await self._reader.readexactly(size - 4)
            except asyncio.IncompleteReadError:
                raise ConnectionLost("the nsqd closed the connection") from None
            except TimeoutError:
                raise ConnectionLost("the nsqd does not answer") from None
            if kind == RESPONSE and data == HEARTBEAT:
                self._send(b"NOP")
                continue
            return kind, data

    def _send(self, *words: bytes, body: bytes | None = None) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(b" ".join(words) + b"\n")
        if body is not None:
            self._writer.write(struct.pack(">I", len(body)) + body)


async def look_up(address: str, topic: str) -> list[tuple[str, int]]:
    """The nsqds that have the topic, as nsqlookupd at `address` knows them; none when nobody
    has it yet. Raises ConnectionLost."""
    base = address if "://" in address else f"http://{address}"
    url = f"{base.rstrip('/')}/lookup?topic={quote(topic, safe='')}"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER)) as session:
            reply = await http_queue.send(session, "GET", url, {})
        if reply.status == 404:
            return []
        if reply.status != 200:
            raise ConnectionLost(f"nsqlookupd answers {reply.status}")
        return _producers(orjson.loads(reply.body))
    except (ConnectionLost, ValueError) as error:
        raise ConnectionLost(f"no nsqlookupd at {address}: {error}") from None


def _producers(found: Any) -> list[tuple[str, int]]:
    held = found.get("data", found) if isinstance(found, dict) else {}  # before 1.0 under "data"
    producers = held.get("producers") if isinstance(held, dict) else None
    places = []
    for producer in producers if isinstance(producers, list) else ():
        if not isinstance(producer, dict):
            continue
        host, port = producer.get("broadcast_address"), producer.get("tcp_port")
        if isinstance(host, str) and host and isinstance(port, int) and 0 < port < 65_536:
            places.append((host, port))
    return list(dict.fromkeys(places))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _shown(data: bytes) -> str:
    return data[:200].decode("utf-8", "replace")
