"""The part of MQTT 3.1.1 a subscriber needs, on asyncio streams.

Ours, because a message must be acknowledged when it is durable and not when it was read, a
repetition must be known as one, and not reading is how a full bus holds the broker back: client
libraries hide all three. Semantics: OASIS MQTT 3.1.1. Called by the `mqtt` source.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import NamedTuple

from events.sources.queue_link import ConnectionLost

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14
KEEP_ALIVE = 30
CAP = 16 << 20  # bytes of a packet; of a longer one the rest is read and forgotten
_HEAD = 70_000  # enough for the longest topic and the packet's number
_ANSWER_SECONDS = 10.0
_REFUSALS = {
    1: "the broker does not speak MQTT 3.1.1",
    2: "the client id was rejected",
    3: "the broker is not available",
    4: "user name or password is wrong",
    5: "not authorized",
}
FAILURE = 0x80


class Packet(NamedTuple):
    """`whole` is false when the body was too long to be kept."""

    kind: int
    flags: int
    body: bytes
    whole: bool


class Publish(NamedTuple):
    """A message. `number` is 0 for QoS 0; `again` says it was sent before."""

    topic: str
    number: int
    qos: int
    again: bool
    retained: bool
    payload: bytes
    whole: bool


class Login(NamedTuple):
    """`user` None: without one."""

    client_id: str
    user: str | None
    password: str


class Connection:
    """One connection of one subscriber."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unanswered: deque[list[int | bool]] = deque()

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        """Connect. Raises OSError, TimeoutError."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        return cls(reader, writer)

    async def login(self, login: Login) -> None:
        """Take up the session the broker keeps under the client id. Raises ConnectionLost."""
        flags = 0
        fields = _string(login.client_id)
        if login.user is not None:
            flags |= 0xC0
            fields += _string(login.user) + _string(login.password)
        head = _string("MQTT") + bytes([4, flags]) + KEEP_ALIVE.to_bytes(2, "big")
        self._send(CONNECT, 0, head + fields)
        answer = await self._answer(CONNACK)
        if len(answer) != 2 or answer[1] != 0:
            code = answer[1] if len(answer) == 2 else 0
            raise ConnectionLost(_REFUSALS.get(code, f"the broker refused ({code})"))

    def subscribe(self, topic: str, qos: int) -> None:
        """Ask for a topic; the answer comes among the packets."""
        self._send(SUBSCRIBE, 2, (1).to_bytes(2, "big") + _string(topic) + bytes([qos]))

    async def packet(self) -> Packet:
        """The next packet. Raises ConnectionLost when the broker is silent or gone."""
        try:
            async with asyncio.timeout(KEEP_ALIVE * 1.5):
                return await self._packet()
        except asyncio.IncompleteReadError:
            raise ConnectionLost("the broker closed the connection") from None
        except TimeoutError:
            raise ConnectionLost("the broker does not answer") from None

    def expect(self, number: int) -> None:
        """This message will be acknowledged: the order of arrival is kept."""
        self._unanswered.append([number, False])

    def acknowledge(self, number: int) -> None:
        """The message is done with; sent once all before it are, as the protocol demands."""
        for entry in self._unanswered:
            if entry[0] == number and not entry[1]:
                entry[1] = True
                break
        while self._unanswered and self._unanswered[0][1]:
            done = int(self._unanswered.popleft()[0])
            if not self._writer.is_closing():
                self._send(PUBACK, 0, done.to_bytes(2, "big"))

    async def keep_alive(self) -> None:
        """Send a sign of life now and then, until cancelled."""
        while True:
            await asyncio.sleep(KEEP_ALIVE / 2)
            self._send(PINGREQ, 0, b"")

    async def close(self) -> None:
        """Say goodbye; the broker keeps the session."""
        with contextlib.suppress(Exception):
            self._send(DISCONNECT, 0, b"")
        self._writer.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await self._writer.wait_closed()

    async def _answer(self, kind: int) -> bytes:
        async with asyncio.timeout(_ANSWER_SECONDS):
            packet = await self.packet()
        if packet.kind != kind:
            raise ConnectionLost("the broker does not speak MQTT 3.1.1")
        return packet.body

    async def _packet(self) -> Packet:
        first = (await self._reader.readexactly(1))[0]
        length, shift = 0, 0
        while True:
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                raise ConnectionLost("the broker sent a malformed packet")
        kind, flags = first >> 4, first & 0x0F
        if length <= CAP:
            return Packet(kind, flags, await self._reader.readexactly(length), True)
        head = await self._reader.readexactly(_HEAD)
        rest = length - _HEAD
        while rest:
            rest -= len(await self._reader.readexactly(min(rest, 1 << 16)))
        return Packet(kind, flags, head, False)

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        length, digits = len(body), bytearray()
        while True:
            length, digit = divmod(length, 128)
            digits.append(digit | (0x80 if length else 0))
            if not length:
                break
        self._writer.write(bytes([kind << 4 | flags]) + bytes(digits) + body)


def publish(packet: Packet) -> Publish:
    """The message in a PUBLISH packet. Raises ConnectionLost when it is malformed."""
    body, qos = packet.body, packet.flags >> 1 & 3
    size = int.from_bytes(body[:2], "big")
    start = 2 + size + (2 if qos else 0)
    if len(body) < start or qos == 3:
        raise ConnectionLost("the broker sent a malformed message")
    return Publish(
        topic=body[2 : 2 + size].decode("utf-8", "replace"),
        number=int.from_bytes(body[2 + size : start], "big") if qos else 0,
        qos=qos,
        again=bool(packet.flags & 8),
        retained=bool(packet.flags & 1),
        payload=body[start:],
        whole=packet.whole,
    )


def matches(wanted: str, topic: str) -> bool:
    """Whether a topic is one of a subscription's, wildcards and shared subscriptions included."""
    levels = wanted.split("/")
    if levels[0] == "$share" and len(levels) > 2:
        levels = levels[2:]
    names = topic.split("/")
    if topic.startswith("$") and levels[0] in ("+", "#"):
        return False
    for place, level in enumerate(levels):
        if level == "#":
            return True
        if place >= len(names) or level not in ("+", names[place]):
            return False
    return len(levels) == len(names)


def _string(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw
