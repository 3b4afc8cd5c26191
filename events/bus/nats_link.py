"""One connection to a NATS server, as thin as it can be: what every event passes twice.

Publishing, requests and subscriptions of the hot path go through here; managing streams and
reading what is stored stays with nats-py. A frame is written to the socket where it is made and
read where it arrives: no queue and no task in between. Reconnects for ever; what waited for an
answer when the connection was lost fails with LinkDown.

Protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import msgspec

from events.bus.contract import BusMisconfigured, MessageTooLarge
from events.bus.nats_frames import Frame, NatsFrames, header_text, status
from kube.service import Service

_CONNECT_SECONDS = 5.0
_PING_SECONDS = 10.0
_SWEEP_SECONDS = 0.25
_BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_NO_RESPONDERS = "503"


class LinkDown(ConnectionError):
    """There is no connection right now, or nobody listens: the message may be sent again."""


Outcome = Frame | Exception
"""The answer to a request, or LinkDown, or TimeoutError."""


class _Asked(NamedTuple):
    deadline: float
    answered: Callable[[Outcome], None]


class Login(NamedTuple):
    """Where to connect and as whom; asked again at each connect, so rotated secrets count."""

    url: str
    tls: ssl.SSLContext | None
    user: str
    password: str
    token: str


class NatsLink(Service):
    """See the module. `login` is called before each connect."""

    def __init__(self, login: Callable[[], Login]) -> None:
        super().__init__("events.bus.link")
        self._login = login
        self._transport: asyncio.Transport | None = None
        self._frames: NatsFrames | None = None
        self._later: list[bytes] = []
        self._inbox = f"_INBOX.{uuid.uuid4().hex}"
        self._numbers = itertools.count(1)
        self._requests: dict[str, _Asked] = {}
        self._sweeping = False
        self._handlers: dict[int, tuple[str, Callable[[Frame], None]]] = {
            0: (f"{self._inbox}.*", self._answered)
        }
        self.max_payload = 1 << 20
        self.on_connect: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        """Whether frames can be sent right now."""
        return self._transport is not None

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost, until stopped."""
        failures, away = 0, False
        servers = itertools.count()
        while True:
            try:
                await self._connect(next(servers))
            except (OSError, TimeoutError, ssl.SSLError) as error:
                if not away:  # one line for an outage, however long
                    self.log.warning("bus_connection", error=type(error).__name__)
                away = True
            else:
                failures, away = 0, False
                self.mark_started()
                try:
                    await self._stay()
                finally:
                    self._drop()
            pause = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send one message, together with others of this turn of the loop; nobody says whether
        it arrived. Raises LinkDown, MessageTooLarge."""
        if self._transport is None:
            raise LinkDown("not connected")
        if not self._later:
            asyncio.get_running_loop().call_soon(self._flush)
        self._later.append(self.frame(subject, data, headers, reply))

    def request(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str],
        timeout: float,
        before: bytes = b"",
    ) -> asyncio.Future[Frame]:
        """As `ask`; the answer is a future, which raises LinkDown or TimeoutError."""
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

        def answered(outcome: Outcome) -> None:
            if answer.done():
                return
            if isinstance(outcome, Frame):
                answer.set_result(outcome)
            else:
                answer.set_exception(outcome)

        self.ask(subject, data, headers, timeout, answered, before)
        return answer

    def ask(
        self,
        subject: str,
        data: bytes,
        headers: Mapping[str, str],
        timeout: float,
        answered: Callable[[Outcome], None],
        before: bytes = b"",
    ) -> None:
        """Send one message behind the frames `before`. `answered` is called with the answer where
        it arrives, or with what became of it, some time after `timeout` seconds at the latest.

        Raises LinkDown, MessageTooLarge.
        """
        number = str(next(self._numbers))
        frame = self.frame(subject, data, headers, f"{self._inbox}.{number}")
        self.write(before + frame if before else frame)
        loop = asyncio.get_running_loop()
        self._requests[number] = _Asked(loop.time() + timeout, answered)
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(_SWEEP_SECONDS, self._sweep)

    def subscribe(self, subject: str, handler: Callable[[Frame], None]) -> int:
        """Hand what arrives at `subject` to `handler`, also after reconnects."""
        number = next(self._numbers)
        self._handlers[number] = (subject, handler)
        if self._transport is not None:
            self._transport.write(b"SUB %b %d\r\n" % (subject.encode(), number))
        return number

    def unsubscribe(self, number: int) -> None:
        """Stop it. Safe to call twice."""
        if self._handlers.pop(number, None) and self._transport is not None:
            self._transport.write(b"UNSUB %d\r\n" % number)

    def frame(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> bytes:
        """The bytes of one message. Raises MessageTooLarge."""
        head = header_text(headers) if headers else b""
        size = len(head) + len(data)
        if size > self.max_payload:
            raise MessageTooLarge("the message is larger than the server accepts")
        target = f"{subject} {reply}" if reply else subject
        if head:
            return b"HPUB %b %d %d\r\n%b%b\r\n" % (target.encode(), len(head), size, head, data)
        return b"PUB %b %d\r\n%b\r\n" % (target.encode(), size, data)

    def write(self, frames: bytes) -> None:
        """Send frames that `frame` made. Raises LinkDown."""
        if self._transport is None or self._transport.is_closing():
            raise LinkDown("not connected")
        if self._later:
            self._later.append(frames)
            self._flush()
        else:
            self._transport.write(frames)

    def _flush(self) -> None:
        frames, self._later = self._later, []
        if frames and self._transport is not None:
            self._transport.write(b"".join(frames))

    async def _connect(self, attempt: int) -> None:
        login = self._login()
        urls = [u.strip() for u in login.url.split(",") if u.strip()] or [""]
        server = _server(urls[attempt % len(urls)])
        async with asyncio.timeout(_CONNECT_SECONDS):
            loop = asyncio.get_running_loop()
            transport, frames = await loop.create_connection(NatsFrames, server.host, server.port)
            try:
                info = await frames.info
                if server.tls or info.get("tls_required") or login.tls is not None:
                    transport = cast(
                        "asyncio.Transport",
                        await loop.start_tls(
                            transport,
                            frames,
                            login.tls or ssl.create_default_context(),
                            server_hostname=server.host,
                        ),
                    )
                    frames.connection_made(transport)
                transport.write(_hello(login, server) + b"PING\r\n")
                await frames.pong()
            except BaseException:
                transport.abort()
                raise
        self.max_payload = int(info.get("max_payload") or self.max_payload)
        for number, (subject, _) in self._handlers.items():
            transport.write(b"SUB %b %d\r\n" % (subject.encode(), number))
        frames.deliver = self._deliver
        self._transport, self._frames = transport, frames
        for listener in self.on_connect:
            listener()

    async def _stay(self) -> None:
        """Until the connection is lost, or says nothing for two pings."""
        frames, transport = self._frames, self._transport
        assert frames is not None
        assert transport is not None
        while True:
            await asyncio.wait({frames.lost}, timeout=_PING_SECONDS)
            if frames.lost.done():
                return
            try:
                transport.write(b"PING\r\n")
                async with asyncio.timeout(_PING_SECONDS):
                    await frames.pong()
            except (TimeoutError, ConnectionError):
                transport.abort()
                return

    def _drop(self) -> None:
        transport, self._transport, self._frames = self._transport, None, None
        if transport is not None:
            transport.close()
        waiting, self._requests = self._requests, {}
        for asked in waiting.values():
            asked.answered(LinkDown("the connection was lost"))

    def _deliver(self, number: int, frame: Frame) -> None:
        known = self._handlers.get(number)
        if known is not None:
            known[1](frame)

    def _answered(self, frame: Frame) -> None:
        asked = self._requests.pop(frame.subject.rpartition(".")[2], None)
        if asked is None:
            return
        if not frame.data and status(frame) == _NO_RESPONDERS:
            asked.answered(LinkDown("nobody answers there"))
        else:
            asked.answered(frame)

    def _sweep(self) -> None:
        """Give up what is over its time; come again while something waits."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for number in [n for n, asked in self._requests.items() if asked.deadline <= now]:
            self._requests.pop(number).answered(TimeoutError("no answer in time"))
        self._sweeping = bool(self._requests)
        if self._sweeping:
            loop.call_later(_SWEEP_SECONDS, self._sweep)


class _Server(NamedTuple):
    host: str
    port: int
    tls: bool
    user: str
    password: str


def _server(url: str) -> _Server:
    """The parts of a server's URL. Raises BusMisconfigured."""
    text = url if "://" in url else f"nats://{url}"
    try:
        parts = urlsplit(text)
        port = parts.port or 4222
    except ValueError:
        raise BusMisconfigured("the server's URL is malformed") from None
    if parts.scheme not in ("nats", "tls") or not parts.hostname:
        raise BusMisconfigured("the server's URL must begin with nats:// or tls://")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return _Server(parts.hostname, port, parts.scheme == "tls", user, password)


def _hello(login: Login, server: _Server) -> bytes:
    options: dict[str, Any] = {
        "verbose": False,
        "pedantic": False,
        "lang": "headrace",
        "version": "1",
        "protocol": 1,
        "headers": True,
        "no_responders": True,
        "name": "headrace",
    }
    user, password = login.user or server.user, login.password or server.password
    token = login.token or ("" if password else user)
    if password or login.user:
        options |= {"user": user, "pass": password}
    elif token:
        options["auth_token"] = token
    return b"CONNECT %b\r\n" % msgspec.json.encode(options)
