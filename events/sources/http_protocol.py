"""One HTTP/1.1 connection, as thin as it can be: this is the hot path of every webhook.

Invariants: a head is capped in bytes, count and time before anything looks at it; whether a
request is admitted is decided on its head; the body is capped while it streams; one request of
a connection is worked on at a time (pipelined ones wait unread). The owner sweeps deadlines.
"""

from __future__ import annotations

import asyncio
import email.utils
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol, cast

import structlog

from events.sources import http_message
from events.sources.http_message import BadRequest, Request, Response
from kube import crashpoints

MAX_HEAD = 64 * 1024
_MAX_DRAIN = 256 * 1024
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\Z")


class Answering(NamedTuple):
    """The answer is known when `done` is: no task need wait for it."""

    done: asyncio.Future[Any]
    answer: Callable[[asyncio.Future[Any]], Response]


Outcome = Response | Answering | Awaitable[Response]


@dataclass(frozen=True, slots=True)
class Admission:
    """A request may send its body, up to `cap` bytes; beyond it the client gets `too_large`."""

    cap: int
    handle: Callable[[Request, bytes], Outcome]
    too_large: Response


class Application(Protocol):
    """What a connection asks. `admit` sees only the head; `spawn` runs a request's handling."""

    def admit(self, request: Request) -> Admission | Response: ...
    def spawn(self, body: Coroutine[Any, Any, None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: a whole head; an idle kept connection; a body (plus its bytes at `rate`)."""

    head: float = 10.0
    idle: float = 75.0
    body: float = 20.0
    rate: float = 8 * 1024.0


class _State(Enum):
    HEAD = auto()
    BODY = auto()
    WORKING = auto()
    DRAINING = auto()


_log = structlog.get_logger("events.sources.http")


class HttpConnection(asyncio.Protocol):
    """See the module."""

    def __init__(
        self, application: Application, connections: set[HttpConnection], timeouts: Timeouts
    ) -> None:
        self._application = application
        self._connections = connections
        self._timeouts = timeouts
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._buffer = bytearray()
        self._state = _State.HEAD
        self._request: Request | None = None
        self._admission: Admission | None = None
        self._body = bytearray()
        self._chunk = -1
        self._drained = 0
        self._scanned = 0
        self._paused = False
        self._ended = False  # by the client
        self.deadline = time.monotonic() + timeouts.head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; handling that is under way finishes by itself."""
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """More bytes."""
        if self._state is _State.DRAINING:
            self._drained += len(data)
            if self._drained > _MAX_DRAIN:
                self._transport.abort()
            return
        if not self._buffer and self._state is _State.HEAD and self._request is None:
            self.deadline = time.monotonic() + self._timeouts.head
        self._buffer += data
        if self._state is _State.WORKING:
            self._pause()  # a pipelined request waits unread, but for what this one brought
            return
        self._advance()

    def eof_received(self) -> bool:
        """The client will send no more; what it has asked is still answered."""
        self._ended = True
        return self._state is _State.WORKING and self._transport.can_write_eof()

    def expire(self) -> None:
        """The deadline passed: say so if a request was under way, and close."""
        if self._state is _State.WORKING:
            return
        if self._state is _State.DRAINING or (self._state is _State.HEAD and not self._buffer):
            self._transport.close()
            return
        self._reject(http_message.text(408, "request timeout"))

    def close_when_idle(self) -> None:
        """The listener goes away: close unless a request is being worked on."""
        if self._state is not _State.WORKING:
            self._transport.close()

    def _advance(self) -> None:
        try:
            while True:
                if self._state is _State.HEAD and not self._read_head():
                    return
                if self._state is _State.BODY and not self._read_body():
                    return
                if self._state is not _State.HEAD:
                    return
        except BadRequest as error:
            self._reject(http_message.text(error.status, str(error)))

    def _read_head(self) -> bool:
        """True when a head was read and the body is next."""
        end = self._buffer.find(b"\r\n\r\n", max(0, self._scanned - 3), MAX_HEAD + 4)
        if end < 0:
            self._scanned = len(self._buffer)
            if self._scanned > MAX_HEAD:
                raise BadRequest("request head too large", 431)
            return False
        self._scanned = 0
        request = http_message.parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._request = request
        decision = self._application.admit(request)
        if isinstance(decision, Response):
            self._refuse(request, decision)
            return self._state is _State.HEAD and bool(self._buffer) and self._read_head()
        self._admission = decision
        if request.length > decision.cap:
            self._reject(decision.too_large)
            return False
        allowed = self._timeouts.body + min(request.length, decision.cap) / self._timeouts.rate
        self.deadline = time.monotonic() + allowed
        self._body = bytearray()
        self._chunk = -1
        self._state = _State.BODY
        if request.expects_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _refuse(self, request: Request, response: Response) -> None:
        """Answer from the head alone; the connection lives on when the body is already here."""
        if request.chunked or request.length > len(self._buffer):
            self._reject(response)
            return
        del self._buffer[: request.length]
        self._respond(response, close=not request.keep_alive)
        self._next()
        if not request.keep_alive:
            self._transport.close()

    def _read_body(self) -> bool:
        request, admission = self._request, self._admission
        assert request is not None
        assert admission is not None
        if request.chunked:
            done = self._read_chunks(admission)
            if not done:
                return False
        else:
            if len(self._buffer) < request.length:
                return False
            self._body = self._buffer[: request.length]
            del self._buffer[: request.length]
        self._state = _State.WORKING
        self._work(request, admission, bytes(self._body))
        return True

    def _read_chunks(self, admission: Admission) -> bool:
        while True:
            if self._chunk < 0:
                end = self._buffer.find(b"\r\n", 0, 1024)
                if end < 0:
                    if len(self._buffer) > 1024:
                        raise BadRequest("malformed chunk")
                    return False
                match = _CHUNK_LINE.match(self._buffer[:end])
                if match is None:
                    raise BadRequest("malformed chunk")
                self._chunk = int(match.group(1), 16)
                del self._buffer[: end + 2]
                if len(self._body) + self._chunk > admission.cap:
                    self._reject(admission.too_large)
                    return False
            if len(self._buffer) < self._chunk + 2:
                return False
            if self._buffer[self._chunk : self._chunk + 2] != b"\r\n":
                raise BadRequest("malformed chunk")  # also: trailers are not accepted
            self._body += self._buffer[: self._chunk]
            del self._buffer[: self._chunk + 2]
            last = self._chunk == 0
            self._chunk = -1
            if last:
                return True

    def _work(self, request: Request, admission: Admission, body: bytes) -> None:
        """Begin to handle the request; `_finish` follows, now or later."""
        outcome: Outcome
        try:
            outcome = admission.handle(request, body)
        except Exception:
            outcome = _failed(request)
        if isinstance(outcome, Answering):
            outcome.done.add_done_callback(
                lambda done: self._finish(request, _answered(request, outcome.answer, done))
            )
        elif isinstance(outcome, Response):
            asyncio.get_running_loop().call_soon(self._finish, request, outcome)
        else:
            self._application.spawn(self._wait(request, outcome))

    async def _wait(self, request: Request, outcome: Awaitable[Response]) -> None:
        try:
            response = await outcome
        except Exception:
            response = _failed(request)
        self._finish(request, response)

    def _finish(self, request: Request, response: Response) -> None:
        if self._transport.is_closing():
            return
        close = response.close or not request.keep_alive or self._ended
        self._respond(response, close=close)
        crashpoints.reached("source.answered")
        if close:
            self._transport.close()
            return
        self._next()
        self._resume()
        if self._buffer:
            self._advance()

    def _next(self) -> None:
        self._state = _State.HEAD
        self._request = self._admission = None
        pause = self._timeouts.head if self._buffer else self._timeouts.idle
        self.deadline = time.monotonic() + pause

    def _reject(self, response: Response) -> None:
        """Answer while the client may still be sending: read a little further, then close."""
        self._respond(response, close=True)
        self._buffer.clear()
        self._state = _State.DRAINING
        self.deadline = time.monotonic() + 1.0
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _respond(self, response: Response, *, close: bool) -> None:
        head_only = self._request is not None and self._request.method == "HEAD"
        self._transport.write(
            http_message.encode(response, date=_date(), head_only=head_only, close=close)
        )

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()


def _answered(
    request: Request, answer: Callable[[asyncio.Future[Any]], Response], done: asyncio.Future[Any]
) -> Response:
    try:
        return answer(done)
    except Exception:
        return _failed(request)


def _failed(request: Request) -> Response:
    """The one boundary where a defect of a handler becomes a 500 instead of a dead server."""
    _log.exception("request_failed", path=request.path)
    return http_message.text(500, "internal error")


_DATE: tuple[int, bytes] = (0, b"")


def _date() -> bytes:
    global _DATE  # a one-second cache, not state
    now = int(time.time())
    if _DATE[0] != now:
        _DATE = (now, email.utils.formatdate(now, usegmt=True).encode())
    return _DATE[1]
