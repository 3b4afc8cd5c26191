"""Hooks are registered at GitHub, found again, and removed; against an HTTP server that records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from events.bus import memory
from tests import ports
from tests.events.support import serving


class FakeGithub:
    def __init__(self) -> None:
        self.hooks: dict[int, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.auth: set[str] = set()
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path))
        self.auth.add(request.headers.get("Authorization", ""))
        try:
            match request.method:
                case "GET":
                    here = [h for h in self.hooks.values() if h["place"] == request.path]
                    return web.json_response(here)
                case "POST":
                    body = await request.json()
                    number = len(self.calls)
                    self.hooks[number] = {"id": number, "place": request.path, **body}
                    return web.json_response(self.hooks[number], status=201)
                case _:
                    self.hooks.pop(int(request.path.rsplit("/", 1)[1]), None)
                    return web.Response(status=204)
        finally:
            self.changed.set()
            self.changed = asyncio.Event()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(40):
            while len(self.hooks) != count:
                await self.changed.wait()


@pytest.fixture
async def github() -> AsyncIterator[tuple[FakeGithub, str]]:
    fake = FakeGithub()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    port = ports.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield fake, f"http://127.0.0.1:{port}"
    await runner.cleanup()


SECRETS = {"gh": {"token": "tok\n", "hook": "hush"}}


def spec(base: str) -> dict[str, Any]:
    return {
        "repositories": [{"owner": "acme", "names": ["shop", "till"]}],
        "events": ["push"],
        "active": True,
        "contentType": "form",
        "githubBaseURL": base,
        "githubUploadURL": base,
        "apiToken": {"name": "gh", "key": "token"},
        "webhookSecret": {"name": "gh", "key": "hook"},
        "deleteHookOnFinish": True,
        "webhook": {
            "endpoint": "/gh",
            "port": str(ports.free_port()),
            "url": "https://hooks.example.com/",
        },
    }


async def test_hooks_are_made_once_and_removed_in_the_end(
    github: tuple[FakeGithub, str],
) -> None:
    fake, base = github
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", spec(base))
        await fake.until(2)
        made = list(fake.hooks.values())
        assert {hook["config"]["url"] for hook in made} == {"https://hooks.example.com/gh"}
        assert made[0]["config"] == {
            "url": "https://hooks.example.com/gh",
            "content_type": "form",
            "insecure_ssl": "0",
            "secret": "hush",
        }
        assert fake.auth == {"Bearer tok"}
        assert ("POST", "/api/v3/repos/acme/till/hooks") in fake.calls
        await served.stop()
    assert fake.hooks == {}


async def test_a_hook_that_is_there_is_not_made_again(github: tuple[FakeGithub, str]) -> None:
    fake, base = github
    wanted = spec(base) | {"deleteHookOnFinish": False, "organizations": ["acme"]}
    del wanted["repositories"]
    config = {"url": "https://hooks.example.com/gh"}
    place = "/api/v3/orgs/acme/hooks"
    fake.hooks[7] = {"id": 7, "place": place, "events": ["push"], "config": config}
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", wanted)
        async with asyncio.timeout(40):
            while not fake.calls:
                await fake.changed.wait()
        await served.stop()
    assert fake.calls == [("GET", "/api/v3/orgs/acme/hooks")]
