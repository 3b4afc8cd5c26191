"""A real nats-server for the tests of this folder: one per session, one stream per test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.bus import jetstream
from headrace.local.nats import NatsServer, NatsSettings


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(NatsSettings(tmp_path / "nats"))
    await server.start()
    yield server
    await server.stop()


def connection(server: NatsServer) -> jetstream.Connection:
    return jetstream.Connection(
        server.url,
        jetstream.Credentials(user=lambda: server.user, password=lambda: server.password),
    )


def stream_name() -> str:
    return f"t_{uuid.uuid4().hex[:8]}"
