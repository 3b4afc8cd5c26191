"""One connection to an HDFS NameNode, and what files a directory there holds.

Speaks Hadoop RPC, version 9, without Kerberos: the user is named, not proved, as with Hadoop's
`simple` authentication. Semantics: RpcHeader.proto, IpcConnectionContext.proto and
ClientNamenodeProtocol.proto of Hadoop 3. The server is not trusted: lengths, depth and the number
of files are capped. Called by the `hdfs` source.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from events import protobuf
from events.protobuf import BadMessage
from events.sources.queue_link import ConnectionLost

_PROTOCOL = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
_HELLO = b"hrpc\x09\x00\x00"  # version 9, service class 0, no SASL
_CONTEXT_CALL = -3
_PROTOCOL_BUFFERS = 2
_DIRECTORY, _FILE = 1, 2
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_LIST_SECONDS = 120.0
_LONGEST = 64 << 20  # bytes of an answer
_DEEPEST = 64
MOST = 200_000


class Mark(NamedTuple):
    """What tells one state of a file from the next. `modified` in milliseconds."""

    inode: int
    modified: int
    size: int
    mode: int


class Faulty(Exception):
    """The NameNode says no; `kind` is the last part of the Java exception's name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message.partition(chr(10))[0][:300]}")
        self.kind = kind


class TooMany(Exception):
    """More files than are looked after."""


@dataclass(slots=True)
class Listing:
    """Files below the directory by full path, and directories that may not be read."""

    files: dict[str, Mark] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def hides(self, path: str) -> bool:
        """Whether `path` may be there though it was not seen."""
        return any(path.startswith(f"{place}/") for place in self.closed)


class NameNode:
    """Calls, one after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._client = uuid.uuid4().bytes
        self._calls = 0
        who = protobuf.encode([(1, user)])
        context = protobuf.encode([(2, who), (3, _PROTOCOL)])
        self._send(_HELLO, self._header(_CONTEXT_CALL), context)

    async def call(self, method: str, request: bytes) -> bytes:
        """The answer's message. Raises Faulty, ConnectionLost, OSError, TimeoutError."""
        self._calls += 1
        head = protobuf.encode([(1, method), (2, _PROTOCOL), (3, 1)])
        self._send(b"", self._header(self._calls), head, request)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._writer.drain()
                raw = await self._packet()
            return _answer(raw)
        except asyncio.IncompleteReadError:
            raise ConnectionLost("the NameNode closed the connection") from None
        except BadMessage as error:
            raise ConnectionLost(f"the NameNode's answer cannot be read: {error}") from None

    async def _packet(self) -> bytes:
        (size,) = struct.unpack("!I", await self._reader.readexactly(4))
        if size > _LONGEST:
            raise ConnectionLost("the NameNode's answer is too long")
        return await self._reader.readexactly(size)

    def _header(self, call: int) -> bytes:
        zigzag = call << 1 ^ call >> 63
        head = protobuf.encode([(1, _PROTOCOL_BUFFERS), (3, zigzag), (4, self._client)])
        return head + b"\x10\x00"  # the operation, which must stand there: a whole packet

    def _send(self, before: bytes, *messages: bytes) -> None:
        body = b"".join(map(protobuf.delimited, messages))
        self._writer.write(before + struct.pack("!I", len(body)) + body)


def _answer(raw: bytes) -> bytes:
    size, at = protobuf.read_varint(raw, 0)
    head = protobuf.decode(raw[at : at + size])
    at += size
    if protobuf.last_int(head, 2):
        kind = protobuf.last_bytes(head, 4).decode("utf-8", "replace").rpartition(".")[2]
        raise Faulty(kind, protobuf.last_bytes(head, 5).decode("utf-8", "replace"))
    size, at = protobuf.read_varint(raw, at)
    return raw[at : at + size]


@asynccontextmanager
async def connected(host: str, port: int, user: str) -> AsyncIterator[NameNode]:
    """The connection. Raises OSError, TimeoutError."""
    async with asyncio.timeout(_CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        yield NameNode(reader, writer, user)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def files(node: NameNode, directory: str) -> Listing | None:
    """All files below `directory`; None when it does not exist. Raises as `NameNode.call`, and
    TooMany."""
    listing, waiting = Listing(), [(directory.rstrip("/") or "/", 0)]
    async with asyncio.timeout(_LIST_SECONDS):
        while waiting:
            place, depth = waiting.pop()
            try:
                found = await _folder(node, place, listing)
            except Faulty as error:
                if not depth or error.kind != "AccessControlException":
                    raise
                listing.closed.append(place)
                continue
            if found is None and not depth:
                return None
            if depth < _DEEPEST:
                waiting.extend((each, depth + 1) for each in found or ())
    return listing


async def _folder(node: NameNode, place: str, listing: Listing) -> list[str] | None:
    """Put one directory's files into `listing`; its directories, None when it is not there."""
    found, after, remaining = [], b"", 1
    below = place.rstrip("/")
    while remaining:
        # Both are required, so that they stand there even when they are empty.
        page = protobuf.encode([(1, place.encode("utf-8", "surrogateescape"))])
        page += b"\x12" + protobuf.delimited(after) + b"\x18\x00"
        answer = protobuf.decode(await node.call("getListing", page))
        if 1 not in answer:
            return None
        listed = protobuf.decode(protobuf.last_bytes(answer, 1))
        remaining = protobuf.last_int(listed, 2)
        entries = [protobuf.decode(raw) for raw in listed.get(1, ()) if isinstance(raw, bytes)]
        for entry in entries:
            after = protobuf.last_bytes(entry, 2)
            name = after.decode("utf-8", "surrogateescape")
            kind = protobuf.last_int(entry, 1)
            if not name or "/" in name:
                continue  # the directory itself, when it is a file
            if kind == _DIRECTORY:
                found.append(f"{below}/{name}")
            elif kind == _FILE:
                if len(listing.files) >= MOST:
                    raise TooMany(f"holds more than {MOST} files")
                listing.files[f"{below}/{name}"] = _mark(entry)
        if not entries:
            break
    return found


def _mark(entry: dict[int, list[bytes | int]]) -> Mark:
    permission = protobuf.decode(protobuf.last_bytes(entry, 4))
    return Mark(
        protobuf.last_int(entry, 13),
        protobuf.last_int(entry, 7),
        protobuf.last_int(entry, 3),
        protobuf.last_int(permission, 1),
    )
