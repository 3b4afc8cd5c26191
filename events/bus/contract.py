"""The `Bus` seam: durable, replayable messages and a small durable table beside them.

Implementations: `events.bus.jetstream` and `events.bus.memory`. The suite in
tests/conformance/bus.py runs against both; what a docstring promises here is tested there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class BusError(Exception):
    """Root of what a bus raises."""


class BusUnavailable(BusError):
    """No durable acknowledgement in time. The message may or may not be stored: publish it
    again with the same id."""


class BusFull(BusError):
    """The configured limits are reached by messages nobody has consumed yet. Nothing stored
    was dropped; try again later."""


class MessageTooLarge(BusError):
    """The message exceeds what the server accepts; retrying is pointless."""


class Fenced(BusError):
    """Somebody else wrote to the table: this process no longer owns it."""


class BusMisconfigured(BusError):
    """The bus cannot be used as it is configured (no such server feature, no permission)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `subject` is dot-separated tokens; `id` identifies the event for ever."""

    subject: str
    id: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Receipt(NamedTuple):
    """`duplicate` is true when the id was already known: nothing was stored again."""

    sequence: int
    duplicate: bool


class Delivered(NamedTuple):
    """A stored message as a subscriber sees it; `attempt` counts from 1."""

    message: Message
    sequence: int
    stored_at: float
    attempt: int
    reply: str


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of stored messages, both ends included; None is open. Times are epoch seconds."""

    first: int | None = None
    last: int | None = None
    since: float | None = None
    until: float | None = None
    subjects: Sequence[str] = ()


EVERYTHING = Range()


class Subscription(Protocol):
    """A durable position in the stream, shared by whoever subscribes with the same name.

    Messages come in stream order; an unanswered one comes again after the bus's wait time, also
    after a crash of either side. At most the bus's window of messages is unanswered at a time.
    """

    async def next(self) -> Delivered:
        """The next message; waits for ever. Reconnects by itself."""
        ...

    def ack(self, delivered: Delivered) -> None:
        """It is dealt with: never deliver it again (best effort: it may come again)."""
        ...

    def nak(self, delivered: Delivered, delay: float) -> None:
        """Deliver it again in `delay` seconds."""
        ...

    def progress(self, delivered: Delivered) -> None:
        """Still working: restart the wait time."""
        ...

    async def close(self) -> None:
        """Stop receiving. The durable position stays."""
        ...


class Table(Protocol):
    """Keys to bytes, durable, with one writer.

    `commit` is atomic and in order: a crash leaves all of it or none, and never a later commit
    without an earlier one. It returns when durable; concurrent commits share one disk write.
    """

    async def commit(
        self,
        changes: Mapping[str, bytes | None],
        expiring: Mapping[str, bytes] | None = None,
        *,
        ttl: float = 0,
    ) -> None:
        """Set or (None) delete keys; also set `expiring`, which vanish after `ttl` seconds
        (0: never). An empty value is as good as none. Raises BusUnavailable (nothing later may
        be assumed), Fenced."""
        ...

    def scan(self, pattern: str) -> AsyncIterator[tuple[str, bytes]]:
        """Keys that match `pattern` (tokens, `*` one, `>` the rest) with their newest value."""
        ...


class Bus(Protocol):
    """Where events wait. Methods may be called concurrently from one event loop."""

    def publish(self, message: Message) -> Awaitable[Receipt]:
        """Done once the message is on disk. A known id within the bus's window of time is
        not stored again. Raises BusUnavailable, BusFull, MessageTooLarge. Often a future: a hot
        path may wait for it without a task."""
        ...

    async def subscribe(self, durable: str, subjects: Sequence[str] = ()) -> Subscription:
        """Continue at `durable`'s position; a new name starts with what is published after
        this call. `subjects` limits it (none: all)."""
        ...

    def replay(self, stretch: Range = EVERYTHING) -> AsyncIterator[Delivered]:
        """Stored messages in order, without touching any subscription; ends at what was the
        newest when it was called."""
        ...

    def table(self, name: str) -> Table:
        """The table `name`, made when it is first used."""
        ...

    async def floor(self, durable: str) -> int:
        """The sequence through which subscriber `durable` has answered everything; 0 when it
        never subscribed. Raises BusUnavailable."""
        ...

    async def last(self) -> int:
        """The sequence of the newest event ever stored; 0 when none was. Raises BusUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of connections. Nothing stored is touched."""
        ...
