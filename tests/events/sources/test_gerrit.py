"""`gerrit`: events as the webhooks plugin sends them; hooks at an HTTP server that records."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from events.sources import hook_keeping
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import Answer, request, serving
from tests.events.triggers.recorder import served as http_served

SECRETS = {"gerrit": {"user": "bot", "password": "hush\n"}}
AUTH = {
    "username": {"name": "gerrit", "key": "user"},
    "password": {"name": "gerrit", "key": "password"},
}
URL = "https://hooks.example.com/gerrit"
EVENT = {
    "type": "patchset-created",
    "project": "shop",
    "refName": "refs/heads/main",
    "change": {"number": 7, "subject": "a < b"},
    "eventCreatedOn": 1_780_000_000,
}


@dataclass(slots=True)
class FakeGerrit:
    """The plugin's remotes by request path."""

    port: int
    remotes: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    status: int = 0
    password: str = "hush"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.raw_path
        self.calls.append((request.method, path))
        if request.headers.get("Authorization") != hook_keeping.basic("bot", self.password):
            return web.Response(status=401)
        if self.status:
            return web.Response(status=self.status, headers={"Location": "/login"})
        match request.method:
            case "GET" if path not in self.remotes:
                return web.Response(status=404)
            case "PUT":
                status = 200 if path in self.remotes else 201
                self.remotes[path] = json.loads(await request.read())
                return web.Response(status=status)
            case "DELETE":
                del self.remotes[path]
                return web.Response(status=204)
        text = ")]}'\n" + json.dumps(self.remotes[path])
        return web.Response(text=text, content_type="application/json")


@asynccontextmanager
async def gerrit() -> AsyncIterator[FakeGerrit]:
    fake = FakeGerrit(ports.free_port())
    async with http_served(fake.handle, fake.port):
        yield fake


def spec(server: FakeGerrit | None = None, **more: Any) -> dict[str, Any]:
    webhook = {"endpoint": "/gerrit", "port": str(ports.free_port())}
    if server is not None:
        webhook["url"] = "https://hooks.example.com/"
    given = {
        "projects": ["shop"],
        "events": ["patchset-created", "ref-updated"],
        "hookName": "headrace",
        "gerritBaseURL": server.url if server else "http://127.0.0.1:1",
        "webhook": webhook,
    }
    if server is not None:
        given["auth"] = AUTH
    return {k: v for k, v in {**given, **more}.items() if v is not None}


def place(project: str = "shop") -> str:
    return f"/a/config/server/webhooks~projects/{project}/remotes/headrace"


async def post(given: dict[str, Any], body: bytes, *headers: tuple[str, str]) -> Answer:
    sent = (("Content-Type", "application/json; charset=utf-8"), *headers)
    return await request(int(given["webhook"]["port"]), "POST", "/gerrit", sent, body)


def noted(notes: list[str], words: str) -> Callable[[], bool]:
    return lambda: any(words in note for note in notes)


async def test_a_request_becomes_an_event() -> None:
    bus, given = WatchedBus(), spec(metadata={"x": "y"})
    async with serving({}) as served:
        await served.serve(bus, "gerrit", "e", given)
        answer = await post(given, json.dumps(EVENT).encode(), ("X-Origin-Url", "http://g"))
        assert (answer.status, answer.body) == (200, b"success")
    [event] = bus.events()
    assert (event.type, event.subject) == ("gerrit", "e")
    data = json.loads(event.data)
    assert list(data) == ["headers", "body", "metadata"]
    assert data["body"] == EVENT
    assert data["headers"]["X-Origin-Url"] == ["http://g"]
    assert data["metadata"] == {"x": "y"}


async def test_an_event_sent_again_has_the_same_id() -> None:
    bus, given = WatchedBus(), spec()
    async with serving({}) as served:
        await served.serve(bus, "gerrit", "e", given)
        for event in (EVENT, EVENT, EVENT | {"eventCreatedOn": 1}, {"type": "x"}, {"type": "x"}):
            assert (await post(given, json.dumps(event).encode())).status == 200
    assert [d["body"].get("eventCreatedOn") for d in bus.data()] == [1_780_000_000, 1, None, None]
    assert bus.attempts[0] == bus.attempts[1]


async def test_what_is_no_json_is_refused_and_an_outage_is_said() -> None:
    bus, given = WatchedBus(), spec(filter={"expression": 'body.type == "ref-updated"'})
    async with serving({}) as served:
        await served.serve(bus, "gerrit", "e", given)
        assert (await post(given, b"{")).status == 400
        assert (await post(given, b"")).status == 400
        assert (await post(given, json.dumps(EVENT).encode())).status == 200
        bus.refuses = True
        assert (await post(given, b'{"type":"ref-updated"}')).status == 503
    assert bus.data() == []


async def test_a_bearer_token_is_asked_for_when_it_is_set() -> None:
    bus, given = WatchedBus(), spec()
    given["webhook"]["authSecret"] = {"name": "hook", "key": "token"}
    async with serving({"hook": {"token": "t"}}) as served:
        await served.serve(bus, "gerrit", "e", given)
        assert (await post(given, b"{}")).status == 401
        assert (await post(given, b"{}", ("Authorization", "Bearer t"))).status == 200
    assert bus.data()[0]["headers"]["Authorization"] == ["*** Masked Auth Secret ***"]


async def test_hooks_are_made_and_removed_in_the_end() -> None:
    async with gerrit() as server, serving(SECRETS) as served:
        more = {"projects": ["shop", "a/b"], "deleteHookOnFinish": True, "maxTries": 3}
        given = spec(server, sslVerify=True, **more)
        await served.serve(WatchedBus(), "gerrit", "e", given)
        await eventually(lambda: len(server.remotes) == 2)
        remote = {"url": URL, "sslVerify": True, "events": given["events"], "maxTries": 3}
        assert server.remotes == {place(): remote, place("a%2Fb"): remote}
        await served.stop()
        assert server.remotes == {}


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ({}, False),
        ({"events": ["ref-updated", "patchset-created"], "retryInterval": 5}, False),
        ({"url": "https://elsewhere"}, True),
        ({"events": ["ref-updated"]}, True),
        ({"events": None}, True),
        ({"sslVerify": True}, True),
    ],
)
async def test_a_hook_is_written_only_when_it_is_another(
    change: dict[str, Any], written: bool
) -> None:
    async with gerrit() as server, serving(SECRETS) as served:
        given, notes = spec(server), list[str]()
        server.remotes[place()] = {"url": URL, "events": given["events"], **change}
        await served.serve(WatchedBus(), "gerrit", "e", given, notes=notes)
        await eventually(lambda: len(notes) == 2)
    assert [method for method, _ in server.calls] == ["GET", "PUT"] if written else ["GET"]
    assert server.remotes[place()]["url"] == URL
    assert notes == ["", ""]


async def test_a_hook_that_leads_elsewhere_by_then_is_not_removed() -> None:
    async with gerrit() as server, serving(SECRETS) as served:
        given = spec(server, deleteHookOnFinish=True)
        await served.serve(WatchedBus(), "gerrit", "e", given)
        await eventually(lambda: place() in server.remotes)
        server.remotes[place()]["url"] = "https://elsewhere"
        await served.stop()
        assert place() in server.remotes


@pytest.mark.parametrize("status", [302, 403, 500])
async def test_a_refusal_is_said_and_the_endpoint_serves_on(status: int) -> None:
    notes, bus = list[str](), WatchedBus()
    async with gerrit() as server, serving(SECRETS) as served:
        server.status = status
        given = spec(server)
        await served.serve(bus, "gerrit", "e", given, notes=notes)
        await eventually(noted(notes, f"hook of shop: Gerrit answered {status}"))
        assert (await post(given, b"{}")).status == 200


async def test_a_wrong_password_is_said() -> None:
    notes = list[str]()
    async with gerrit() as server, serving(SECRETS) as served:
        server.password = "other"
        await served.serve(WatchedBus(), "gerrit", "e", spec(server), notes=notes)
        await eventually(noted(notes, "Gerrit answered 401"))
    assert not any("hush" in note for note in notes)


async def test_without_a_url_no_hook_is_made() -> None:
    notes = list[str]()
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "gerrit", "e", spec(auth=AUTH), notes=notes)
    assert notes == ["no webhook.url or no auth: the hook is not registered at Gerrit"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"projects": []}, r"spec\.gerrit\.e\.projects: is required"),
        ({"events": None}, r"spec\.gerrit\.e\.events: is required"),
        (
            {
                "hookName": "",
                "auth": AUTH,
                "webhook": {"endpoint": "/g", "port": "1", "url": "https://h"},
            },
            r"spec\.gerrit\.e\.hookName: is required",
        ),
        ({"gerritBaseURL": "gerrit"}, r"spec\.gerrit\.e\.gerritBaseURL: must be http"),
        ({"webhook": None}, r"spec\.gerrit\.e\.webhook: is required"),
        ({"auth": {"username": AUTH["username"]}}, r"spec\.gerrit\.e\.auth\.password"),
        ({"auth": {**AUTH, "password": {"name": "x", "key": "y"}}}, r"e\.auth\.password"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=words):
            await served.serve(WatchedBus(), "gerrit", "e", spec(**wrong))
