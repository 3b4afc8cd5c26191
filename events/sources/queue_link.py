"""Keeps one event's connection to its broker: connect, serve, and again.

A connection that ends is made again after growing, jittered pauses (`connectionBackoff`, else
0.2 s doubling, five attempts). What fails so often becomes the condition: a first connection is
then the controller's to ask for again, a later one is tried on here, however long it takes, for
what the source and the relay remember must outlive an outage. A Secret the connection was made
with is watched: when its value changes the connection is made anew. Called by the queue sources.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
)

from crds.events_shared import Backoff
from events.secrets import MissingValue
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_relay import WINDOW, Relay
from lang import duration
from lang.errors import LangError

_LOOK_AT_SECRETS = 1.0
_CLEAN_UP = 10.0
_LONGEST_PAUSE = 30.0
_LONGEST_AWAY = 12.0  # between attempts once all in a row were in vain
_STEADY = 10.0  # seconds a connection stands to count as a good one
_DRAIN = 5.0
_SETTLE = 1.0
_STEPS = 5


class ConnectionLost(Exception):
    """The broker cannot be reached, or the connection ended: worth another attempt."""


@dataclass(slots=True)
class Link:
    """What one connection has: its event, the relay, and Secrets that are remembered."""

    context: SourceContext
    relay: Relay
    ready: ReadySignal
    stood_since: float | None = None
    _seen: list[tuple[Mapping[str, Any], bytes]] = field(default_factory=list)

    def connected(self, note: str = "") -> None:
        """Messages can arrive from now on; `note` goes into the condition."""
        if self.stood_since is None:
            self.stood_since = asyncio.get_running_loop().time()
        notes = [text for text in (note, self.relay.note()) if text]
        self.ready("; ".join(notes))

    @property
    def is_connected(self) -> bool:
        """Whether messages could arrive at some time."""
        return self.stood_since is not None

    async def read(self, reference: Mapping[str, Any], path: str) -> bytes:
        """A Secret's value, without the newline editors leave at its end. Raises MissingValue."""
        value = await self.context.services.secrets.value(self.context.namespace, reference, path)
        self._seen.append((reference, value))
        return value.removesuffix(b"\n")

    async def text(self, reference: Mapping[str, Any] | None, path: str) -> str:
        """As `read`, as text; empty without a reference. Raises SourceError when it is none."""
        if reference is None:
            return ""
        try:
            return (await self.read(reference, path)).decode()
        except UnicodeDecodeError:
            raise SourceError(path, "is no UTF-8 text") from None

    def watches(self) -> bool:
        """Whether the connection depends on any Secret."""
        return bool(self._seen)

    def rotated(self) -> bool:
        """Whether a value it was made with has another now. A deleted one has none."""
        cached = self.context.services.secrets.cached
        for reference, value in self._seen:
            now = cached(self.context.namespace, reference)
            if now is not None and now != value:
                return True
        return False


_MAY_PASS = (ConnectionLost, OSError, TimeoutError)
Session = Callable[[Link], Awaitable[None]]
"""Connect, call `connected`, pass messages to the relay until the connection ends. Raises
ConnectionLost, OSError or TimeoutError for what another attempt may mend, else SourceError."""


async def keep(
    context: SourceContext,
    ready: ReadySignal,
    session: Session,
    *,
    backoff: Backoff | None = None,
    lossy: bool = False,
) -> None:
    """Serve until cancelled. `lossy`: the broker will not send again what was received, so the
    messages in flight are seen through when the event ends. Raises SourceError, MissingValue
    when no connection ever stood."""
    pauses = Pauses.of(backoff, f"{context.path}.connectionBackoff")
    relay = Relay(context, ready, WINDOW)
    try:
        await _Keeper(context, ready, session, relay, pauses).run()
    finally:
        if lossy:
            await relay.drain(_DRAIN)
        await relay.close()


class _Keeper:
    """One event's connections, one after the other."""

    def __init__(
        self,
        context: SourceContext,
        ready: ReadySignal,
        session: Session,
        relay: Relay,
        pauses: Pauses,
    ) -> None:
        self._context = context
        self._ready = ready
        self._session = session
        self._relay = relay
        self._pauses = pauses
        self._served = False  # a connection stood at some time
        self._failures = 0  # rounds of attempts in vain, or connections that stood for a moment

    async def run(self) -> None:
        """Until cancelled. Raises SourceError, MissingValue when no connection ever stood."""
        while True:
            try:
                await self._attempts(1 if self._failures else self._pauses.steps)
            except (SourceError, MissingValue) as error:
                if not self._served:
                    raise
                self._failures += 1
                self._ready(lost=_problem(error))
                pause = self._pauses.length(self._pauses.steps + self._failures)
            else:
                pause = self._pauses.length(max(1, self._failures))
            await asyncio.sleep(min(pause, _LONGEST_AWAY))

    async def _attempts(self, most: int) -> None:
        """Until a connection that stood has ended, or SourceError after the last attempt."""
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(_MAY_PASS),
                wait=self._pauses,
                stop=stop_after_attempt(most),
                reraise=True,
            ):
                with attempt:
                    await self._connection()
        except _MAY_PASS as error:
            raise SourceError(self._context.path, _why(error), "Unavailable") from None

    async def _connection(self) -> None:
        """One connection; raises when it never stood, or for what a user can mend."""
        link = Link(self._context, self._relay, self._ready)
        try:
            await _once(link, self._session)
            self._failures = 0  # a Secret changed
        except _MAY_PASS as error:
            if link.stood_since is None:
                raise
            stood = asyncio.get_running_loop().time() - link.stood_since
            self._failures = 0 if stood > _STEADY else self._failures + 1
            self._ready(f"reconnecting: {_why(error)}")
        finally:
            self._served |= link.stood_since is not None


async def _once(link: Link, session: Session) -> None:
    """One connection; returns at once when a Secret it used has changed."""

    async def body() -> None:
        await session(link)
        raise ConnectionLost("the connection was closed")

    task = asyncio.create_task(body())
    try:
        while not task.done():
            patience = _LOOK_AT_SECRETS if link.watches() or not link.is_connected else None
            await asyncio.wait({task}, timeout=patience)
            if not task.done() and link.rotated():
                return
    finally:
        if not task.done():
            await link.relay.drain(_SETTLE)  # what is acknowledged now does not come again
            task.cancel()
            await asyncio.wait({task}, timeout=_CLEAN_UP)
        if task.done() and not task.cancelled():
            task.exception()  # nobody may ask: this may be the end of the event
    if task.cancelled():  # by a client library: it must not end the event unheard
        raise ConnectionLost("the client gave up")
    task.result()


def _problem(error: SourceError | MissingValue) -> SourceError:
    return error if isinstance(error, SourceError) else SourceError("", str(error))


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Pauses:
    """Waits between attempts in seconds, as tenacity asks for them."""

    first: float = 0.2
    factor: float = 2.0
    jitter: float = 0.5
    steps: int = _STEPS

    @classmethod
    def of(cls, backoff: Backoff | None, path: str) -> Pauses:
        """From `connectionBackoff`. Raises SourceError."""
        if backoff is None:
            return cls()
        first = 1.0
        if isinstance(backoff.duration, int):
            first = backoff.duration / duration.NANOSECONDS
        elif backoff.duration:
            try:
                first = duration.parse_go(backoff.duration)
            except LangError as error:
                raise SourceError(f"{path}.duration", error.message) from None
        return cls(
            max(first, 0.01),
            _number(backoff.factor, 1.0, f"{path}.factor"),
            _number(backoff.jitter, 1.0, f"{path}.jitter"),
            backoff.steps if backoff.steps and backoff.steps > 0 else _STEPS,
        )

    def length(self, attempt: int) -> float:
        """The pause after `attempt` (from 1)."""
        grown = min(self.first * self.factor ** min(attempt - 1, 64), _LONGEST_PAUSE)
        return max(grown, min(self.first, 3600.0)) * random.uniform(1.0, 1.0 + self.jitter)

    def __call__(self, state: RetryCallState) -> float:
        """For tenacity."""
        return self.length(state.attempt_number)


def _number(value: float | str | None, default: float, path: str) -> float:
    try:
        number = default if value is None or value == "" else float(value)
    except ValueError:
        raise SourceError(path, f"{value!r} is no number") from None
    if not 0.0 <= number <= 1000.0:
        raise SourceError(path, f"{value!r} is not between 0 and 1000")
    return number
