"""`bitbucketserver`: hooks and pull requests at a server that records; pushes split; signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.provider import Provider, provider
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import Answer, request, serving

SECRETS = {"bbs": {"token": "tok\n", "secret": "hush\n"}}
URL = "https://hooks.example.com/bbs"
REPOS = "/rest/api/1.0/projects/AC/repos"
PLACE = f"{REPOS}/shop/webhooks"
TOKEN = {"name": "bbs", "key": "token"}
PUSH = {
    "eventKey": "repo:refs_changed",
    "repository": {"slug": "shop", "id": 1, "project": {"key": "AC"}},
    "changes": [
        {"ref": {"type": "BRANCH"}, "refId": "refs/heads/main", "toHash": "a1", "type": "UPDATE"},
        {"ref": {"type": "TAG"}, "refId": "refs/tags/v1", "toHash": "b2", "type": "ADD"},
    ],
}


@pytest.fixture
async def server() -> AsyncIterator[Provider]:
    async with provider(lambda hooks: {"values": hooks, "isLastPage": True}) as made:
        yield made


def spec(base: str, **more: Any) -> dict[str, Any]:
    return {
        "bitbucketserverBaseURL": base,
        "repositories": [{"projectKey": "AC", "repositorySlug": "shop"}],
        "events": ["repo:refs_changed"],
        "webhook": {
            "endpoint": "/bbs",
            "port": str(ports.free_port()),
            "url": "https://hooks.example.com",
        },
        **more,
    }


async def push(wanted: dict[str, Any], body: Any, *headers: tuple[str, str]) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    key = ("X-Event-Key", "repo:refs_changed")
    return await request(int(wanted["webhook"]["port"]), "POST", "/bbs", [key, *headers], raw)


async def test_a_hook_is_made_with_the_secret_and_removed(server: Provider) -> None:
    secret = {"name": "bbs", "key": "secret"}
    wanted = spec(server.url, accessToken=TOKEN, webhookSecret=secret, deleteHookOnFinish=True)
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "bitbucketserver", "b", wanted)
        await server.until(lambda: bool(server.hooks.get(PLACE)))
        [hook] = server.hooks[PLACE]
        assert (hook["url"], hook["events"]) == (URL, ["repo:refs_changed"])
        assert hook["configuration"] == {"secret": "hush"}
        assert server.headers("authorization") == {"Bearer tok"}
        await served.stop()
    assert server.hooks[PLACE] == []


async def test_a_project_means_each_of_its_repositories(server: Provider) -> None:
    page = {"values": [{"slug": "shop"}, {"slug": "till"}], "isLastPage": True}
    server.others[REPOS] = page
    server.hooks[PLACE] = [{"id": 7, "url": URL, "events": ["pr:opened"], "active": True}]
    wanted = spec(f"{server.url}/rest", repositories=None, projects=["AC"], accessToken=TOKEN)
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "bitbucketserver", "b", wanted)
        await server.until(lambda: bool(server.hooks.get(f"{REPOS}/till/webhooks")))
    [changed] = server.hooks[PLACE]
    assert (changed["id"], changed["events"]) == (7, ["repo:refs_changed"])
    assert "configuration" not in changed


async def test_all_pages_are_read(server: Provider) -> None:
    first = {"values": [], "isLastPage": False, "nextPageStart": 500}
    found = {"id": 9, "url": URL, "events": ["repo:refs_changed"], "active": True}
    pages = iter([first, {"values": [found], "isLastPage": True}])
    server.page = lambda _: next(pages)
    async with serving(SECRETS) as served:
        given = spec(server.url, accessToken=TOKEN)
        await served.serve(WatchedBus(), "bitbucketserver", "b", given)
        await server.until(lambda: len(server.calls()) == 2)
    assert server.calls() == [("GET", PLACE), ("GET", PLACE)]


@pytest.mark.parametrize(("state", "kept"), [("OPEN", ["refs/tags/v1"]), ("MERGED", None)])
async def test_branches_with_open_requests_are_left_out(
    server: Provider, state: str, kept: list[str] | None
) -> None:
    server.others[f"{REPOS}/shop/commits/a1/pull-requests"] = {
        "values": [{"id": 1, "state": state}],
        "isLastPage": True,
    }
    bus = WatchedBus()
    more = {"skipBranchRefsChangedOnOpenPR": True, "oneEventPerChange": True}
    wanted = spec(server.url, accessToken=TOKEN, **more)
    del wanted["webhook"]["url"]
    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucketserver", "b", wanted)
        assert (await push(wanted, PUSH)).status == 200
    refs = [change["refId"] for data in bus.data() for change in data["body"]["changes"]]
    assert refs == (kept or ["refs/heads/main", "refs/tags/v1"])


async def test_an_unknown_state_takes_nothing(server: Provider) -> None:
    server.status = 500
    bus = WatchedBus()
    wanted = spec(server.url, accessToken=TOKEN, skipBranchRefsChangedOnOpenPR=True)
    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucketserver", "b", wanted)
        answer = await push(wanted, PUSH)
    assert (answer.status, bus.events()) == (503, [])


async def test_the_signature_is_checked_and_the_secret_rotates(server: Provider) -> None:
    secret = {"name": "bbs", "key": "secret"}
    bus, wanted = WatchedBus(), spec(server.url, webhookSecret=secret)
    raw = json.dumps(PUSH).encode()

    def signed(key: bytes) -> tuple[str, str]:
        return "X-Hub-Signature", "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest()

    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucketserver", "b", wanted)
        assert (await push(wanted, raw, signed(b"hush"))).status == 200
        assert (await push(wanted, raw + b" ", signed(b"hush"))).status == 400
        bare = ("X-Hub-Signature", signed(b"hush")[1].removeprefix("sha256="))
        assert (await push(wanted, raw, bare)).status == 400
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["bbs"]["secret"] = "new"
        await served.services.secrets.refresh()
        assert (await push(wanted, raw, signed(b"hush"))).status == 400
        assert (await push(wanted, raw, signed(b"new"))).status == 200


async def test_hooks_made_by_hand_need_no_repositories(server: Provider) -> None:
    bus, wanted = WatchedBus(), spec(server.url, repositories=None, accessToken=TOKEN)
    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucketserver", "b", wanted)
        assert (await push(wanted, PUSH)).status == 200
    assert server.calls() == []
    assert len(bus.events()) == 1


async def test_a_split_push_has_the_shape_of_the_reference(server: Provider) -> None:
    bus, wanted = WatchedBus(), spec(server.url, oneEventPerChange=True)
    del wanted["webhook"]["url"]
    links = {
        "clone": [{"href": "h", "name": "ssh", "new": 1}],
        "self": [{"href": "x", "name": "n"}],
    }
    sent = {**PUSH, "EVENTKEY": "k", "repository": {"slug": "s\ud83d", "links": links, "new": 1}}
    del sent["eventKey"]
    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucketserver", "b", wanted)
        assert (await push(wanted, sent, ("X-Request-Id", "r-1"))).status == 200
        forwarded = ("X-Forwarded-For", "x")
        assert (await push(wanted, sent, ("X-Request-Id", "r-1"), forwarded)).status == 200
    first, second = (data["body"] for data in bus.data())  # the same delivery came twice
    assert first["eventKey"] == "k"
    assert first["repository"]["slug"] == "s\ufffd"
    assert first["repository"]["links"] == {
        "clone": [{"href": "h", "name": "ssh"}],
        "self": [{"href": "x"}],
    }
    assert "new" not in first["repository"]
    assert [len(body["changes"]) for body in (first, second)] == [1, 1]


@pytest.mark.parametrize(
    "body", [b"[]", b"5", b'{"changes":1}', b'{"changes":[{"refId":1}]}', b"{"]
)
async def test_a_push_that_is_none_is_refused(server: Provider, body: bytes) -> None:
    bus, wanted = WatchedBus(), spec(server.url)
    async with serving(SECRETS) as served:
        await served.serve(bus, "bitbucketserver", "b", wanted)
        answer = await push(wanted, body)
    assert answer.status == 400
    assert answer.body.startswith(b"decoding repo:refs_changed webhook: ")
    assert bus.events() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bitbucketserverBaseURL": ""}, "bitbucketserverBaseURL: is required"),
        ({"events": [], "accessToken": TOKEN}, "events: is required to register"),
        ({"skipBranchRefsChangedOnOpenPR": True}, "accessToken: is required by skip"),
        ({"checkInterval": "soon"}, "checkInterval: "),
        ({"webhookSecret": {"name": "none", "key": "x"}}, "webhookSecret: "),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.bitbucketserver\.b\.{words}"):
            await served.serve(WatchedBus(), "bitbucketserver", "b", spec("https://x", **wrong))
