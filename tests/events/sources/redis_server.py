"""A redis-server of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests import ports
from tests.events.sources.brokers import Broker, program


@asynccontextmanager
async def redis_server(folder: Path, *options: str, tls: bool = False) -> AsyncIterator[Broker]:
    """Running, with every write on disk before it is answered."""
    binary, port = program("redis-server", "redis-server"), ports.free_port()
    listening = ("--port", "0", "--tls-port", str(port)) if tls else ("--port", str(port))
    durable = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
    argv = [binary, "--bind", "127.0.0.1", *listening, "--dir", str(folder), *durable, *options]
    broker = Broker(argv, port, folder)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()
