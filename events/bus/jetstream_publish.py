"""Group commit: what arrived while the last batch was being written goes into the next one.

With `sync_interval: always` a disk write costs the same for one message as for two hundred, so
one batch is in flight at a time and everybody who came meanwhile shares the next. Each message
keeps its own id: a batch that holds a known id is refused whole (10201), and is then sent one
by one, where the server drops just that one. A publish that got no answer is sent again with
the same id until its caller's time is over.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from dataclasses import dataclass, field

import nats.errors
import structlog
from nats.aio.client import Client

from events.bus import jetstream_wire as wire
from events.bus.contract import BusError, BusUnavailable, Message, Receipt

_ALONE = 12
_BATCH_MESSAGES = 200
_BATCH_BYTES = 4 << 20
_RETRY_PAUSE = 0.05


@dataclass(slots=True)
class _Pending:
    message: wire.Wire
    deadline: float
    done: asyncio.Future[Receipt] = field(default_factory=asyncio.Future)


class Publisher:
    """Publishes into one stream. `run` is the body of the owner's child task."""

    def __init__(
        self,
        client: Client,
        *,
        timeout: float,
        attempt_timeout: float = 2.0,
        house: tuple[int, int] = (0, 0),
    ) -> None:
        """`house`: after so many messages, or bytes, `housekeeping` is set (0: never)."""
        self._client = client
        self._timeout = timeout
        self._attempt_timeout = attempt_timeout
        self._queue: deque[_Pending] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Semaphore(8 * _BATCH_MESSAGES)
        self._log = structlog.get_logger("events.bus.publish")
        self._house = house
        self._fresh = (0, 0)  # messages and bytes since housekeeping was set
        self.housekeeping: asyncio.Event = asyncio.Event()

    async def publish(self, message: Message) -> Receipt:
        """See `Bus.publish`. Waits its turn when too many are waiting (back-pressure)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        headers = {**message.headers, "Nats-Msg-Id": message.id}
        try:
            async with asyncio.timeout_at(deadline), self._room:
                pending = _Pending(wire.Wire(message.subject, message.data, headers), deadline)
                self._queue.append(pending)
                self._arrived.set()
                return await pending.done
        except TimeoutError:
            raise BusUnavailable("the bus did not confirm the message in time") from None

    async def run(self) -> None:
        """Write batches for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                batch = self._take()
                self._count(batch)
                await self._write(batch)

    def _take(self) -> list[_Pending]:
        batch: list[_Pending] = []
        size = 0
        while self._queue and len(batch) < _BATCH_MESSAGES and size < _BATCH_BYTES:
            pending = self._queue.popleft()
            if pending.done.done():
                continue
            batch.append(pending)
            size += len(pending.message.data)
        return batch

    def _count(self, batch: list[_Pending]) -> None:
        messages = self._fresh[0] + len(batch)
        size = self._fresh[1] + sum(len(pending.message.data) for pending in batch)
        self._fresh = (messages, size)
        if any(0 < most <= now for most, now in zip(self._house, self._fresh, strict=True)):
            self._fresh = (0, 0)
            self.housekeeping.set()

    async def _write(self, batch: list[_Pending]) -> None:
        """Until every member has an outcome or its caller has given up."""
        while batch:
            try:
                await self._attempt(batch)
            except wire.TRANSIENT as error:
                self._log.warning("publish_retry", members=len(batch), error=type(error).__name__)
                await asyncio.sleep(_RETRY_PAUSE)
            except nats.errors.Error as error:
                for pending in batch:
                    _fail(pending, wire.from_foreign(error))
            now = asyncio.get_running_loop().time()
            batch = [p for p in batch if not p.done.done() and p.deadline > now]

    async def _attempt(self, batch: list[_Pending]) -> None:
        if len(batch) <= _ALONE:
            await asyncio.gather(*(self._alone(pending) for pending in batch))
            return
        messages = [pending.message for pending in batch]
        ack = await wire.send_batch(self._client, uuid.uuid4().hex, messages, self._attempt_timeout)
        if ack.error is None:
            first = ack.seq - len(batch) + 1
            for offset, pending in enumerate(batch):
                _finish(pending, Receipt(first + offset, False))
            return
        if ack.error.err_code != wire.BATCH_DUPLICATE:
            self._log.warning("batch_refused", code=ack.error.err_code, members=len(batch))
        await asyncio.gather(*(self._alone(pending) for pending in batch))

    async def _alone(self, pending: _Pending) -> None:
        try:
            ack = await wire.send_one(self._client, pending.message, self._attempt_timeout)
        except nats.errors.MaxPayloadError as error:
            _fail(pending, wire.from_foreign(error))
            return
        if ack.error is None:
            _finish(pending, Receipt(ack.seq, ack.duplicate))
            return
        if ack.error.err_code == wire.FULL:
            self.housekeeping.set()
        _fail(pending, wire.publish_error(ack.error))


def _finish(pending: _Pending, receipt: Receipt) -> None:
    if not pending.done.done():
        pending.done.set_result(receipt)


def _fail(pending: _Pending, error: BusError) -> None:
    if not pending.done.done():
        pending.done.set_exception(error)
