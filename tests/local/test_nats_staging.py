"""Batches are staged in memory: links for new streams and after a kill, nothing of others used."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js import api as js_api

from events.bus import jetstream_wire as wire
from events.bus.nats_link import Login, NatsLink
from headrace.local.nats import NatsServer, NatsSettings
from headrace.local.nats_staging import Staging

needs_memory = pytest.mark.skipif(
    not Path("/dev/shm").is_dir(), reason="this system has no tmpfs at /dev/shm"
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    started = NatsServer(NatsSettings(tmp_path / "nats"))
    await started.start()
    yield started
    await started.stop()


async def add_stream(client: Client, name: str) -> None:
    config = js_api.StreamConfig(name=name, subjects=[f"{name}.*"], allow_atomic=True)
    await client.jetstream().add_stream(config)


async def write_batch(link: NatsLink, name: str, count: int) -> None:
    messages = [wire.Wire(f"{name}.a", b"x", {}) for _ in range(count)]
    answer = await wire.send_batch(link, os.urandom(8).hex(), messages, 5.0)
    assert wire.ack_of(answer).error is None


def staged_at(server: NatsServer, name: str) -> Path:
    return server._settings.data_dir / "store/jetstream/$G/streams" / name / "batches"


async def linked(place: Path) -> Path:
    async with asyncio.timeout(20):
        while not place.is_symlink():
            await asyncio.sleep(0.02)
    return place.readlink()


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    opened = await nats.connect(server.url, user=server.user, password=server.password)
    yield opened
    await opened.close()


@pytest.fixture
async def link(server: NatsServer) -> AsyncIterator[NatsLink]:
    opened = NatsLink(lambda: Login(server.url, None, server.user, server.password, ""))
    await opened.start()
    yield opened
    await opened.stop()


@needs_memory
async def test_a_new_stream_stages_in_memory_and_its_messages_lie_on_disk(
    server: NatsServer, client: Client, link: NatsLink
) -> None:
    await add_stream(client, "s")
    folder = await linked(staged_at(server, "s"))
    assert folder.is_relative_to("/dev/shm")
    await write_batch(link, "s", 20)
    assert (await client.jetstream().stream_info("s")).state.messages == 20
    blocks = staged_at(server, "s").parent / "msgs"
    assert any(b.stat().st_size for b in blocks.glob("*.blk"))


@needs_memory
async def test_after_a_kill_the_batches_are_kept_and_staged_in_memory_again(
    server: NatsServer, link: NatsLink
) -> None:
    client = await nats.connect(server.url, user=server.user, password=server.password)
    await add_stream(client, "s")
    await client.close()
    folder = await linked(staged_at(server, "s"))
    await write_batch(link, "s", 20)
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    async with asyncio.timeout(20):
        while server.pid in (0, killed) or not server.restarts or not link.connected:
            await asyncio.sleep(0.01)
    assert await linked(staged_at(server, "s")) == folder
    await write_batch(link, "s", 20)
    client = await nats.connect(server.url, user=server.user, password=server.password)
    assert (await client.jetstream().stream_info("s")).state.messages == 40
    await client.close()
    await server.stop()
    assert not folder.parent.exists()


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "store", memory=tmp_path)
    staging._folder.mkdir()
    staging._folder.chmod(0o777)
    staging.prepare()
    assert not staging.usable


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "store", memory=tmp_path)
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o700)
    (target / "precious").mkdir()
    staging._folder.symlink_to(target)
    staging.prepare()
    assert not staging.usable
    assert (target / "precious").is_dir()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "store", memory=tmp_path)
    (staging._folder / "left").mkdir(parents=True)
    staging._folder.chmod(0o700)
    staging.prepare()
    assert staging.usable
    assert not list(staging._folder.iterdir())


def test_a_stream_that_stages_a_batch_right_now_is_left_alone(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "store", memory=tmp_path)
    staging.prepare()
    place = tmp_path / "store/jetstream/$G/streams/s/batches"
    (place / "under-way").mkdir(parents=True)
    staging.link()
    assert not place.is_symlink()
    (place / "under-way").rmdir()
    staging.link()
    assert place.is_symlink()
    staging.remove()
