"""`redisStream`: entries of Redis streams, read through a consumer group.

Payload `{stream, message_id, values, metadata?}`. An entry is acknowledged (XACK) once it is
durable on the bus. Each connection first takes what was delivered before and not acknowledged,
then what is new; an entry that comes again has the same id, and the bus drops it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crds import decode
from crds.eventsource_queues import RedisStreamEventSource
from events.sources import client_tls, http_body, queue_link, queue_payload, redis_client
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import Link
from events.sources.queue_relay import Outcome, Settled

if TYPE_CHECKING:
    from redis.asyncio import Redis

GROUP = "argo-events-cg"
CONSUMER = "argo-events-worker"
_PER_READ = 10
_BLOCK_MS = 2000
_PATIENCE = 10.0
_ACK_BATCH = 256

Entry = tuple[bytes, dict[bytes, bytes]]


class RedisStream:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Read the streams until cancelled."""
        spec, _ = decode.decode(dict(context.spec), RedisStreamEventSource)
        redis_client.address(spec.host_address, context.path)
        client_tls.check(spec.tls, f"{context.path}.tls")
        if not spec.streams:
            raise SourceError(f"{context.path}.streams", "is required")
        known: set[str] = set()

        async def session(link: Link) -> None:
            async with redis_client.connected(link, spec, patience=_PATIENCE) as client:
                await _Reader(link, spec, client, known).run()

        await queue_link.keep(context, ready, session)


class _Reader:
    """One connection's work. `known` holds the streams whose group was seen before."""

    def __init__(
        self, link: Link, spec: RedisStreamEventSource, client: Redis, known: set[str]
    ) -> None:
        self._link = link
        self._spec = spec
        self._client = client
        self._known = known
        self._group = spec.consumer_group or GROUP
        self._streams = list(dict.fromkeys(spec.streams or ()))
        self._count = max(1, spec.max_msg_count_per_read or _PER_READ)
        self._acks: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    async def run(self) -> None:
        for stream in self._streams:
            await self._ensure_group(stream)
        acknowledging = asyncio.create_task(self._acknowledge())
        reading = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait(
                {acknowledging, reading}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        finally:
            for task in (acknowledging, reading):
                task.cancel()
            await asyncio.gather(acknowledging, reading, return_exceptions=True)

    async def _ensure_group(self, stream: str) -> None:
        """A new group begins with what comes from now on; one that vanished while we used it
        begins with all there is, since nobody can say what of it was seen."""
        from redis.exceptions import ResponseError

        start = "0" if stream in self._known else "$"
        try:
            await self._client.xgroup_create(stream, self._group, id=start, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._known.add(stream)

    async def _read(self) -> None:
        for name in self._streams:
            await self._take_again(name)
        self._link.connected()
        position = dict.fromkeys(self._streams, ">")
        while True:
            for stream, entries in await self._hand_out(position, self._count, _BLOCK_MS):
                await self._submit(stream, entries)

    async def _hand_out(
        self, position: Mapping[str, str], count: int, block: int | None = None
    ) -> Sequence[tuple[bytes, list[Entry]]]:
        """Entries by stream, as protocol 2 gives them."""
        client: Any = self._client
        answer = await client.xreadgroup(
            self._group, CONSUMER, dict(position), count=count, block=block
        )
        return answer or ()

    async def _take_again(self, stream: str) -> None:
        """What this consumer was given before and did not acknowledge."""
        last = "0-0"
        while True:
            answer = await self._hand_out({stream: last}, max(self._count, 100))
            entries = answer[0][1] if answer else []
            if not entries:
                return
            last = entries[-1][0].decode()
            await self._submit(stream.encode(), entries)

    async def _submit(self, stream: bytes, entries: Iterable[Entry]) -> None:
        context = self._link.context
        for name, fields in entries:
            if not fields:  # deleted from the stream since it was handed out
                self._acks.put_nowait((stream, name))
                continue
            values = http_body.marshal({_text(k): _text(v) for k, v in fields.items()})
            data = queue_payload.document(
                context,
                {
                    "stream": queue_payload.text(stream),
                    "message_id": queue_payload.text(name),
                    "values": values,
                },
            )
            place = (self._spec.host_address, str(self._spec.db or 0), stream, name)
            identity = queue_payload.stable_id(context, *place, values)
            await self._link.relay.submit(data, identity, self._settled(stream, name))

    def _settled(self, stream: bytes, name: bytes) -> Settled:
        async def settled(outcome: Outcome) -> None:
            self._acks.put_nowait((stream, name))

        return settled

    async def _acknowledge(self) -> None:
        """Answer for many entries at once. What is left when the connection ends is handed out
        again by the next one and acknowledged there."""
        while True:
            batch = [await self._acks.get()]
            with contextlib.suppress(asyncio.QueueEmpty):
                while len(batch) < _ACK_BATCH:
                    batch.append(self._acks.get_nowait())
            by_stream: dict[bytes, list[bytes]] = {}
            for stream, name in batch:
                by_stream.setdefault(stream, []).append(name)
            for stream, names in by_stream.items():
                await self._client.xack(stream, self._group, *names)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
