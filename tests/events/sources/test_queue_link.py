"""Connections that are kept: outages longer than the attempts, moments that do not count, Secrets.

Excluded: the brokers; each source has tests of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from crds.events_shared import Backoff
from events.secrets import MissingValue
from events.sources import queue_link
from events.sources.contract import SourceContext, SourceError
from events.sources.queue_link import ConnectionLost, Link, Pauses, Session
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

QUICK = Backoff(duration="1ms", factor=1, jitter=0, steps=3)


class Conditions:
    """What a source says of itself, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, note: str = "", lost: SourceError | None = None) -> None:
        self.said.append(f"serving {note}" if lost is None else f"{lost.reason} {lost}")

    def has(self, words: str) -> bool:
        return any(words in text for text in self.said)


@asynccontextmanager
async def kept(
    session: Session, conditions: Conditions, bus: WatchedBus, *, lossy: bool = False
) -> AsyncIterator[asyncio.Task[None]]:
    async with serving({"s": {"k": "v"}}) as served:
        context = SourceContext(
            "argo", "src", "e", "nats", "spec.nats.e", {}, bus, "p", served.services, None
        )
        work = queue_link.keep(context, conditions, session, backoff=QUICK, lossy=lossy)
        task = asyncio.create_task(work)
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Script:
    """A broker: each connection does the next of `acts`, the last one again and again."""

    def __init__(self, *acts: str) -> None:
        self.acts = list(acts)
        self.count = 0

    async def __call__(self, link: Link) -> None:
        self.count += 1
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        match act:
            case "away":
                raise ConnectionLost("nobody is there")
            case "forbidden":
                raise SourceError("spec.nats.e.auth", "refused", "Forbidden")
            case "no secret":
                raise MissingValue("spec.nats.e.auth.token", "Secret 's' does not exist")
        link.connected()
        if act == "is cancelled":
            raise asyncio.CancelledError
        if act == "drops":
            raise ConnectionLost("it went")
        await asyncio.Event().wait()


@pytest.mark.parametrize("act", ["away", "forbidden", "no secret"])
async def test_a_first_connection_that_fails_ends_the_event(act: str) -> None:
    script = Script(act)
    async with kept(script, Conditions(), WatchedBus()) as task:
        with pytest.raises((SourceError, MissingValue), match=r"spec\.nats\.e"):
            await asyncio.wait_for(task, 10)
    assert script.count == (3 if act == "away" else 1)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("away", "Unavailable spec.nats.e: nobody is there"),
        ("forbidden", "Forbidden spec.nats.e.auth: refused"),
        ("no secret", "InvalidSpec spec.nats.e.auth.token: Secret 's' does not exist"),
    ],
)
async def test_a_later_outage_of_any_length_is_the_condition_and_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, act: str, said: str
) -> None:
    monkeypatch.setattr(queue_link, "_LONGEST_AWAY", 0.001)
    conditions, script = Conditions(), Script("drops", *[act] * 20, "stays")
    async with kept(script, conditions, WatchedBus()):
        await eventually(lambda: script.count == 22)
        await eventually(lambda: conditions.said[-1] == "serving ")
    assert conditions.said[:2] == ["serving ", "serving reconnecting: it went"]
    assert said in conditions.said


async def test_messages_in_flight_outlive_an_outage_of_broker_and_bus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_link, "_LONGEST_AWAY", 0.001)
    monkeypatch.setattr(queue_link, "_DRAIN", 0.0)
    bus, conditions = WatchedBus(), Conditions()
    script = Script("stays")
    lost = asyncio.Event()

    async def session(link: Link) -> None:
        if script.count == 0:
            script.count = 1
            link.connected()
            await link.relay.submit(b'{"n":1}', "one")
        elif lost.is_set():
            link.connected()
            await asyncio.Event().wait()
        raise ConnectionLost("away")

    bus.away = True
    async with kept(session, conditions, bus, lossy=True):
        await eventually(lambda: conditions.has("Unavailable"))
        bus.away = False
        lost.set()
        await bus.holds(1)
    assert bus.data() == [{"n": 1}]


async def test_a_connection_that_stands_for_a_moment_only_is_made_again_ever_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = list[int]()

    def length(self: Pauses, attempt: int) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr(Pauses, "length", length)
    script = Script("drops")
    async with kept(script, Conditions(), WatchedBus()):
        await eventually(lambda: script.count >= 4)
    assert attempts[:4] == [1, 2, 3, 4]


async def test_a_connection_that_stood_for_long_is_made_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_link, "_STEADY", -1.0)
    attempts = list[int]()

    def length(self: Pauses, attempt: int) -> float:
        attempts.append(attempt)
        return 0.0

    monkeypatch.setattr(Pauses, "length", length)
    script = Script("drops")
    async with kept(script, Conditions(), WatchedBus()):
        await eventually(lambda: script.count >= 4)
    assert attempts[:4] == [1, 1, 1, 1]


async def test_a_cancellation_of_the_client_s_own_does_not_end_the_event() -> None:
    script, conditions = Script("is cancelled", "stays"), Conditions()
    async with kept(script, conditions, WatchedBus()):
        await eventually(lambda: script.count == 2)
    assert conditions.said == ["serving ", "serving reconnecting: the client gave up", "serving "]
