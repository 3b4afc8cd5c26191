"""Hooks are registered at GitHub, found again, and removed; against an HTTP server that records."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from events.bus import memory
from events.sources.contract import SourceError
from tests import ports
from tests.events.support import serving


class FakeGithub:
    def __init__(self) -> None:
        self.hooks: dict[int, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.auth: set[str] = set()
        self.changed = asyncio.Event()
        self.page = 0
        self.limited: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path))
        self.auth.add(request.headers.get("Authorization", ""))
        try:
            match request.method:
                case "GET":
                    if self.limited:
                        return web.Response(status=403, headers=self.limited)
                    here = [h for h in self.hooks.values() if h["place"] == request.path]
                    if self.page:
                        first = (int(request.query["page"]) - 1) * self.page
                        here = here[first : first + self.page]
                    return web.json_response(here)
                case "POST" if request.path.endswith("/access_tokens"):
                    return web.json_response({"token": f"inst-{len(self.calls)}"}, status=201)
                case "POST":
                    body = await request.json()
                    number = len(self.calls)
                    self.hooks[number] = {"id": number, "place": request.path, **body}
                    return web.json_response(self.hooks[number], status=201)
                case "PATCH":
                    hook = self.hooks[int(request.path.rsplit("/", 1)[1])]
                    hook |= await request.json()
                    return web.json_response(hook)
                case _:
                    self.hooks.pop(int(request.path.rsplit("/", 1)[1]), None)
                    return web.Response(status=204)
        finally:
            self.changed.set()
            self.changed = asyncio.Event()

    async def called(self, count: int) -> None:
        async with asyncio.timeout(40):
            while len(self.calls) < count:
                await self.changed.wait()

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


SECRETS = {"gh": {"token": "tok\n", "hook": "hush", "empty": ""}}


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
    del wanted["webhookSecret"]
    config = {"url": "https://hooks.example.com/gh"}
    place = "/api/v3/orgs/acme/hooks"
    fake.hooks[7] = {"id": 7, "place": place, "events": ["push"], "config": config}
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", wanted)
        await fake.called(1)
        await served.stop()
    assert fake.calls == [("GET", "/api/v3/orgs/acme/hooks")]


def one(base: str, **more: Any) -> dict[str, Any]:
    """Settings for one repository, whose hooks are left in the end."""
    return spec(base) | {
        "repositories": [{"owner": "acme", "names": ["shop"]}],
        "deleteHookOnFinish": False,
        **more,
    }


PLACE = "/api/v3/repos/acme/shop/hooks"


async def test_a_hook_with_other_events_is_changed_and_a_new_secret_is_told(
    github: tuple[FakeGithub, str],
) -> None:
    fake, base = github
    config = {"url": "https://hooks.example.com/gh", "secret": "********"}
    fake.hooks[7] = {"id": 7, "place": PLACE, "events": ["issues"], "config": config}
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", one(base))
        await fake.called(2)
        assert fake.calls[1] == ("PATCH", f"{PLACE}/7")
        assert (fake.hooks[7]["events"], fake.hooks[7]["config"]["secret"]) == (["push"], "hush")
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["gh"]["hook"] = "new"
        await served.services.secrets.refresh()
        await fake.called(4)
    assert fake.hooks[7]["config"]["secret"] == "new"
    assert list(fake.hooks) == [7]


async def test_all_pages_are_read(github: tuple[FakeGithub, str]) -> None:
    fake, base = github
    for number in range(100, 230):
        config = {"url": f"https://hooks.example.com/{number}"}
        fake.hooks[number] = {"id": number, "place": PLACE, "events": ["push"], "config": config}
    fake.hooks[229]["config"] = {"url": "https://hooks.example.com/gh"}
    fake.page = 100
    wanted = one(base)
    del wanted["webhookSecret"]
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", wanted)
        await fake.called(2)
    assert fake.calls == [("GET", PLACE)] * 2


async def test_a_restart_and_an_edit_leave_the_hooks_that_are_still_wanted(
    github: tuple[FakeGithub, str],
) -> None:
    fake, base = github
    before, after = spec(base), one(base, events=["pull_request"])
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", before, wanted=lambda: before)
        await fake.until(2)
        await served.stop()
        assert len(fake.hooks) == 2
        await served.serve(memory.MemoryBus(), "github", "gh", before, wanted=lambda: after)
        await fake.called(9)
        await served.stop()
    assert [hook["place"] for hook in fake.hooks.values()] == [PLACE]


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_an_app_asks_with_a_token_of_its_installation(
    github: tuple[FakeGithub, str],
) -> None:
    fake, base = github
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    app = {"appID": 11, "installationID": 22, "privateKey": {"name": "app", "key": "pem"}}
    wanted = spec(base) | {"githubApp": app, "deleteHookOnFinish": False}
    del wanted["apiToken"]
    async with serving({**SECRETS, "app": {"pem": pem}}) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", wanted)
        await fake.until(2)
    assert fake.calls[0] == ("POST", "/api/v3/app/installations/22/access_tokens")
    asked = [given for given in fake.auth if given.startswith("Bearer inst-")]
    assert asked == ["Bearer inst-1"]  # one token for all of them
    [assertion] = [given.removeprefix("Bearer ") for given in fake.auth if given not in asked]
    signed, _, signature = assertion.rpartition(".")
    private.public_key().verify(
        decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert json.loads(decoded(signed.partition(".")[2]))["iss"] == "11"


async def test_an_api_token_goes_before_an_app(github: tuple[FakeGithub, str]) -> None:
    fake, base = github
    app = {"appID": 11, "installationID": 22, "privateKey": {"name": "none", "key": "pem"}}
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", one(base, githubApp=app))
        await fake.until(1)
    assert fake.auth == {"Bearer tok"}


async def test_github_is_left_alone_for_as_long_as_it_says(github: tuple[FakeGithub, str]) -> None:
    fake, base = github
    fake.limited = {"Retry-After": "1800"}
    notes = list[str]()
    async with serving(SECRETS) as served:
        await served.serve(memory.MemoryBus(), "github", "gh", spec(base), notes=notes)
        await fake.called(1)
        async with asyncio.timeout(40):
            while "asked again in 1800s" not in notes[-1]:
                await asyncio.sleep(0.01)
        await served.stop()
    assert set(fake.calls) == {("GET", PLACE)}  # the other repository is not asked either
    assert "tok" not in notes[-1]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"events": []}, r"gh\.events: is required to register"),
        ({"repositories": None}, r"gh\.repositories: repositories or organizations"),
        ({"repositories": None, "repository": "shop"}, r"gh\.repositories: "),
        ({"organizations": ["acme"]}, "exclude each other"),
        ({"webhookSecret": {}}, r"gh\.webhookSecret: names no Secret"),
        ({"webhookSecret": {"name": "gh", "key": "empty"}}, r"gh\.webhookSecret: is empty"),
        ({"contentType": "xml"}, r"gh\.contentType: must be"),
        ({"githubUploadURL": ""}, "belong together"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    wanted = spec("https://x") | wrong
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=words):
            await served.serve(memory.MemoryBus(), "github", "gh", wanted)
