"""`nsq`: messages of an NSQ topic.

Payload `{body, timestamp, nsqdAddress, metadata?}`. nsqlookupd is asked every minute which nsqds
have the topic, and each gets a connection. A message is finished once it is durable on the bus;
until then it is touched, so that it does not come again. The event's id comes from the nsqd, the
message's name and content.

Reading goes on while the bus is away, because nsqd closes connections that leave its heartbeats
unanswered; what it sends is bounded by what we ask for.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from dataclasses import dataclass

from crds import decode
from crds.eventsource_queues import NSQEventSource
from events.sources import client_tls, http_body, nsq_wire, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.nsq_wire import Connection, Message
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import WINDOW, Outcome

_NAME = re.compile(r"[.a-zA-Z0-9_-]{1,64}(#ephemeral)?\Z", re.ASCII)
_LOOK = 60.0  # seconds; also the longest pause before an nsqd that is missing is tried again
_LOOK_SOON = 1.0  # while nobody has the topic; the first pause for a missing nsqd
_TOUCH = 20.0
_NOBODY = "no nsqd has the topic yet"

Place = tuple[str, int]


class Nsq:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Consume until cancelled."""
        spec, _ = decode.decode(dict(context.spec), NSQEventSource)
        if not spec.host_address:
            raise SourceError(f"{context.path}.hostAddress", "is required")
        for name, value in (("topic", spec.topic), ("channel", spec.channel)):
            if not _NAME.match(value):
                raise SourceError(f"{context.path}.{name}", f"{value!r} is no name NSQ allows")
        client_tls.check(spec.tls, f"{context.path}.tls")

        async def session(link: Link) -> None:
            await _Consumer(link, spec).run()

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff)


@dataclass(slots=True)
class _Missing:
    """An nsqd that has the topic and no connection."""

    why: str
    failures: int
    until: float  # on the loop's clock


class _Consumer:
    """The connections to all nsqds that have the topic."""

    def __init__(self, link: Link, spec: NSQEventSource) -> None:
        self._link = link
        self._spec = spec
        self._tls: ssl.SSLContext | None = None
        self._places: list[Place] = []
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._standing: set[Place] = set()
        self._missing: dict[Place, _Missing] = {}
        self._said: str | None = None

    async def run(self) -> None:
        """Look up, connect, look again. Raises ConnectionLost when nothing is left."""
        field = f"{self._link.context.path}.tls"
        self._tls = await client_tls.context(self._link.read, self._spec.tls, field)
        try:
            while True:
                await self._look()
                self._begin()
                self._say()
                await self._wait()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _look(self) -> None:
        try:
            self._places = await nsq_wire.look_up(self._spec.host_address, self._spec.topic)
        except ConnectionLost:
            if not self._tasks:
                raise  # those we have go on without it
        for place in self._missing.keys() - set(self._places):
            del self._missing[place]

    def _begin(self) -> None:
        """Connect to those that are not connected, unless it is too soon."""
        now = asyncio.get_running_loop().time()
        for place in self._places:
            missing = self._missing.get(place)
            if place not in self._tasks and (missing is None or missing.until <= now):
                self._tasks[place] = asyncio.create_task(self._serve(place))

    def _say(self) -> None:
        """The condition: once something stands, or when there is nothing to connect to."""
        missing = [f"nsqd {_shown(place)}: {it.why}" for place, it in self._missing.items()]
        note = "; ".join(sorted(missing)) if self._places else _NOBODY
        if (self._standing or not self._places) and note != self._said:
            self._said = note
            self._link.connected(note)

    async def _wait(self) -> None:
        """Until it is time to look again, or a connection ends. Raises the last one's error."""
        tasks = set(self._tasks.values())
        if not tasks:
            await asyncio.sleep(self._pause())
            return
        await asyncio.wait(tasks, timeout=self._pause(), return_when=asyncio.FIRST_COMPLETED)
        for place, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[place]
                self._miss(place, task.exception())
                if not self._tasks:
                    task.result()

    def _pause(self) -> float:
        if not self._places:
            return _LOOK_SOON * random.uniform(0.9, 1.1)
        now = asyncio.get_running_loop().time()
        waits = [it.until - now for place, it in self._missing.items() if place not in self._tasks]
        return max(min([_LOOK * random.uniform(0.9, 1.1), *waits]), 0.01)

    def _miss(self, place: Place, error: BaseException | None) -> None:
        self._standing.discard(place)
        last = self._missing.get(place)
        failures = last.failures + 1 if last else 1
        pause = min(_LOOK_SOON * 2 ** min(failures - 1, 16), _LOOK) * random.uniform(0.9, 1.1)
        why = str(error) or type(error).__name__
        now = asyncio.get_running_loop().time()
        self._missing[place] = _Missing(why, failures, now + pause)

    async def _serve(self, place: Place) -> None:
        """One nsqd, until its connection ends."""
        connection = await Connection.open(*place, self._tls)
        held: set[bytes] = set()
        arrived: asyncio.Queue[Message] = asyncio.Queue(WINDOW)
        try:
            share = max(WINDOW // max(len(self._places), 1), 1)
            await connection.subscribe(self._spec.topic, self._spec.channel, share)
            self._standing.add(place)
            self._missing.pop(place, None)
            self._say()
            async with asyncio.TaskGroup() as group:
                group.create_task(_read(connection, held, arrived))
                group.create_task(_touch(connection, held))
                group.create_task(self._pass_on(place, connection, held, arrived))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            await connection.close()

    async def _pass_on(
        self,
        place: Place,
        connection: Connection,
        held: set[bytes],
        arrived: asyncio.Queue[Message],
    ) -> None:
        while True:
            await self._take(place, connection, held, await arrived.get())

    async def _take(
        self, place: Place, connection: Connection, held: set[bytes], message: Message
    ) -> None:
        async def settled(outcome: Outcome) -> None:
            held.discard(message.name)
            connection.finish(message.name)

        context = self._link.context
        address = _shown(place)
        try:
            body = queue_payload.body(message.body, json_body=self._spec.json_body)
        except http_body.BadBody as error:
            self._link.relay.refuse(f"the body is no JSON: {error}")
            await settled(Outcome.REFUSED)
            return
        data = queue_payload.document(
            context,
            {
                "body": body,
                "timestamp": b'"%d"' % message.stamp,
                "nsqdAddress": queue_payload.text(address),
            },
        )
        name = (address, self._spec.topic, message.name, message.body)
        await self._link.relay.submit(data, queue_payload.stable_id(context, *name), settled)


async def _read(connection: Connection, held: set[bytes], arrived: asyncio.Queue[Message]) -> None:
    while True:
        message = await connection.message()
        # One that was ours for so long that nsqd gives it again is still on its way.
        if message.name not in held:
            held.add(message.name)
            await arrived.put(message)


async def _touch(connection: Connection, held: set[bytes]) -> None:
    """Keep what is in flight ours."""
    known: set[bytes] = set()
    pause = min(_TOUCH, connection.patience / 3)
    while True:
        await asyncio.sleep(pause)
        for name in held & known:  # those that were here at the last look already
            connection.touch(name)
        known = set(held)


def _shown(place: Place) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
