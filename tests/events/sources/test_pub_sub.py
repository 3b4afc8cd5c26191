"""`pubSub` against a server that speaks its REST API and checks the tokens."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from events.sources import pub_sub, pub_sub_api
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving
from tests.events.triggers.recorder import served as http_served

KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
TOPIC = "projects/shop-1/topics/orders"
SUBSCRIPTION = "projects/shop-1/subscriptions/mine"


@dataclass(slots=True)
class PubSub:
    """One project. What was pulled is hidden until it is acknowledged, or `show`."""

    port: int
    topics: set[str] = field(default_factory=set)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    hidden: dict[str, dict[str, Any]] = field(default_factory=dict)
    extended: list[tuple[str, int]] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)
    failure: tuple[int, str] | None = None
    acknowledges: bool = True
    too_old: int = 0  # calls to move deadlines that are still to be refused
    count: int = 0

    def send(self, *bodies: bytes, **more: Any) -> None:
        for body in bodies:
            self.count += 1
            data = base64.b64encode(body).decode()
            stamp = "2026-11-24T12:00:00.500Z"
            message = {"messageId": str(self.count), "data": data, "publishTime": stamp}
            self.waiting.append({**message, **more})

    def show(self) -> None:
        self.waiting += self.hidden.values()
        self.hidden.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.read()
        if request.raw_path == "/token":
            return self._token(raw)
        if request.raw_path == "/refuse":
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.authorizations.add(request.headers.get("Authorization"))
        if self.failure is not None:
            return _fault(*self.failure)
        name, _, verb = request.raw_path.removeprefix("/v1/").partition(":")
        body = json.loads(raw) if raw else {}
        match request.method, verb:
            case "POST", "pull":
                return await self._pull(request, body["maxMessages"])
            case "POST", "acknowledge":
                for delivery in body["ackIds"] if self.acknowledges else ():
                    self.hidden.pop(delivery, None)
            case "POST", "modifyAckDeadline" if self.too_old:
                self.too_old -= 1
                return _fault(400, "INVALID_ARGUMENT")
            case "POST", "modifyAckDeadline":
                self._extend(body["ackIds"], body["ackDeadlineSeconds"])
            case _ if "/topics/" in name:
                return self._topic(request.method, name)
            case _:
                return self._subscription(request.method, name, body)
        return web.json_response({})

    async def _pull(self, request: web.Request, most: int) -> web.Response:
        for _ in range(30):
            if self.waiting or _left(request):
                break
            await asyncio.sleep(0.01)
        if _left(request):  # nobody would hear what is given
            return web.Response()
        batch, self.waiting = self.waiting[:most], self.waiting[most:]
        given = [{"ackId": f"a-{m['messageId']}", "message": m} for m in batch]
        self.hidden.update({item["ackId"]: item["message"] for item in given})
        return web.json_response({"receivedMessages": given} if given else {})

    def _extend(self, deliveries: list[str], seconds: int) -> None:
        self.extended += [(delivery, seconds) for delivery in deliveries]

    def _topic(self, method: str, name: str) -> web.Response:
        if method == "PUT":
            self.topics.add(name)
        elif name not in self.topics:
            return _fault(404, "NOT_FOUND")
        return web.json_response({"name": name})

    def _subscription(self, method: str, name: str, body: dict[str, Any]) -> web.Response:
        if method == "PUT":
            self.subscriptions[name] = body
        elif name not in self.subscriptions:
            return _fault(404, "NOT_FOUND")
        elif method == "DELETE":
            return web.json_response(self.subscriptions.pop(name) and {})
        return web.json_response({"name": name, **self.subscriptions[name]})

    def _token(self, raw: bytes) -> web.Response:
        form = parse_qs(raw.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        signed, _, signature = form["assertion"][0].rpartition(".")
        KEY.public_key().verify(
            _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        head, _, body = signed.partition(".")
        assert json.loads(_decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        self.assertions.append(json.loads(_decoded(body)))
        return web.json_response({"access_token": f"t{len(self.assertions)}", "expires_in": 3600})


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _fault(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"code": status, "status": code}}, status=status)


@asynccontextmanager
async def pub_sub_server(**more: Any) -> AsyncIterator[PubSub]:
    server = PubSub(ports.free_port(), **more)
    async with http_served(server.handle, server.port):
        yield server


@pytest.fixture(autouse=True)
def no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)


def secrets(server: PubSub | None = None, path: str = "token") -> dict[str, dict[str, str]]:
    key = {
        "type": "service_account",
        "client_email": "reader@shop-1.example.com",
        "private_key": PEM,
        "private_key_id": "k1",
        "token_uri": f"http://127.0.0.1:{server.port if server else 1}/{path}",
    }
    wrong = {"type": "authorized_user"}
    keyless = {**key, "private_key": "none"}
    texts = {"key": key, "wrong": wrong, "keyless": keyless}
    return {"google": {n: json.dumps(v) for n, v in texts.items()} | {"text": "nonsense"}}


def spec(**more: Any) -> dict[str, Any]:
    return {
        "projectID": "shop-1",
        "topic": "orders",
        "subscriptionID": "mine",
        "credentialSecret": {"name": "google", "key": "key"},
        **more,
    }


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda server: monkeypatch.setattr(
        pub_sub_api, "_API", f"http://127.0.0.1:{server.port}"
    )


async def test_messages_become_events_and_are_acknowledged(google: Any) -> None:
    bus = WatchedBus()
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        server.send(b'{"n": 1.0}', attributes={"b": "<", "a": "1"})
        server.send(*[b'{"n":%d}' % n for n in range(240)])
        await served.serve(bus, "pubSub", "q", spec(jsonBody=True, metadata={"x": "y"}))
        await bus.holds(241)
        await eventually(lambda: not server.hidden)
    assert bus.events()[0].type == "pubsub"
    assert bus.events()[0].data.decode() == (
        '{"id":"1","body":{"n":1.0},"attributes":{"a":"1","b":"\\u003c"},'
        '"publishTime":"2026-11-24 12:00:00.5 +0000 UTC","metadata":{"x":"y"}}'
    )
    assert bus.data()[1]["attributes"] is None
    assert server.topics == {TOPIC}
    assert server.subscriptions == {SUBSCRIPTION: {"topic": TOPIC}}
    assert server.authorizations == {"Bearer t1"}
    [claims] = server.assertions
    assert claims["iss"] == "reader@shop-1.example.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/pubsub"
    assert claims["exp"] - claims["iat"] == 3600


async def test_an_event_has_its_own_subscription_which_it_removes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = WatchedBus()
    async with pub_sub_server(topics={TOPIC}) as server, serving({}) as served:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.port}")
        given = {"projectID": "shop-2", "topicProjectID": "shop-1", "topic": "orders"}
        names = []
        for _ in range(2):
            await served.serve(bus, "pubSub", "new", given)
            names += list(server.subscriptions)
            await served.stop()
        await served.serve(bus, "pubSub", "new", {**given, "deleteSubscriptionOnFinish": True})
        server.send(b"text")
        await bus.holds(1)
        await served.stop()
        assert server.subscriptions == {}
    assert len(names) == 2
    assert len(set(names)) == 1
    assert names[0].startswith("projects/shop-2/subscriptions/new-")
    assert base64.b64decode(bus.data()[0]["body"]) == b"text"
    assert server.authorizations == {None}


async def test_a_message_that_comes_again_is_the_same_event(google: Any) -> None:
    bus = WatchedBus()
    async with pub_sub_server(acknowledges=False) as server, serving(secrets(server)) as served:
        google(server)
        server.send(b"a")
        await served.serve(bus, "pubSub", "q", spec())
        await bus.holds(1)
        server.show()
        server.send(b"b")
        await bus.holds(2)
    assert bus.attempts[0] == bus.attempts[1]


async def test_deadlines_are_moved_while_the_bus_is_away(
    google: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pub_sub, "_RENEW", 0.05)
    bus = WatchedBus()
    bus.away = True
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        server.send(*[b"%d" % n for n in range(300)])
        await served.serve(bus, "pubSub", "q", spec())
        await bus.until(lambda: len(set(bus.attempts)) == 256)
        await eventually(lambda: len({name for name, _ in server.extended}) == 300)
        assert {seconds for _, seconds in server.extended} == {60}
        assert len(server.hidden) == 300
        bus.away = False
        await bus.holds(300)
        await eventually(lambda: not server.hidden)


async def test_a_delivery_that_is_too_old_to_be_moved_does_not_end_the_connection(
    google: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pub_sub, "_RENEW", 0.02)
    bus, notes = WatchedBus(), list[str]()
    bus.away = True
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        server.too_old = 3
        server.send(b"x")
        await served.serve(bus, "pubSub", "q", spec(), notes=notes)
        await eventually(lambda: server.too_old == 0 and bool(server.extended))
        bus.away = False
        await bus.holds(1)
        await eventually(lambda: not server.hidden)
    assert notes == [""]


@pytest.mark.parametrize("policy", [False, True])
async def test_what_is_no_json_is_given_back_if_a_policy_moves_it(
    google: Any, policy: bool
) -> None:
    bus, notes = WatchedBus(), list[str]()
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        dead = {"deadLetterPolicy": {"deadLetterTopic": "t"}} if policy else {}
        server.subscriptions[SUBSCRIPTION] = {"topic": TOPIC, **dead}
        server.send(b"{", b'{"n":1}', b'{"n":2}')
        given = spec(jsonBody=True, filter={"expression": "body.n == 2"})
        await served.serve(bus, "pubSub", "q", given, notes=notes)
        await bus.holds(1)
        await eventually(lambda: len(server.hidden) == int(policy))
        assert server.extended == ([("a-1", 0)] if policy else [])
    assert [data["body"] for data in bus.data()] == [{"n": 2}]
    assert any("the body is no JSON" in note for note in notes)


async def test_a_server_that_fails_for_a_while_is_asked_again(google: Any) -> None:
    bus, notes = WatchedBus(), list[str]()
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        await served.serve(bus, "pubSub", "q", spec(), notes=notes)
        server.failure = (503, "UNAVAILABLE")
        words = "reconnecting: Pub/Sub answered 503 UNAVAILABLE"
        await eventually(lambda: any(words in note for note in notes))
        server.failure = None
        server.send(b"after")
        await bus.holds(1)


async def test_a_refusal_is_named(google: Any) -> None:
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        server.failure = (403, "PERMISSION_DENIED")
        words = r"spec\.pubSub\.q: Pub/Sub answered 403 PERMISSION_DENIED"
        with pytest.raises(SourceError, match=words) as caught:
            await served.serve(WatchedBus(), "pubSub", "q", spec())
    assert caught.value.reason == "Forbidden"


async def test_a_key_that_google_does_not_take_is_named(google: Any) -> None:
    async with pub_sub_server() as server, serving(secrets(server, "refuse")) as served:
        google(server)
        with pytest.raises(SourceError, match="the service account's key was not accepted"):
            await served.serve(WatchedBus(), "pubSub", "q", spec())


async def test_a_subscription_of_another_topic_is_refused(google: Any) -> None:
    async with pub_sub_server() as server, serving(secrets(server)) as served:
        google(server)
        server.subscriptions[SUBSCRIPTION] = {"topic": "projects/shop-1/topics/other"}
        with pytest.raises(SourceError, match=r"belongs to projects/shop-1/topics/other, not"):
            await served.serve(WatchedBus(), "pubSub", "q", spec())
        server.subscriptions.clear()
        with pytest.raises(SourceError, match="does not exist; with a topic it is made"):
            await served.serve(WatchedBus(), "pubSub", "q", spec(topic=""))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"projectID": ""}, "projectID: is required"),
        ({"projectID": "a/b"}, "projectID: 'a/b' is no name"),
        ({"topic": "", "subscriptionID": ""}, "topic: topic or subscriptionID is required"),
        ({"topic": "", "topicProjectID": "other"}, "topic: is required with topicProjectID"),
        ({"subscriptionID": "a/../b"}, "subscriptionID: 'a/../b' is no name"),
        ({"credentialSecret": None}, "credentialSecret: is required"),
        ({"credentialSecret": {"name": "google", "key": "text"}}, "credentialSecret: is no cred"),
        (
            {"credentialSecret": {"name": "google", "key": "wrong"}},
            "credentialSecret: must be the key of a service account, and has type .author",
        ),
        (
            {"credentialSecret": {"name": "google", "key": "keyless"}},
            "credentialSecret: is no RSA key in PEM form",
        ),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(secrets()) as served:
        with pytest.raises(SourceError, match=rf"spec\.pubSub\.q\.{words}"):
            await served.serve(WatchedBus(), "pubSub", "q", spec(**wrong))
