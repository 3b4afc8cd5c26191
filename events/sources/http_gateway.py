"""All HTTP listeners of this process: endpoints of many EventSources share ports.

A port is opened with its first endpoint and closed with its last. A path belongs to who came
first; the second owner is told (EndpointConflict) and does not disturb the first.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from events.sources import http_message, path_pattern
from events.sources.http_message import Request, Response
from events.sources.http_protocol import Admission, HttpConnection, Timeouts
from kube.service import Service

_NOT_FOUND = http_message.text(404, "404 page not found\n")
_HEALTHY = http_message.text(200, "OK")
_BUSY = http_message.text(503, "too many connections", retry_after="1")


class EndpointConflict(Exception):
    """The port or path cannot be served; the message says why."""


class Endpoint(Protocol):
    """What answers at one path. `admit` decides on the head alone, and must not block."""

    def admit(self, request: Request) -> Admission | Response: ...


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`hosts`: addresses to listen on (loopback unless told otherwise)."""

    hosts: Sequence[str] = ("127.0.0.1",)
    max_connections: int = 4096
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class Attachment:
    """An endpoint that is being served; give it back with `HttpGateway.detach`."""

    port: int
    path: str
    owner: str


@dataclass(slots=True)
class _Route:
    owner: str
    endpoint: Endpoint
    matches: Callable[[str], bool] | None


class _Listener:
    """One port: its sockets, connections and routes."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None], limit: int) -> None:
        self.routes: dict[str, _Route] = {}
        self.connections: set[HttpConnection] = set()
        self.server: asyncio.Server | None = None
        self.tls: ssl.SSLContext | None = None
        self.spawn = spawn
        self._limit = limit

    def admit(self, request: Request) -> Admission | Response:
        """Route by path; see `http_protocol.Application`."""
        if len(self.connections) > self._limit:
            return _BUSY
        path = request.path
        if (route := self.routes.get(path)) is not None and route.matches is None:
            return route.endpoint.admit(request)
        if path == "/health":
            return _HEALTHY
        if (clean := path_pattern.cleaned(path)) != path:
            query = f"?{request.query}" if request.query else ""
            return Response(301, headers=(("Location", quote(clean, safe="/%") + query),))
        for candidate in self.routes.values():
            if candidate.matches is not None and candidate.matches(path):
                return candidate.endpoint.admit(request)
        return _NOT_FOUND


class HttpGateway(Service):
    """See the module. Endpoints may be attached once the service has started."""

    def __init__(self, settings: GatewaySettings | None = None) -> None:
        super().__init__("events.http")
        self._settings = settings or GatewaySettings()
        self._listeners: dict[int, _Listener] = {}
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Sweep the connections' deadlines until stopped, then close every port."""
        self.mark_started()
        try:
            while True:
                await asyncio.sleep(0.5)
                now = time.monotonic()
                for listener in self._listeners.values():
                    for connection in list(listener.connections):
                        if connection.deadline < now:
                            connection.expire()
        finally:
            for listener in self._listeners.values():
                _close(listener)
            self._listeners.clear()

    async def attach(
        self,
        port: int,
        path: str,
        owner: str,
        endpoint: Endpoint,
        tls: ssl.SSLContext | None = None,
    ) -> Attachment:
        """Serve `endpoint`. Raises EndpointConflict, path_pattern.BadPattern."""
        matches = path_pattern.compile_path(path)
        async with self._lock:
            listener = self._listeners.get(port)
            if listener is None:
                listener = await self._open(port, tls)
            elif (listener.tls is None) != (tls is None):
                raise EndpointConflict(f"port {port} is shared with and without TLS")
            if (taken := listener.routes.get(path)) is not None:
                raise EndpointConflict(f"{path} on port {port} is already served by {taken.owner}")
            listener.routes[path] = _Route(owner, endpoint, matches)
        self.log.info("endpoint_attached", port=port, path=path, owner=owner)
        return Attachment(port, path, owner)

    async def detach(self, attachment: Attachment) -> None:
        """Stop serving it; requests under way finish. Safe to call twice."""
        async with self._lock:
            listener = self._listeners.get(attachment.port)
            if listener is None:
                return
            route = listener.routes.get(attachment.path)
            if route is None or route.owner != attachment.owner:
                return
            del listener.routes[attachment.path]
            if not listener.routes:
                del self._listeners[attachment.port]
                _close(listener)

    async def _open(self, port: int, tls: ssl.SSLContext | None) -> _Listener:
        settings = self._settings
        listener = _Listener(self._spawn_request, settings.max_connections)
        listener.tls = tls
        loop = asyncio.get_running_loop()
        try:
            listener.server = await loop.create_server(
                lambda: HttpConnection(listener, listener.connections, settings.timeouts),
                list(settings.hosts),
                port,
                ssl=tls,
                ssl_handshake_timeout=settings.timeouts.head if tls else None,
                backlog=1024,
                reuse_address=True,
            )
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened: {error}"
            raise EndpointConflict(f"port {port} {why}") from None
        except OverflowError:
            raise EndpointConflict(f"{port} is no port") from None
        self._listeners[port] = listener
        return listener

    def _spawn_request(self, body: Coroutine[Any, Any, None]) -> None:
        self.spawn(body, "request")


def _close(listener: _Listener) -> None:
    if listener.server is not None:
        listener.server.close()
    for connection in list(listener.connections):
        connection.close_when_idle()
