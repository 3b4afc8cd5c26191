"""A real nats-server is killed under the publishers: 503 or accepted, and what was accepted stays.

Excluded: the sensor side of the same faults, see test_event_to_object.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events import cloudevent
from events.bus import contract, jetstream
from events.bus.contract import Message
from headrace.local import nats as local_nats
from headrace.local.nats import NatsServer, NatsSettings, NatsUnavailable
from tests import ports
from tests.events.conftest import connection
from tests.events.support import Answer, request, serving

STREAM = "argo_default"


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[jetstream.JetStreamBus]:
    found = jetstream.JetStreamBus(connection(nats_server), STREAM)
    await found.start()
    yield found
    await found.stop()


async def kill(server: NatsServer) -> None:
    """kill -9, and wait until it is noticed."""
    restarts = server.restarts
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(40):
        while server.restarts == restarts:
            await asyncio.sleep(0.005)


async def test_events_accepted_around_kills_of_the_server_are_all_kept(
    nats_server: NatsServer, bus: jetstream.JetStreamBus
) -> None:
    answers: list[tuple[int, Answer]] = []
    port = ports.free_port()

    async def post(number: int) -> None:
        body = json.dumps({"n": number}).encode()
        answers.append((number, await request(port, "POST", "/push", (), body)))

    spec = {"port": str(port), "endpoint": "/push", "method": "POST"}
    async with serving({}) as served:
        await served.serve(bus, "webhook", "push", spec)
        for round_number in range(3):
            wave = [asyncio.create_task(post(round_number * 40 + n)) for n in range(40)]
            await asyncio.sleep(0)
            await kill(nats_server)
            await asyncio.gather(*wave)
    assert {answer.status for _, answer in answers} <= {200, 503}
    accepted = {number for number, answer in answers if answer.status == 200}
    stored = [
        json.loads(cloudevent.decode(d.message.data).data)["body"]["n"] async for d in bus.replay()
    ]
    assert accepted <= set(stored)
    assert len(accepted) > 0
    assert all(a.headers.get("retry-after") for _, a in answers if a.status == 503)


async def test_without_a_server_the_sender_is_told_to_come_again(nats_server: NatsServer) -> None:
    timing = jetstream.Timing(publish=0.3)
    bus = jetstream.JetStreamBus(connection(nats_server), STREAM, timing=timing)
    await bus.start()
    port = ports.free_port()
    spec = {"port": str(port), "endpoint": "/push", "method": "POST"}
    try:
        async with serving({}) as served:
            await served.serve(bus, "webhook", "push", spec)
            await nats_server.stop()
            answer = await request(port, "POST", "/push", (), b"{}")
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
            health = await request(port, "GET", "/health")
            assert health.body == b"OK"
    finally:
        await bus.stop()


async def test_a_subscription_goes_on_after_the_server_was_killed(
    nats_server: NatsServer, bus: jetstream.JetStreamBus
) -> None:
    subscription = await bus.subscribe("a")
    await bus.publish(Message(f"{STREAM}.s.e", "1", b"{}"))
    first = await subscription.next()
    subscription.ack(first)
    await kill(nats_server)
    await bus.publish(Message(f"{STREAM}.s.e", "2", b"{}"))
    async with asyncio.timeout(40):
        found = await subscription.next()
        while found.message.id == "1":
            found = await subscription.next()
    assert found.message.id == "2"


async def test_a_full_bus_refuses_and_drops_nothing(nats_server: NatsServer) -> None:
    limits = jetstream.StreamLimits(max_messages=5)
    bus = jetstream.JetStreamBus(connection(nats_server), STREAM, limits)
    await bus.start()
    try:
        subscription = await bus.subscribe("a")
        for number in range(5):
            await bus.publish(Message(f"{STREAM}.s.e", str(number), b"{}"))
        with pytest.raises(contract.BusFull):
            await bus.publish(Message(f"{STREAM}.s.e", "5", b"{}"))
        assert [d.message.id async for d in bus.replay()] == ["0", "1", "2", "3", "4"]
        for _ in range(5):
            subscription.ack(await subscription.next())
        async with asyncio.timeout(40):
            while True:
                try:
                    await bus.publish(Message(f"{STREAM}.s.e", "5", b"{}"))
                    break
                except contract.BusFull:
                    await asyncio.sleep(0.05)
    finally:
        await bus.stop()


async def test_too_large_a_message_is_refused_at_once(bus: jetstream.JetStreamBus) -> None:
    with pytest.raises(contract.MessageTooLarge):
        await bus.publish(Message(f"{STREAM}.s.e", "1", b"x" * (9 << 20)))


async def test_the_server_keeps_its_secrets_to_itself(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    for name in ("nats.conf", "password"):
        assert stat.S_IMODE((tmp_path / "nats" / name).stat().st_mode) == 0o600
    argv = Path(f"/proc/{nats_server.pid}/cmdline").read_bytes().decode()
    assert nats_server.password not in argv
    assert nats_server.url.startswith("nats://127.0.0.1:")


async def test_no_server_anywhere_is_one_sentence_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(local_nats, "_packaged", lambda: None)
    with pytest.raises(NatsUnavailable, match=r"headrace\[local\]"):
        await NatsServer(NatsSettings(tmp_path / "nats")).start()


async def test_a_changed_packaged_binary_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "nats-server"
    fake.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    monkeypatch.setattr(local_nats, "_packaged", lambda: fake)
    with pytest.raises(NatsUnavailable, match="sha256"):
        local_nats.find_binary(NatsSettings(tmp_path))
    assert local_nats.find_binary(NatsSettings(tmp_path, allow_unpinned=True)) == fake


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "nats-server"
    bad.write_text("#!/bin/sh\nexit 3\n")
    bad.chmod(0o755)
    with pytest.raises(NatsUnavailable, match="ended at once"):
        await NatsServer(NatsSettings(tmp_path / "n", binary=str(bad))).start()


async def test_the_server_of_a_killed_headrace_is_ended_before_a_new_one_starts(
    tmp_path: Path,
) -> None:
    first = NatsServer(NatsSettings(tmp_path / "nats"))
    await first.start()
    orphan = first.pid
    second = NatsServer(NatsSettings(tmp_path / "nats"))
    try:
        await second.start()
        assert second.pid not in (0, orphan)
        with pytest.raises(ProcessLookupError):
            os.kill(orphan, 0)
    finally:
        await first.stop()
        await second.stop()
