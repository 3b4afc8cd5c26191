"""`bitbucket`: hooks at a server that records; what is wrong. Payloads: the recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.sources import bitbucket, registry
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.provider import Provider, provider
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import request, serving

SECRETS = {"bb": {"token": "tok\n", "user": "ann", "password": "hush"}}
URL = "https://hooks.example.com/bb"
PLACE = "/2.0/repositories/acme/shop/hooks"
BASIC = {
    "basic": {
        "username": {"name": "bb", "key": "user"},
        "password": {"name": "bb", "key": "password"},
    }
}


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    async with provider(lambda hooks: {"values": hooks}, id_field="uuid") as made:
        kind = registry.SourceType("bitbucket", lambda: bitbucket.Bitbucket(f"{made.url}/2.0"))
        monkeypatch.setitem(registry.SOURCES, "bitbucket", kind)
        yield made


def spec(**more: Any) -> dict[str, Any]:
    return {
        "repositories": [{"owner": "acme", "repositorySlug": "shop"}],
        "events": ["repo:push"],
        "auth": {"oauthToken": {"name": "bb", "key": "token"}},
        "webhook": {
            "endpoint": "/bb",
            "port": str(ports.free_port()),
            "url": "https://hooks.example.com",
        },
        **more,
    }


async def test_a_hook_is_made_and_removed(server: Provider) -> None:
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "bitbucket", "bb", spec(deleteHookOnFinish=True))
        await server.until(lambda: bool(server.hooks.get(PLACE)))
        [hook] = server.hooks[PLACE]
        assert (hook["url"], hook["events"], hook["active"]) == (URL, ["repo:push"], True)
        assert server.headers("authorization") == {"Bearer tok"}
        await served.stop()
    assert server.hooks[PLACE] == []


async def test_a_hook_with_other_events_is_set_right(server: Provider) -> None:
    server.hooks[PLACE] = [{"uuid": "{1}", "url": URL, "events": ["issue:created"]}]
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "bitbucket", "bb", spec(auth=BASIC))
        await server.until(lambda: bool(server.sent("PUT")))
    [hook] = server.hooks[PLACE]
    assert (hook["uuid"], hook["events"]) == ("{1}", ["repo:push"])
    assert server.headers("authorization") == {"Basic YW5uOmh1c2g="}


async def test_the_token_goes_nowhere_else(server: Provider) -> None:
    server.page = lambda hooks: {"values": hooks, "next": "http://127.0.0.1:1/steal"}
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "bitbucket", "bb", spec())
        await server.until(lambda: bool(server.hooks.get(PLACE)))


async def test_deliveries_are_told_apart_by_their_request(server: Provider) -> None:
    bus, wanted = WatchedBus(), spec(auth=None)
    port = int(wanted["webhook"]["port"])
    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucket", "bb", wanted)
        for delivery in ("a", "a", "b"):
            headers = [("X-Hook-UUID", "h"), ("X-Request-UUID", delivery)]
            assert (await request(port, "POST", "/bb", headers, b"{}")).status == 200
    assert len({event.id for event in bus.events()}) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"repositories": []}, "repositories: is required"),
        ({"events": []}, "events: is required to register"),
        ({"webhook": None}, "webhook: is required"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.bitbucket\.bb\.{words}"):
            await served.serve(WatchedBus(), "bitbucket", "bb", spec(**wrong))
