"""The thin NATS connection: its wire format from any pieces, and a real server that refuses,
encrypts, is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from events.bus import nats_frames
from events.bus.contract import BusMisconfigured, MessageTooLarge
from events.bus.jetstream_publish import Costs
from events.bus.nats_frames import Frame, NatsFrames
from events.bus.nats_link import LinkDown, Login, NatsLink
from headrace.local.nats import NatsServer
from tests.events.sources.test_nats import running

WIRE = (
    b'INFO {"max_payload":1024}\r\n'
    b"MSG a.b 3 5\r\nhello\r\n"
    b"PING\r\n"
    b"MSG a.b 3 reply.to 0\r\n\r\n"
    b"HMSG a.b 3 in.box 24 29\r\nNATS/1.0\r\nA: b\r\nC: d\r\n\r\n1\r\n23\r\n"
    b"+OK\r\n"
    b"HMSG a 4 32 32\r\nNATS/1.0 408 Request Timeout\r\n\r\n\r\n"
)


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True


def reader() -> tuple[NatsFrames, Wire, list[tuple[int, Frame]]]:
    frames, transport, found = NatsFrames(), Wire(), []
    frames.connection_made(transport)
    frames.deliver = lambda number, frame: found.append((number, frame))
    return frames, transport, found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_frames_arrive_whole_however_the_bytes_are_cut(size: int) -> None:
    frames, transport, found = reader()
    for at in range(0, len(WIRE), size):
        frames.data_received(WIRE[at : at + size])
    assert [number for number, _ in found] == [3, 3, 3, 4]
    assert found[0][1].data == b"hello"
    assert found[1][1].reply == "reply.to"
    assert nats_frames.fields(found[2][1].head) == {"A": "b", "C": "d"}
    assert found[2][1].data == b"1\r\n23"
    assert nats_frames.status(found[3][1]) == "408"
    assert nats_frames.fields(found[3][1].head) == {"Description": "Request Timeout"}
    assert frames.info.result() == {"max_payload": 1024}
    assert transport.written == b"PONG\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"MSG a 1 nonsense\r\n",
        b"MSG a 1 -5\r\n",
        b"HMSG a 1 9 4\r\n",
        b"MSG a 1 999999999999\r\n",
        b"INFO {\r\n",
        b"-ERR 'Authorization Violation'\r\n",
        b"x" * (1 << 20) + b"x",
    ],
)
async def test_what_is_no_frame_ends_the_connection(wire: bytes) -> None:
    frames, transport, found = reader()
    waiting = frames.pong()
    frames.data_received(wire)
    assert transport.aborted
    assert not found
    with pytest.raises(ConnectionError):
        await waiting
    assert frames.info.exception() is not None


async def test_a_missing_permission_concerns_one_subject_only() -> None:
    frames, transport, _ = reader()
    frames.data_received(b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n")
    assert not transport.aborted
    frames.connection_lost(None)


def test_a_header_cannot_hold_a_line_break() -> None:
    for value in ("a\r\nb", "a\nb", "a\rb"):
        with pytest.raises(ValueError, match="line break"):
            nats_frames.header_text({"X": value})


def login(server: NatsServer, password: str | None = None) -> Login:
    known = server.password if password is None else password
    return Login(server.url, None, server.user, known, "")


async def echoing(link: NatsLink) -> None:
    link.subscribe("echo", lambda frame: link.publish(frame.reply, frame.data))


async def test_requests_are_answered_and_known_after_the_server_was_killed(
    nats_server: NatsServer,
) -> None:
    link = NatsLink(lambda: login(nats_server))
    await link.start()
    await echoing(link)
    assert (await link.request("echo", b"one", {}, 5.0)).data == b"one"
    os.kill(nats_server.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while link.connected:
            await asyncio.sleep(0.01)
        with pytest.raises(LinkDown):
            link.publish("echo", b"nobody")
        while not link.connected:
            await asyncio.sleep(0.01)
    assert (await link.request("echo", b"two", {}, 5.0)).data == b"two"
    await link.stop()


async def test_what_waits_when_the_connection_is_lost_fails_at_once(
    nats_server: NatsServer,
) -> None:
    link = NatsLink(lambda: login(nats_server))
    await link.start()
    link.subscribe("silent", lambda frame: None)
    waiting = link.request("silent", b"", {}, 50.0)
    os.kill(nats_server.pid, signal.SIGKILL)
    with pytest.raises(LinkDown):
        await waiting
    await link.stop()


async def test_a_request_nobody_answers(nats_server: NatsServer) -> None:
    link = NatsLink(lambda: login(nats_server))
    await link.start()
    link.subscribe("silent", lambda frame: None)
    with pytest.raises(TimeoutError):
        await link.request("silent", b"", {}, 0.01)
    with pytest.raises(LinkDown, match="nobody"):
        await link.request("deserted", b"", {}, 5.0)
    with pytest.raises(MessageTooLarge):
        link.request("silent", b"x" * (9 << 20), {}, 5.0)
    await link.stop()


async def test_a_rotated_password_is_used_by_the_next_connect(nats_server: NatsServer) -> None:
    passwords = ["wrong", "wrong too"]
    link = NatsLink(lambda: login(nats_server, passwords.pop(0) if passwords else None))
    await link.start()
    assert link.connected
    assert not passwords
    await link.stop()


async def test_the_connection_is_encrypted_where_the_server_asks_for_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    config = (
        f'tls {{ cert_file: "{tmp_path}/cert.pem", key_file: "{tmp_path}/key.pem" }}\n'
        'authorization { token: "t0ken" }'
    )
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with running(tmp_path, config) as broker:
        url = f"nats://127.0.0.1:{broker.port}"
        link = NatsLink(lambda: Login(url, trusting, "", "", "t0ken"))
        await link.start()
        await echoing(link)
        assert (await link.request("echo", b"secret", {}, 5.0)).data == b"secret"
        await link.stop()
        distrusting = NatsLink(lambda: Login(url, ssl.create_default_context(), "", "", "t0ken"))
        with pytest.raises(TimeoutError):
            await distrusting.start(timeout=1.0)


async def test_a_dead_server_among_several_is_passed_over(nats_server: NatsServer) -> None:
    known = login(nats_server)
    link = NatsLink(lambda: known._replace(url=f"nats://127.0.0.1:1,{known.url}"))
    await link.start()
    assert link.connected
    await link.stop()


async def test_a_url_that_is_none_is_said(nats_server: NatsServer) -> None:
    for url in ("http://127.0.0.1", "nats://:x", "nats://host:99999", ""):
        link = NatsLink(lambda url=url: login(nats_server)._replace(url=url))  # type: ignore[misc]
        with pytest.raises(BusMisconfigured, match="URL"):
            await link.start()


def test_a_batch_is_worth_its_while_sooner_where_it_is_cheap() -> None:
    slow, quick = Costs(), Costs()
    for _ in range(100):
        slow.alone(4, 0.0012)
        slow.together(50, 0.0043 + 50 * 25e-6)
        quick.alone(4, 0.0012)
        quick.together(50, 0.0009 + 50 * 25e-6)
    assert slow.cheaper_alone(12)
    assert not slow.cheaper_alone(17)
    assert quick.cheaper_alone(3)
    assert not quick.cheaper_alone(4)
    assert quick.cheaper_alone(1)
