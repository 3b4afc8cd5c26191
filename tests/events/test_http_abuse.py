"""What a webhook endpoint does with senders that lie, dawdle or flood."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from events import cloudevent
from events.bus import memory
from events.bus.contract import Message, Receipt
from events.sources import tls
from events.sources.contract import SourceError
from events.sources.http_gateway import GatewaySettings
from events.sources.http_protocol import Timeouts
from tests import ports
from tests.events.support import (
    SecretsOnly,
    Served,
    read_answer,
    request,
    serving,
)

SECRETS = {"auth": {"token": "t0ken"}}
HEAD = "POST /push HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def bus() -> memory.MemoryBus:
    return memory.MemoryBus()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    timeouts = Timeouts(head=0.3, idle=0.3, body=0.3, rate=1 << 20)
    async with serving(SECRETS, GatewaySettings(timeouts=timeouts)) as found:
        yield found


@pytest.fixture
async def port(served: Served, bus: memory.MemoryBus) -> int:
    number = ports.free_port()
    spec = {"port": str(number), "endpoint": "/push", "method": "POST", "maxPayloadSize": 1000}
    await served.serve(bus, "webhook", "push", spec)
    return number


async def raw(port: int, *parts: str | bytes, wait: float = 0.0) -> bytes:
    """Everything the server says to these bytes until it closes or is silent for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part.encode() if isinstance(part, str) else part)
            if wait:
                await asyncio.sleep(wait)
        async with asyncio.timeout(3):
            return await reader.read(1 << 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}", 400),
        (HEAD + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (HEAD + "Content-Length: +2\r\n\r\n{}", 400),
        (HEAD + "Content-Length: 0x2\r\n\r\n{}", 400),
        (HEAD + "Transfer-Encoding: gzip\r\n\r\n", 501),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX", 400),
        (HEAD + "X : y\r\n\r\n", 400),
        (HEAD + " folded: y\r\n\r\n", 400),
        (HEAD + "X: a\x00b\r\n\r\n", 400),
        ("POST /push HTTP/1.1\r\n\r\n", 400),
        ("POST /push HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        ("POST /pu%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        (HEAD + "".join(f"X-{n}: y\r\n" for n in range(200)) + "\r\n", 431),
        (HEAD + "X: " + "y" * 70_000 + "\r\n\r\n", 431),
        (HEAD + "Content-Length: 10000000000\r\n\r\n{}", 400),
        (HEAD + "Transfer-Encoding: chunked\r\n\r\n" + "fffffff\r\n", 400),
    ],
)
async def test_malformed_requests_are_refused(port: int, sent: str, status: int) -> None:
    answer = await raw(port, sent)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer


async def test_a_chunked_body_is_taken_and_capped(port: int, bus: memory.MemoryBus) -> None:
    ok = HEAD + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert b" 200 " in await raw(port, ok, '4\r\n{"a"\r\n', "3;x=y\r\n:1}\r\n", "0\r\n\r\n")
    [stored] = [cloudevent.decode(d.message.data) async for d in bus.replay()]
    assert json.loads(stored.data)["body"] == {"a": 1}
    chunk = "190\r\n" + "1" * 400 + "\r\n"
    answer = await raw(port, ok, chunk, chunk, chunk, wait=0.02)
    assert b"http: request body too large" in answer


async def test_a_head_that_never_ends_is_given_up(port: int) -> None:
    answer = await raw(port, *["POST /push HTTP/1.1\r\nHost: x\r\n", *["X: y\r\n"] * 6], wait=0.1)
    assert b" 408 " in answer


async def test_a_body_that_dawdles_is_given_up(port: int, bus: memory.MemoryBus) -> None:
    answer = await raw(port, HEAD + "Content-Length: 100\r\n\r\n", *["1"] * 8, wait=0.15)
    assert b" 408 " in answer
    assert [d async for d in bus.replay()] == []


async def test_an_idle_connection_is_closed_without_a_word(port: int) -> None:
    assert await raw(port) == b""


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    one = HEAD + "Content-Length: 2\r\n\r\n{}"
    bad = "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((one + bad + one).encode())
    answers = [await asyncio.wait_for(read_answer(reader), 3) for _ in range(3)]
    assert [a.status for a in answers] == [200, 404, 200]
    writer.close()


async def test_a_client_that_says_no_more_still_gets_its_answer(
    port: int, bus: memory.MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, told = bus.publish, asyncio.Event()

    async def late(message: Message) -> Receipt:
        await told.wait()
        return await publish(message)

    monkeypatch.setattr(bus, "publish", late)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((HEAD + "Content-Length: 2\r\n\r\n{}").encode())
    writer.write_eof()
    asyncio.get_running_loop().call_later(0.1, told.set)
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer
    writer.close()


async def test_a_body_byte_by_byte_is_taken(port: int, bus: memory.MemoryBus) -> None:
    ok = HEAD + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = "".join(f"1\r\n{char}\r\n" for char in '{"a":[1,2,3]}')
    sent = [bytes([byte]) for byte in (ok + chunks + "0\r\n\r\n").encode()]
    assert b" 200 " in await raw(port, *sent)
    [stored] = [cloudevent.decode(d.message.data) async for d in bus.replay()]
    assert json.loads(stored.data)["body"] == {"a": [1, 2, 3]}


@pytest.mark.parametrize(
    ("body", "status", "kept"),
    [
        (b'{"a":1e400}', 200, b'{"a":1e400}'),  # a number no float holds keeps its text
        (b'{"a":123456789012345678901234567890}', 200, b'{"a":123456789012345678901234567890}'),
        (b'{"a":1,"a":2}', 200, b'{"a":1,"a":2}'),
        (b'{"a":"\\ud800"}', 200, b'{"a":"\\ud800"}'),
        (b'{"a":NaN}', 400, b""),
        (b'{"a":Infinity}', 400, b""),
        (b"\x00", 400, b""),
        (b"[" * 100_000, 400, b""),
        (b"[" * 100_000 + b"]" * 100_000, 400, b""),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 400, b""),
        (gzip.compress(b'{"a":1}' * 10_000), 400, b""),  # nothing is ever unpacked
    ],
)
async def test_hostile_bodies(
    served: Served, bus: memory.MemoryBus, body: bytes, status: int, kept: bytes
) -> None:
    number = ports.free_port()
    spec = {"port": str(number), "endpoint": "/push", "method": "POST"}
    await served.serve(bus, "webhook", "push", spec)
    headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    assert (await request(number, "POST", "/push", headers, body)).status == status
    stored = [cloudevent.decode(d.message.data).data async for d in bus.replay()]
    assert [b'"body":' + kept in data for data in stored] == [True] * (status == 200)


async def test_expect_continue_is_asked_for_the_body(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((HEAD + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n").encode())
    assert await asyncio.wait_for(reader.readline(), 3) == b"HTTP/1.1 100 Continue\r\n"
    writer.write(b"{}")
    await reader.readline()
    assert (await asyncio.wait_for(read_answer(reader), 3)).status == 200
    writer.close()


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"port": "0x1", "endpoint": "/a", "method": "POST"}, "port"),
        ({"port": "99999", "endpoint": "/a", "method": "POST"}, "port"),
        ({"endpoint": "/a", "method": "POST"}, "port"),
        ({"port": "1234", "endpoint": "", "method": "POST"}, "endpoint"),
        ({"port": "1234", "endpoint": "/{x", "method": "POST"}, "endpoint"),
        ({"port": "1234", "endpoint": "/a", "maxPayloadSize": -1}, "maxPayloadSize"),
        (
            {"port": "1234", "endpoint": "/a", "authSecret": {"name": "no", "key": "k"}},
            "authSecret",
        ),
        (
            {"port": "1234", "endpoint": "/a", "authSecret": {"name": "auth", "key": "k"}},
            "authSecret",
        ),
        (
            {"port": "1234", "endpoint": "/a", "serverCertSecret": {"name": "a", "key": "k"}},
            "server",
        ),
        (
            {"port": "1234", "endpoint": "/a", "serverCertSecret": {}, "serverKeySecret": {}},
            "serverCertSecret",
        ),
    ],
)
async def test_a_wrong_endpoint_is_named_by_its_field(
    served: Served, bus: memory.MemoryBus, spec: dict[str, object], where: str
) -> None:
    with pytest.raises(SourceError, match=rf"spec\.webhook\.bad.*{where}"):
        await served.serve(bus, "webhook", "bad", spec)


async def test_two_events_share_a_port_and_the_second_owner_of_a_path_is_told(
    served: Served, bus: memory.MemoryBus, port: int
) -> None:
    other = {"port": str(port), "endpoint": "/other", "method": "POST"}
    await served.serve(bus, "webhook", "other", other)
    with pytest.raises(SourceError, match="already served by argo/hooks/push"):
        await served.serve(bus, "webhook", "again", {**other, "endpoint": "/push"})
    for path in ("/push", "/other"):
        assert (await request(port, "POST", path, (), b"{}")).status == 200


def issued(authority: trustme.CA) -> dict[str, str]:
    certificate = authority.issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems).decode()
    return {"crt": chain, "key": certificate.private_key_pem.bytes().decode()}


async def presented(port: int) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return ssl.DER_cert_to_PEM_cert(certificate)


async def test_a_renewed_certificate_is_presented_without_a_restart(
    bus: memory.MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls.Certificate.keep_fresh, "__defaults__", (0.01,))
    authority = trustme.CA()
    first, second, third = (issued(authority) for _ in range(3))
    port = ports.free_port()
    pair = {
        "serverCertSecret": {"name": "tls", "key": "crt"},
        "serverKeySecret": {"name": "tls", "key": "key"},
    }
    async with serving({"tls": first}) as served:
        for name in ("one", "two"):  # the second shares the first one's listener
            spec = {"port": str(port), "endpoint": f"/{name}", "method": "POST", **pair}
            await served.serve(bus, "webhook", name, spec)
        cluster = served.services.secrets._cluster
        assert isinstance(cluster, SecretsOnly)
        mixed = {"crt": third["crt"], "key": second["key"]}
        for given, shown in ((first, first), (second, second), (mixed, second), (third, third)):
            cluster.secrets["tls"] = given
            await served.services.secrets.refresh()
            async with asyncio.timeout(20):
                while (await presented(port)) not in shown["crt"]:
                    await asyncio.sleep(0.01)
            served.tasks[0].cancel()  # the listener lives on with the other endpoint


async def test_tls_from_secrets(bus: memory.MemoryBus) -> None:
    authority = trustme.CA()
    secrets = {"tls": issued(authority)}
    port = ports.free_port()
    spec = {
        "port": str(port),
        "endpoint": "/push",
        "method": "POST",
        "serverCertSecret": {"name": "tls", "key": "crt"},
        "serverKeySecret": {"name": "tls", "key": "key"},
    }
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with serving(secrets) as served:
        await served.serve(bus, "webhook", "push", spec)
        reader, writer = await asyncio.open_connection("localhost", port, ssl=client)
        writer.write((HEAD + "Content-Length: 2\r\n\r\n{}").encode())
        assert (await asyncio.wait_for(read_answer(reader), 3)).status == 200
        writer.close()
        await writer.wait_closed()
