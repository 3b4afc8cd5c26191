"""Where requests on behalf of users may go. A real server on this machine stands for the world."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

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
    ],
)
def test_metadata_and_link_local_addresses_are_refused(address: str) -> None:
    with pytest.raises(EgressDenied):
        Egress().check("innocent.example", address, 80)


async def test_another_port_of_this_machine_may_be_reached(port: int) -> None:
    assert await fetch(Egress(), f"http://127.0.0.1:{port}/") == "reached"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"])
async def test_own_ports_are_refused_by_any_name(port: int, host: str) -> None:
    egress = Egress(EgressSettings(own_ports=lambda: frozenset({port})))
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(egress, f"http://{host}:{port}/")
    assert "belongs to headrace" in str(refused.value)


async def test_a_redirect_is_checked_like_the_first_request(port: int) -> None:
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(Egress(), f"http://127.0.0.1:{port}/?to=http://169.254.169.254/latest")
    assert "link-local" in str(refused.value)


async def test_an_allow_list_names_hosts_and_holds_for_written_addresses(port: int) -> None:
    egress = Egress(EgressSettings(allow=frozenset({"localhost"})))
    assert await fetch(egress, f"http://localhost:{port}/") == "reached"
    with pytest.raises((aiohttp.ClientError, EgressDenied)) as refused:
        await fetch(egress, f"http://127.0.0.1:{port}/")
    assert "not in the list" in str(refused.value)
