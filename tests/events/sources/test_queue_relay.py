"""The relay: order over outages of the bus, ids, refusals, and what it holds at most."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from events.bus.contract import BusFull, BusUnavailable, Message, MessageTooLarge, Receipt
from events.sources import relay_order
from events.sources.contract import SourceContext, SourceError
from events.sources.event_filter import EventFilter
from events.sources.queue_relay import WINDOW, Outcome, Relay
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving


class Shaky(WatchedBus):
    """Is away now and then, sometimes stores what it does not confirm; refuses `too large`."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def publish(self, message: Message) -> Receipt:
        if b"too large" in message.data:
            raise MessageTooLarge("too large")
        if self._chance.random() < 0.01:
            self.away = True
            asyncio.get_running_loop().call_later(0.002, setattr, self, "away", False)
        receipt = await super().publish(message)
        if self._chance.random() < 0.01:
            raise self._chance.choice((BusUnavailable("unheard"), BusFull("unheard")))
        return receipt


@asynccontextmanager
async def relaying(bus: WatchedBus, said: list[str], expression: str = "") -> AsyncIterator[Relay]:
    def signal(note: str = "", lost: SourceError | None = None) -> None:
        said.append(note)

    async with serving({}) as served:
        passing = EventFilter(expression) if expression else None
        context = SourceContext(
            "argo", "src", "e", "nats", "spec.nats.e", {}, bus, "p", served.services, passing
        )
        relay = Relay(context, signal)
        yield relay
        await relay.close()


@pytest.mark.parametrize("seed", range(5))
async def test_the_order_is_kept_over_outages(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_order, "_FIRST", 0.0)
    monkeypatch.setattr(relay_order, "_JITTER", 0.0)
    bus, said = Shaky(random.Random(seed)), list[str]()
    settled = list[Outcome]()

    async def done(outcome: Outcome) -> None:
        settled.append(outcome)

    async with relaying(bus, said, "keep") as relay:
        for n in range(2000):
            keep = b"true" if n % 7 else b"false"
            what = b'"too large"' if n % 501 == 500 else b"%d" % n
            data = b'{"n":%b,"keep":%b}' % (what, keep)
            await relay.submit(data, f"id-{n}", done)
        await bus.until(lambda: len(settled) == 2000)
    kept = [n for n in range(2000) if n % 7 and n % 501 != 500]
    assert [json.loads(e.data)["n"] for e in bus.events()] == kept
    assert settled.count(Outcome.REFUSED) == 2
    assert said == ["1 refused so far, lately: larger than the bus accepts"]


async def test_a_known_id_of_another_message_gets_the_fresh_one() -> None:
    bus, settled = WatchedBus(), list[Outcome]()

    async def done(outcome: Outcome) -> None:
        settled.append(outcome)

    async with relaying(bus, []) as relay:
        await relay.submit(b'{"n":1}', "same", done)
        await relay.submit(b'{"n":2}', "same", done, fresh="other")
        await relay.submit(b'{"n":3}', "same", done)
        await bus.until(lambda: len(settled) == 3)
    assert [e.id for e in bus.events()] == ["same", "other"]
    assert sorted(settled) == [Outcome.KNOWN, Outcome.STORED, Outcome.STORED]


async def test_an_id_that_may_be_our_own_is_not_exchanged() -> None:
    """It was stored and not confirmed: the fresh id would make a second event of it."""

    class Unheard(WatchedBus):
        async def publish(self, message: Message) -> Receipt:
            receipt = await super().publish(message)
            if len(self.attempts) == 1:
                raise BusUnavailable("the answer was lost")
            return receipt

    bus, settled = Unheard(), list[Outcome]()

    async def done(outcome: Outcome) -> None:
        settled.append(outcome)

    async with relaying(bus, []) as relay:
        await relay.submit(b'{"n":1}', "one", done, fresh="other")
        await bus.until(lambda: bool(settled))
    assert (settled, [e.id for e in bus.events()]) == ([Outcome.KNOWN], ["one"])


async def test_no_more_is_held_than_the_window() -> None:
    bus = WatchedBus()
    async with relaying(bus, []) as relay:
        bus.away = True
        for n in range(WINDOW):
            await relay.submit(b"{}", str(n))
        waiting = asyncio.create_task(relay.submit(b"{}", "more"))
        await bus.until(lambda: len(bus.attempts) == WINDOW)
        assert not waiting.done()
        bus.away = False
        await waiting
        await bus.holds(WINDOW + 1)


async def test_who_is_let_go_while_it_waits_does_not_hold_the_others() -> None:
    bus = WatchedBus()
    turns = relay_order.Turns()
    await turns.begin(0)
    turns.end(0, taken=False)
    first, second = (asyncio.create_task(turns.begin(n)) for n in (0, 1))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    turns.end(0, taken=None)
    await asyncio.wait_for(second, 5)
    turns.end(1, taken=True)
    await turns.begin(2)  # at once: nothing is away any more
    assert not bus.attempts
