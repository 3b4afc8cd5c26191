"""`nsq`: messages of an NSQ topic.

Payload `{body, timestamp, nsqdAddress, metadata?}`. nsqlookupd is asked every minute which nsqds
have the topic, and each gets a connection. A message is finished once it is durable on the bus;
until then it is touched, so that it does not come again. The event's id comes from the nsqd, the
message's name and content.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re

from crds import decode
from crds.eventsource_queues import NSQEventSource
from events.sources import client_tls, http_body, nsq_wire, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.nsq_wire import Connection, Message
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import WINDOW, Outcome

_NAME = re.compile(r"[.a-zA-Z0-9_-]{1,64}(#ephemeral)?\Z", re.ASCII)
_LOOK = 60.0
_LOOK_SOON = 1.0  # seconds, while a connection is missing
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


class _Consumer:
    """The connections to all nsqds that have the topic."""

    def __init__(self, link: Link, spec: NSQEventSource) -> None:
        self._link = link
        self._spec = spec
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._note = ""

    async def run(self) -> None:
        """Look up, connect, look again. Raises ConnectionLost when nothing is left."""
        try:
            while True:
                places = await self._places()
                for place in places:
                    if place not in self._tasks:
                        self._tasks[place] = asyncio.create_task(self._serve(place))
                await self._say("" if places else _NOBODY)
                await self._wait(soon=not places)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _places(self) -> list[Place]:
        try:
            return await nsq_wire.look_up(self._spec.host_address, self._spec.topic)
        except ConnectionLost:
            if self._tasks:
                return list(self._tasks)  # those we have go on without it
            raise

    async def _say(self, note: str) -> None:
        if not self._link.is_connected and not note:
            return  # said by the first connection that stands
        if not self._link.is_connected or note != self._note:
            self._note = note
            self._link.connected(note)

    async def _wait(self, *, soon: bool) -> None:
        """Until it is time to look again: sooner when a connection is missing."""
        pause = (_LOOK_SOON if soon else _LOOK) * random.uniform(0.9, 1.1)
        tasks = set(self._tasks.values())
        if not tasks:
            await asyncio.sleep(pause)
            return
        done, _ = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        for place, task in list(self._tasks.items()):
            if task in done:
                del self._tasks[place]
                error = task.exception()
                if error is not None and not self._tasks:
                    raise error
        if done:
            await asyncio.sleep(_LOOK_SOON * random.uniform(0.9, 1.1))

    async def _serve(self, place: Place) -> None:
        """One nsqd, until its connection ends."""
        tls = await client_tls.context(
            self._link.read, self._spec.tls, f"{self._link.context.path}.tls"
        )
        connection = await Connection.open(*place, tls)
        held: set[bytes] = set()
        touching = asyncio.create_task(_touch(connection, held))
        try:
            await connection.subscribe(self._spec.topic, self._spec.channel, WINDOW)
            self._note = ""
            self._link.connected()
            while True:
                await self._take(place, connection, held, await connection.message())
        finally:
            touching.cancel()
            await connection.close()

    async def _take(
        self, place: Place, connection: Connection, held: set[bytes], message: Message
    ) -> None:
        held.add(message.name)

        async def settled(outcome: Outcome) -> None:
            held.discard(message.name)
            connection.finish(message.name)

        context = self._link.context
        address = f"{place[0]}:{place[1]}"
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


async def _touch(connection: Connection, held: set[bytes]) -> None:
    """Keep what is in flight ours."""
    known: set[bytes] = set()
    with contextlib.suppress(ConnectionError):
        while True:
            await asyncio.sleep(_TOUCH)
            for name in held & known:  # those that were here at the last look already
                connection.touch(name)
            known = set(held)
