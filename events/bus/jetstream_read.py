"""Reading stored messages once, in order, without leaving anything behind."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js import api as js_api

from events.bus import jetstream_wire as wire
from events.bus.contract import BusUnavailable
from kube.service import answered

_PAGE = 256
_WAIT = 5.0


async def read(
    context: JetStreamContext, stream: str, config: js_api.ConsumerConfig
) -> AsyncIterator[Msg]:
    """What a temporary consumer of `config` yields, until nothing is pending.

    Raises BusUnavailable when the server stops answering.
    """
    config.ack_policy = js_api.AckPolicy.NONE
    config.inactive_threshold = 30.0
    config.mem_storage = True
    client = context._nc
    try:
        info = await answered(context.add_consumer(stream, config))
    except (*wire.TRANSIENT, nats.errors.Error) as error:
        raise wire.from_foreign(error) from error
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, pending_bytes_limit=1 << 30)
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{info.name}"
    left = info.num_pending or 0
    try:
        while left > 0:
            page = min(left, _PAGE)
            request = {"batch": page, "no_wait": True}
            await client.publish(subject, msgspec.json.encode(request), inbox)
            while page > 0:
                message = await answered(subscription.next_msg(2 * _WAIT))
                if message.headers and "Status" in message.headers and not message.data:
                    left = 0
                    break
                page -= 1
                left = min(left - 1, wire.pending_after(message.reply))
                yield message
    except wire.TRANSIENT as error:
        raise BusUnavailable(f"reading stopped ({type(error).__name__})") from error
    finally:
        with contextlib.suppress(*wire.TRANSIENT, nats.errors.Error):
            await subscription.unsubscribe()
            await context.delete_consumer(stream, info.name)
