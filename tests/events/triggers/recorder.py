"""An HTTP server on a real socket that keeps what it got and answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests import ports


@dataclass(frozen=True, slots=True)
class Got:
    """One request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[Got], web.Response]


@dataclass(slots=True)
class Recorder:
    port: int
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def recording(reply: Reply | None = None, **more: Any) -> AsyncIterator[Recorder]:
    """`reply` makes the answers, else they are empty 200s. `ssl_context` for TLS."""
    recorder = Recorder(ports.free_port())

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(request.method, request.raw_path, headers, await request.read())
        recorder.got.append(got)
        return reply(got) if reply else web.Response()

    async with served(handle, recorder.port, **more):
        yield recorder


@asynccontextmanager
async def served(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], port: int, **more: Any
) -> AsyncIterator[None]:
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, **more)
    await site.start()
    try:
        yield
    finally:
        await runner.cleanup()
