"""The table: one stream that keeps the last message of each subject.

Every commit names the sequence it expects to follow. A late duplicate of an unanswered commit
is therefore refused instead of overwriting something newer, and a second writer is noticed: it
moved the sequence, the next commit raises Fenced.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js import api as js_api
from nats.js.errors import NotFoundError

from events.bus import jetstream_read
from events.bus import jetstream_wire as wire
from events.bus.contract import BusError, BusUnavailable, Fenced
from events.bus.nats_link import NatsLink
from kube.service import answered

_BATCH_MESSAGES = 500
_TOMBSTONE_SECONDS = 60
_COMMIT_HEADER = "Headrace-Commit"


@dataclass(slots=True)
class _Commit:
    messages: list[wire.Wire]
    deadline: float
    done: asyncio.Future[None] = field(default_factory=asyncio.Future)


class JetStreamTable:
    """`Table` in the stream `stream`. `run` is the body of the owner's child task."""

    def __init__(
        self, context: JetStreamContext, link: NatsLink, stream: str, *, timeout: float
    ) -> None:
        self._context = context
        self._link = link
        self.stream = stream
        self._timeout = timeout
        self._queue: deque[_Commit] = deque()
        self._arrived = asyncio.Event()
        self._ready = asyncio.Event()
        self._last = -1
        self._log = structlog.get_logger("events.bus.table")

    async def commit(
        self,
        changes: Mapping[str, bytes | None],
        expiring: Mapping[str, bytes] | None = None,
        *,
        ttl: float = 0,
    ) -> None:
        """See `Table.commit`."""
        if not changes and not expiring:
            return
        deadline = asyncio.get_running_loop().time() + self._timeout
        messages = [self._wire(key, value, 0) for key, value in changes.items()]
        messages += [self._wire(key, value, ttl) for key, value in (expiring or {}).items()]
        commit = _Commit(messages, deadline)
        self._queue.append(commit)
        self._arrived.set()
        try:
            async with asyncio.timeout_at(deadline + 1.0):
                await commit.done
        except TimeoutError:
            raise BusUnavailable("the bus did not confirm a commit in time") from None

    def _wire(self, key: str, value: bytes | None, ttl: float) -> wire.Wire:
        headers = {}
        if value is None:
            headers["Nats-TTL"] = f"{_TOMBSTONE_SECONDS}s"
        elif ttl > 0:
            headers["Nats-TTL"] = f"{max(1, int(ttl))}s"
        return wire.Wire(f"{self.stream}.{key}", value or b"", headers)

    async def scan(self, pattern: str) -> AsyncIterator[tuple[str, bytes]]:
        """See `Table.scan`."""
        await self._ready.wait()
        prefix = len(self.stream) + 1
        config = js_api.ConsumerConfig(
            deliver_policy=js_api.DeliverPolicy.LAST_PER_SUBJECT,
            filter_subject=f"{self.stream}.{pattern}",
        )
        async for message in jetstream_read.read(self._context, self.stream, config):
            if message.data:
                yield message.subject[prefix:], message.data

    async def run(self) -> None:
        """Make the stream, then write commits in order for ever."""
        await self._open()
        self._ready.set()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await self._write(self._take())

    async def _open(self) -> None:
        config = js_api.StreamConfig(
            name=self.stream,
            subjects=[f"{self.stream}.>"],
            max_msgs_per_subject=1,
            storage=js_api.StorageType.FILE,
            allow_atomic=True,
            allow_msg_ttl=True,
            allow_direct=True,
        )
        while True:
            try:
                try:
                    info = await answered(self._context.stream_info(self.stream))
                except NotFoundError:
                    info = await answered(self._context.add_stream(config))
                self._last = info.state.last_seq
                return
            except nats.errors.Error as error:
                self._log.warning("table_open_retry", error=type(error).__name__)
                await asyncio.sleep(0.2)

    def _take(self) -> list[_Commit]:
        batch: list[_Commit] = []
        count = 0
        while self._queue:
            size = len(self._queue[0].messages)
            if batch and count + size > _BATCH_MESSAGES:
                break
            batch.append(self._queue.popleft())
            count += size
        return batch

    async def _write(self, batch: list[_Commit]) -> None:
        """Until stored; on giving up everything queued behind fails too (order is a promise)."""
        identity = uuid.uuid4().hex
        messages = _newest(batch)
        deadline = batch[0].deadline
        while True:
            try:
                await self._attempt(identity, messages)
            except wire.TRANSIENT as error:
                if asyncio.get_running_loop().time() >= deadline:
                    self._fail(batch, BusUnavailable("the bus did not confirm a commit in time"))
                    return
                self._log.warning("commit_retry", error=type(error).__name__)
                await asyncio.sleep(0.05)
                continue
            except BusError as error:
                self._fail(batch, error)
                return
            except nats.errors.Error as error:
                self._fail(batch, wire.from_foreign(error))
                return
            for commit in batch:
                if not commit.done.done():
                    commit.done.set_result(None)
            return

    def _fail(self, batch: list[_Commit], error: BusError) -> None:
        behind, self._queue = list(self._queue), deque()
        for commit in [*batch, *behind]:
            if not commit.done.done():
                commit.done.set_exception(error)

    async def _attempt(self, identity: str, messages: list[wire.Wire]) -> None:
        first = messages[0]
        expected = {"Nats-Expected-Last-Sequence": str(self._last)}
        last = messages[-1]
        marked = [
            wire.Wire(
                m.subject,
                m.data,
                {
                    **m.headers,
                    **(expected if m is first else {}),
                    **({_COMMIT_HEADER: identity} if m is last else {}),
                },
            )
            for m in messages
        ]
        if len(marked) == 1:
            answer = await wire.send_one(self._link, marked[0], 2.0)
        else:
            answer = await wire.send_batch(self._link, uuid.uuid4().hex, marked, 2.0)
        ack = wire.ack_of(answer)
        if ack.error is None:
            self._last = ack.seq
            return
        if ack.error.err_code != wire.WRONG_LAST_SEQUENCE:
            raise wire.publish_error(ack.error)
        await self._after_surprise(identity)

    async def _after_surprise(self, identity: str) -> None:
        """The sequence moved: either our unanswered attempt was stored, or we lost the table."""
        info = await answered(self._context.stream_info(self.stream))
        newest = info.state.last_seq
        if newest:
            try:
                message = await answered(self._context.get_msg(self.stream, newest))
            except NotFoundError:
                message = None
            if message and (message.headers or {}).get(_COMMIT_HEADER) == identity:
                self._last = newest
                return
        raise Fenced(f"table {self.stream} has another writer")


def _newest(batch: list[_Commit]) -> list[wire.Wire]:
    """The batch's messages, each key once: a later commit's value replaces an earlier one's."""
    by_subject: dict[str, wire.Wire] = {}
    for commit in batch:
        for message in commit.messages:
            by_subject.pop(message.subject, None)
            by_subject[message.subject] = message
    return list(by_subject.values())
