"""A queue behind an HTTP server: what was received is hidden until `show`. The tests of the Azure
and Alibaba queues give it their dialects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import web

from tests import ports
from tests.events.triggers.recorder import Got
from tests.events.triggers.recorder import served as http_served


@dataclass(slots=True)
class XmlQueue:
    """`message` prints one; `wrap` the answer; `empty` is the answer without any; `signed` is
    the right Authorization of a request."""

    port: int
    message: Callable[[str, str], str]
    wrap: Callable[[str], str]
    empty: web.Response | None
    handle_of: Callable[[Got], str]
    signed: Callable[[Got], str]
    batch: int = 16
    waiting: list[tuple[str, str]] = field(default_factory=list)
    hidden: dict[str, str] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    failure: tuple[int, str, dict[str, str]] | None = None
    deletes: bool = True
    count: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.count += 1
            self.waiting.append((f"m-{self.count}", body))

    def show(self) -> None:
        self.waiting += self.hidden.items()
        self.hidden.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(request.method, request.raw_path, headers, b"")
        self.got.append(got)
        if headers.get("authorization", "") != self.signed(got):
            return web.Response(status=403, text=self.wrap("<Code>AccessDenied</Code>"))
        if self.failure is not None:
            status, text, more = self.failure
            return web.Response(status=status, text=text, headers=more)
        if got.method == "DELETE":
            if self.deletes:
                self.hidden.pop(self.handle_of(got), None)
            return web.Response(status=204)
        batch, self.waiting = self.waiting[: self.batch], self.waiting[self.batch :]
        if not batch and self.empty is not None:
            return web.Response(status=self.empty.status, text=self.empty.text)
        self.hidden.update(batch)
        return web.Response(text=self.wrap("".join(self.message(n, escape(b)) for n, b in batch)))


@asynccontextmanager
async def xml_queue(**dialect: object) -> AsyncIterator[XmlQueue]:
    queue = XmlQueue(ports.free_port(), **dialect)  # type: ignore[arg-type]
    async with http_served(queue.handle, queue.port):
        yield queue
