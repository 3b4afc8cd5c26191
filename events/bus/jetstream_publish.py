"""Group commit: what arrived while the last batch was being written goes into the next one.

With `sync_interval: always` a disk write costs the same for one message as for two hundred, so
one batch is in flight at a time and everybody who came meanwhile shares the next. Each message
keeps its own id: a batch that holds a known id is refused whole (10201), and is then sent one
by one, where the server drops just that one. A publish that got no answer is sent again with
the same id until its caller's time is over.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import structlog

from events.bus import jetstream_wire as wire
from events.bus.contract import BusError, BusUnavailable, Message, MessageTooLarge, Receipt
from events.bus.nats_frames import Frame
from events.bus.nats_link import LinkDown, NatsLink, Outcome

_BATCH_MESSAGES = 200
_BATCH_BYTES = 4 << 20
_ROOM = 8 * _BATCH_MESSAGES
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
        link: NatsLink,
        *,
        timeout: float,
        attempt_timeout: float = 2.0,
        house: tuple[int, int] = (0, 0),
    ) -> None:
        """`house`: after so many messages, or bytes, `housekeeping` is set (0: never)."""
        self._link = link
        self._timeout = timeout
        self._attempt_timeout = attempt_timeout
        self._queue: deque[_Pending] = deque()
        self._open: deque[_Pending] = deque()  # in the order of their deadlines
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self._costs = Costs()
        self._away = False
        self._writing = False  # something is on its way to the server
        self._log = structlog.get_logger("events.bus.publish")
        self._house = house
        self._fresh = (0, 0)  # messages and bytes since housekeeping was set
        self.housekeeping: asyncio.Event = asyncio.Event()

    def publish(self, message: Message) -> Awaitable[Receipt]:
        """See `Bus.publish`. A future, at once, unless too many wait (back-pressure)."""
        if len(self._queue) < _ROOM:
            return self._enqueue(message, self._timeout)
        return self._when_there_is_room(message)

    async def run(self) -> None:
        """Write batches for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue and not self._writing:
                batch = self._take()
                self._room.set()
                self._count(batch)
                self._writing = True
                try:
                    await self._write(batch)
                finally:
                    self._writing = False

    def _enqueue(self, message: Message, patience: float) -> asyncio.Future[Receipt]:
        loop = asyncio.get_running_loop()
        headers = {**message.headers, "Nats-Msg-Id": message.id}
        pending = _Pending(
            wire.Wire(message.subject, message.data, headers), loop.time() + patience
        )
        self._open.append(pending)
        if not self._queue and not self._writing and not self._away:
            self._writing = self._at_once(pending)
        else:
            self._queue.append(pending)
            self._arrived.set()
        if self._sweep is None:
            self._sweep = loop.call_at(pending.deadline, self._expire)
        return pending.done

    def _at_once(self, pending: _Pending) -> bool:
        """Send the one that nobody waits beside, here and now; whether it is on its way."""
        message = pending.message
        began = asyncio.get_running_loop().time()

        def answered(outcome: Outcome) -> None:
            self._writing = False
            if isinstance(outcome, Frame):
                self._costs.alone(1, asyncio.get_running_loop().time() - began)
                self._acknowledged(pending, outcome)
            else:
                self._queue.appendleft(pending)  # `run` tries again, and says so
            if self._queue:
                self._arrived.set()

        try:
            self._link.ask(
                message.subject, message.data, message.headers, self._attempt_timeout, answered
            )
        except MessageTooLarge as error:
            _fail(pending, error)
        except LinkDown:
            self._queue.append(pending)
            self._arrived.set()
        else:
            self._count([pending])
            return True
        return False

    async def _when_there_is_room(self, message: Message) -> Receipt:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                while len(self._queue) >= _ROOM:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            raise BusUnavailable("the bus did not confirm the message in time") from None
        return await self._enqueue(message, deadline - loop.time())

    def _expire(self) -> None:
        """Fail what is over its time; come again when the next one is."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._open and (self._open[0].done.done() or self._open[0].deadline <= loop.time()):
            _fail(
                self._open.popleft(), BusUnavailable("the bus did not confirm the message in time")
            )
        if self._open:
            self._sweep = loop.call_at(self._open[0].deadline, self._expire)

    def _take(self) -> list[_Pending]:
        batch: list[_Pending] = []
        size = 0
        while self._queue and len(batch) < _BATCH_MESSAGES and size < _BATCH_BYTES:
            pending = self._queue.popleft()
            if pending.done.done():
                continue
            batch.append(pending)
            size += len(pending.message.data)
        while self._open and self._open[0].done.done():
            self._open.popleft()
        return batch

    def _count(self, batch: Sequence[_Pending]) -> None:
        messages = self._fresh[0] + len(batch)
        size = self._fresh[1] + sum(len(pending.message.data) for pending in batch)
        self._fresh = (messages, size)
        if any(0 < most <= now for most, now in zip(self._house, self._fresh, strict=True)):
            self._fresh = (0, 0)
            self.housekeeping.set()

    async def _write(self, batch: list[_Pending]) -> None:
        """Until every member has an outcome, or its time is over."""
        while batch:
            try:
                await self._attempt(batch)
            except wire.TRANSIENT as error:
                if not self._away:
                    self._log.warning("bus_away", waiting=len(batch), error=type(error).__name__)
                self._away = True
                await asyncio.sleep(_RETRY_PAUSE)
            except BusError as error:
                for pending in batch:
                    _fail(pending, error)
            else:
                if self._away:
                    self._log.info("bus_back")
                self._away = False
            batch = [pending for pending in batch if not pending.done.done()]

    async def _attempt(self, batch: list[_Pending]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if self._costs.cheaper_alone(len(batch)):
            if await self._one_by_one(batch):
                self._costs.alone(len(batch), loop.time() - began)
            return
        messages = [pending.message for pending in batch]
        try:
            answer = await wire.send_batch(
                self._link, uuid.uuid4().hex, messages, self._attempt_timeout
            )
        except MessageTooLarge:  # one of them: it alone is refused
            await self._one_by_one(batch)
            return
        ack = wire.ack_of(answer)
        if ack.error is None:
            self._costs.together(len(batch), loop.time() - began)
            first = ack.seq - len(batch) + 1
            for offset, pending in enumerate(batch):
                _finish(pending, Receipt(first + offset, False))
            return
        if ack.error.err_code != wire.BATCH_DUPLICATE:
            self._log.warning("batch_refused", code=ack.error.err_code, members=len(batch))
        await self._one_by_one(batch)

    async def _one_by_one(self, batch: Sequence[_Pending]) -> bool:
        """Whether all of them were answered. Raises one of wire.TRANSIENT when one was not."""
        answers = []
        for pending in batch:
            try:
                answer = wire.send_one(self._link, pending.message, self._attempt_timeout)
            except MessageTooLarge as error:
                _fail(pending, error)
                continue
            answer.add_done_callback(functools.partial(self._answered, pending))
            answers.append(answer)
        for answer in answers:
            await asyncio.wait({answer})
        for answer in answers:
            answer.result()
        return bool(answers)

    def _answered(self, pending: _Pending, answer: asyncio.Future[Frame]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._acknowledged(pending, answer.result())

    def _acknowledged(self, pending: _Pending, answer: Frame) -> None:
        try:
            ack = wire.ack_of(answer)
        except BusError as error:
            _fail(pending, error)
            return
        if ack.error is None:
            _finish(pending, Receipt(ack.seq, ack.duplicate))
            return
        if ack.error.err_code == wire.FULL:
            self.housekeeping.set()
        _fail(pending, wire.publish_error(ack.error))


class Costs:
    """What a batch and a message by itself have cost lately: a few are quicker one by one.

    How many depends on the server's disk, and on where it stages batches, so it is measured.
    """

    _EACH = 25e-6  # seconds that each member of a batch adds
    _WEIGHT = 0.1

    def __init__(self) -> None:
        self._alone = 0.0003
        self._batch = 0.0036

    def cheaper_alone(self, count: int) -> bool:
        """Whether `count` messages are better sent one by one."""
        most = self._batch / max(self._alone - self._EACH, 1e-6)
        return count <= min(max(most, 2.0), 16.0)

    def alone(self, count: int, seconds: float) -> None:
        """`count` messages sent one by one took `seconds`."""
        self._alone += self._WEIGHT * (seconds / count - self._alone)

    def together(self, count: int, seconds: float) -> None:
        """A batch of `count` took `seconds`."""
        fixed = max(seconds - count * self._EACH, 0.0)
        self._batch += self._WEIGHT * (fixed - self._batch)


def _finish(pending: _Pending, receipt: Receipt) -> None:
    if not pending.done.done():
        pending.done.set_result(receipt)


def _fail(pending: _Pending, error: BusError) -> None:
    if not pending.done.done():
        pending.done.set_exception(error)
