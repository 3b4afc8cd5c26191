"""Where requests on behalf of users may go. A real server on this machine stands for the world."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kube import egress_rules
from kube.egress import Egress, EgressDenied, EgressSettings


async def answer(request: web.Request) -> web.Response:
    if target := request.query.get("to"):
        raise web.HTTPFound(target)
    return web.Response(text="reached")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def fetch(egress: Egress, url: str) -> str:
    async with (
        aiohttp.ClientSession(connector=egress.connector()) as session,
        session.get(url) as got,
    ):
        return await got.text()


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "fe80::1%lo",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "fd20:ce::254",
        "2001:0:7f00:1::5601:5601",
    ],
)
def test_metadata_and_link_local_addresses_are_refused(address: str) -> None:
    with pytest.raises(EgressDenied):
        Egress().check("innocent.example", address, 80)


async def test_another_port_of_this_machine_may_be_reached(port: int) -> None:
    assert await fetch(Egress(), f"http://127.0.0.1:{port}/") == "reached"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "127.9.9.9",
    ],
)
async def test_own_ports_are_refused_by_any_name(port: int, host: str) -> None:
    egress = Egress(EgressSettings(own_ports=lambda: frozenset({port})))
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(egress, f"http://{host}:{port}/")
    assert "belongs to headrace" in str(refused.value)


@pytest.mark.parametrize("host", ["2852039166", "0251.0376.0251.0376", "0xa9fea9fe"])
async def test_an_address_in_an_odd_spelling_is_refused(host: str) -> None:
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(Egress(), f"http://{host}/")
    assert "link-local" in str(refused.value) or "canonical" in str(refused.value)


async def test_a_redirect_is_checked_like_the_first_request(port: int) -> None:
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(Egress(), f"http://127.0.0.1:{port}/?to=http://169.254.169.254/latest")
    assert "link-local" in str(refused.value)


async def test_an_allow_list_names_hosts_and_holds_for_written_addresses(port: int) -> None:
    egress = Egress(EgressSettings(allow=egress_rules.parse(["localhost"])))
    assert await fetch(egress, f"http://localhost:{port}/") == "reached"
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(egress, f"http://127.0.0.1:{port}/")
    assert "not in the list" in str(refused.value)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "covered"),
    [
        ("api.example.com", "API.example.com.", "192.0.2.1", 443, True),
        ("api.example.com", "api.example.com.evil.org", "192.0.2.1", 443, False),
        ("*.example.com", "a.b.example.com", "192.0.2.1", 443, True),
        ("*.example.com", "example.com", "192.0.2.1", 443, False),
        ("*.example.com", "badexample.com", "192.0.2.1", 443, False),
        ("10.0.0.0/8", "db", "10.1.2.3", 5432, True),
        ("10.0.0.0/8", "db", "11.1.2.3", 5432, False),
        ("10.0.0.0/8", "db", "::ffff:10.1.2.3", 5432, True),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7", 1, True),
        ("db:5432", "db", "10.1.2.3", 5432, True),
        ("db:5432", "db", "10.1.2.3", 5433, False),
        ("2001:db8::/32", "six", "2001:db8::1", 443, True),
        ("[2001:db8::1]:443", "six", "2001:db8::1", 443, True),
        ("[2001:db8::1]:443", "six", "2001:db8::1", 444, False),
    ],
)
def test_what_an_entry_of_the_allow_list_covers(
    entry: str, host: str, address: str, port: int, covered: bool
) -> None:
    egress = Egress(EgressSettings(allow=egress_rules.parse(["other.example, ", entry])))
    if covered:
        egress.check(host, address, port)
    else:
        with pytest.raises(EgressDenied, match="not in the list"):
            egress.check(host, address, port)


def test_an_allow_list_cannot_open_what_is_always_refused() -> None:
    egress = Egress(EgressSettings(allow=egress_rules.parse(["169.254.169.254", "0.0.0.0/0"])))
    with pytest.raises(EgressDenied, match="link-local"):
        egress.check("169.254.169.254", "169.254.169.254", 80)


@pytest.mark.parametrize(
    "entry", ["http://a.example", "10.0.0.0/40", "1.2.3", "a b", "db:", "db:0", "[::1", "*", "-a"]
)
def test_an_entry_that_is_none_is_shown(entry: str) -> None:
    with pytest.raises(egress_rules.BadRule) as caught:
        egress_rules.parse([entry])
    assert entry in str(caught.value)


async def test_names_whose_server_is_silent_hold_up_nobody_else(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, asked = threading.Event(), []
    real = socket.getaddrinfo

    def look_up(host: str, *rest: Any) -> Any:
        if host.endswith(".silent.example"):
            asked.append(host)
            silent.wait(30)
        return real("127.0.0.1" if host.endswith(".example") else host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    egress = Egress()
    waiting = [
        asyncio.create_task(egress.addresses(f"{n % 8}.silent.example", port)) for n in range(24)
    ]
    async with asyncio.timeout(20):
        while len(asked) < 8:
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(lambda: "a thread is free") == "a thread is free"
        assert await fetch(egress, f"http://quick.example:{port}/") == "reached"
    silent.set()
    assert all(found == ["127.0.0.1"] for found in await asyncio.gather(*waiting))
    assert len(asked) == 8  # one look-up for each name, whoever asks
