"""A server that speaks NSQ's protocol as its specification says, for the tests of `nsq`.

nsqd itself is in no registry the tests can use. It keeps one topic: what is unanswered when a
connection ends comes again, with one attempt more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import struct
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests import ports


@dataclass(slots=True)
class Nsqd:
    """`log` holds the commands heard; `silent` stops it from answering to anything."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    waiting: deque[tuple[bytes, int, bytes]] = field(default_factory=deque)
    unanswered: dict[bytes, tuple[bytes, int, bytes]] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    server: asyncio.Server | None = None
    number: int = 0
    patience: int = 60_000  # milliseconds
    most_ready: int = 2500

    def again(self, name: bytes) -> None:
        """Give a message that is unanswered once more, as when its time is over."""
        _, attempts, body = self.unanswered[name]
        for writer in self.writers:
            _frame(writer, 2, struct.pack(">qH", time.time_ns(), attempts + 1) + name + body)

    def put(self, *bodies: bytes) -> None:
        for body in bodies:
            self.number += 1
            self.waiting.append((b"%016x" % self.number, 1, body))
        self.changed.set()

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        self.cut()
        await self.server.wait_closed()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in list(self.writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        mine: set[bytes] = set()
        pushing: asyncio.Task[None] | None = None
        try:
            if await reader.readexactly(4) != b"  V2":
                return
            while line := (await reader.readline()).strip():
                self.log.append(line)
                command, *words = line.split(b" ")
                if command == b"IDENTIFY":
                    await self._identify(reader, writer)
                elif command == b"SUB":
                    _frame(writer, 0, b"OK")
                    _frame(writer, 0, b"_heartbeat_")
                elif command == b"RDY":
                    pushing = asyncio.create_task(self._push(writer, mine, int(words[0])))
                elif command == b"FIN":
                    if self.unanswered.pop(words[0], None) is None:
                        _frame(writer, 1, b"E_FIN_FAILED FIN failed")
                    mine.discard(words[0])
                    self.changed.set()
                elif command == b"CLS":
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if pushing is not None:
                pushing.cancel()
            for name in mine:
                if (held := self.unanswered.pop(name, None)) is not None:
                    self.waiting.appendleft((held[0], held[1] + 1, held[2]))
            self.changed.set()
            self.writers.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    async def _identify(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack(">I", await reader.readexactly(4))
        offer = json.loads(await reader.readexactly(size))
        wanted = bool(offer["tls_v1"]) and self.tls is not None
        agreed = {"tls_v1": wanted, "max_rdy_count": self.most_ready, "msg_timeout": self.patience}
        _frame(writer, 0, json.dumps(agreed).encode())
        if self.tls is not None and not wanted:
            _frame(writer, 1, b"E_INVALID cannot SUB in current state (TLS required)")
            raise OSError("TLS required")
        if wanted:
            await writer.drain()
            assert self.tls is not None
            await writer.start_tls(self.tls)
            _frame(writer, 0, b"OK")

    async def _push(self, writer: asyncio.StreamWriter, mine: set[bytes], ready: int) -> None:
        while True:
            self.changed.clear()
            while self.waiting and len(mine) < ready:
                name, attempts, body = held = self.waiting.popleft()
                self.unanswered[name] = held
                mine.add(name)
                _frame(writer, 2, struct.pack(">qH", time.time_ns(), attempts) + name + body)
            await self.changed.wait()


def _frame(writer: asyncio.StreamWriter, kind: int, data: bytes) -> None:
    writer.write(struct.pack(">II", len(data) + 4, kind) + data)


@asynccontextmanager
async def nsqlookupd(*known: Nsqd) -> AsyncIterator[tuple[str, list[Nsqd]]]:
    """Its address, and the list of what it knows, which may be changed."""
    nodes = list(known)

    async def lookup(request: web.Request) -> web.Response:
        if not nodes:
            return web.json_response({"message": "TOPIC_NOT_FOUND"}, status=404)
        if request.query["topic"] != "orders":
            return web.json_response({"message": "TOPIC_NOT_FOUND"}, status=404)
        producers = [{"broadcast_address": "127.0.0.1", "tcp_port": n.port} for n in nodes]
        return web.json_response({"channels": [], "producers": producers})

    app = web.Application()
    app.router.add_get("/lookup", lookup)
    runner = web.AppRunner(app)
    await runner.setup()
    port = ports.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"127.0.0.1:{port}", nodes
    finally:
        await runner.cleanup()


@asynccontextmanager
async def nsqd(tls: ssl.SSLContext | None = None) -> AsyncIterator[Nsqd]:
    """Running."""
    found = Nsqd(tls=tls)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()
