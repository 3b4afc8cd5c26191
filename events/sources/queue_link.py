"""Keeps one event's connection to its broker: connect, serve, and again.

A connection that ends is made again after growing, jittered pauses (`connectionBackoff`, else
0.2 s doubling, five attempts); what fails so often becomes the condition, and the controller
comes back later. A Secret the connection was made with is watched: when its value changes the
connection is made anew. The relay is kept over all of this. Called by the queue sources.
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
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_relay import WINDOW, Relay
from lang import duration
from lang.errors import LangError

_LOOK_AT_SECRETS = 1.0
_CLEAN_UP = 10.0
_LONGEST_PAUSE = 30.0
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
    is_connected: bool = False
    _seen: list[tuple[Mapping[str, Any], bytes]] = field(default_factory=list)

    def connected(self, note: str = "") -> None:
        """Messages can arrive from now on; `note` goes into the condition."""
        self.is_connected = True
        notes = [text for text in (note, self.relay.note()) if text]
        self.ready("; ".join(notes))

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
    messages in flight are seen through when the event ends. Raises SourceError."""
    pauses = Pauses.of(backoff, f"{context.path}.connectionBackoff")
    relay = Relay(context, ready, WINDOW)
    try:
        while True:
            await _attempts(context, ready, session, relay, pauses)
            await asyncio.sleep(pauses.length(1))
    finally:
        if lossy:
            await relay.drain(_DRAIN)
        await relay.close()


async def _attempts(
    context: SourceContext, ready: ReadySignal, session: Session, relay: Relay, pauses: Pauses
) -> None:
    """Until a connection that stood has ended, or SourceError after the last attempt."""
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((ConnectionLost, OSError, TimeoutError)),
            wait=pauses,
            stop=stop_after_attempt(pauses.steps),
            reraise=True,
        ):
            with attempt:
                link = Link(context, relay, ready)
                try:
                    await _once(link, session)
                except (ConnectionLost, OSError, TimeoutError) as error:
                    if not link.is_connected:
                        raise
                    ready(f"reconnecting: {_why(error)}")
    except (ConnectionLost, OSError, TimeoutError) as error:
        raise SourceError(context.path, _why(error), "Unavailable") from None


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
    task.result()


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
