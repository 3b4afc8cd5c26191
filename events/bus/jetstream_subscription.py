"""`Subscription` on JetStream: a durable consumer that is made again when it was deleted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import nats.errors
from nats.js import JetStreamContext
from nats.js import api as js_api
from nats.js.errors import NotFoundError

from events.bus import jetstream_pull
from events.bus import jetstream_wire as wire
from events.bus.contract import BusUnavailable, Delivered
from events.bus.nats_link import LinkDown, NatsLink
from kube.service import answered

_WINDOW = 256


@dataclass(frozen=True, slots=True)
class StreamAccess:
    """A stream and the two connections to its server: one manages, one carries messages.
    `reconnected` waits until the first is there; it raises BusUnavailable."""

    context: JetStreamContext
    link: NatsLink
    stream: str
    reconnected: Callable[[], Awaitable[None]]


class JetStreamSubscription:
    """`Subscription` as a durable pull consumer."""

    def __init__(
        self, access: StreamAccess, durable: str, subjects: tuple[str, ...], ack_wait: float
    ) -> None:
        self._access = access
        self._durable = durable
        self._subjects = subjects
        self._ack_wait = ack_wait
        self._pull: jetstream_pull.Pull | None = None
        self._newest = 0
        self.on_close: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Make or find the consumer and begin receiving."""
        access = self._access
        config = js_api.ConsumerConfig(
            durable_name=self._durable,
            deliver_policy=js_api.DeliverPolicy.NEW,
            ack_policy=js_api.AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            max_ack_pending=4 * _WINDOW,
            filter_subjects=list(self._subjects) or None,
        )
        await access.reconnected()
        if self._newest:  # it was deleted under us: go on where we were, not at what is new
            config.deliver_policy = js_api.DeliverPolicy.BY_START_SEQUENCE
            config.opt_start_seq = self._newest
        try:
            try:
                known = await answered(access.context.consumer_info(access.stream, self._durable))
                config.deliver_policy = known.config.deliver_policy
                config.opt_start_seq = known.config.opt_start_seq
            except NotFoundError:
                pass
            await answered(access.context.add_consumer(access.stream, config))
        except (*wire.TRANSIENT, nats.errors.Error) as error:
            raise wire.from_foreign(error) from error
        if self._pull is not None:
            self._pull.close()
        self._pull = jetstream_pull.Pull(access.link, access.stream, self._durable, _WINDOW)
        self._pull.open()

    def renew(self) -> None:
        """Ask again after a reconnect."""
        if self._pull is not None:
            self._pull.renew()

    async def next(self) -> Delivered:
        """See `Subscription.next`."""
        while True:
            found = await self._pull.next() if self._pull is not None else None
            if found is not None:
                self._newest = max(self._newest, found.sequence)
                return found
            try:
                await self.open()
            except BusUnavailable:
                await asyncio.sleep(0.2)

    def ack(self, delivered: Delivered) -> None:
        """See `Subscription.ack`."""
        self._answer(delivered, b"+ACK")

    def nak(self, delivered: Delivered, delay: float) -> None:
        """See `Subscription.nak`."""
        self._answer(delivered, b'-NAK {"delay": %d}' % max(0, int(delay * 1e9)))

    def progress(self, delivered: Delivered) -> None:
        """See `Subscription.progress`."""
        self._answer(delivered, b"+WPI")

    async def close(self) -> None:
        """See `Subscription.close`."""
        self.on_close()
        if self._pull is not None:
            self._pull.close()

    def _answer(self, delivered: Delivered, body: bytes) -> None:
        with contextlib.suppress(LinkDown):  # a lost answer only causes a redelivery
            self._access.link.publish(delivered.reply, body)
