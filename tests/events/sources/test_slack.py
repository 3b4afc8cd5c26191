"""`slack`: signatures, the challenge, events, commands and interactions as Slack sends them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from events.sources.contract import SourceError
from events.sources.webhook_endpoint import FORM
from tests import ports
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import Answer, request, serving

SECRETS = {"slack": {"secret": "hush\n", "token": "tok\n"}}


def spec(**more: Any) -> dict[str, Any]:
    return {
        "signingSecret": {"name": "slack", "key": "secret"},
        "token": {"name": "slack", "key": "token"},
        "webhook": {"endpoint": "/sl", "port": str(ports.free_port())},
        **more,
    }


async def send(
    wanted: dict[str, Any], body: bytes, *, key: bytes = b"hush", form: bool = False, age: int = 0
) -> Answer:
    moment = str(int(time.time()) - age)
    digest = hmac.new(key, f"v0:{moment}:".encode() + body, hashlib.sha256).hexdigest()
    headers = [
        ("X-Slack-Signature", f"v0={digest}"),
        ("X-Slack-Request-Timestamp", moment),
        ("Content-Type", FORM if form else "application/json"),
    ]
    return await request(int(wanted["webhook"]["port"]), "POST", "/sl", headers, body)


def event(**inner: Any) -> bytes:
    outer = {"token": "tok", "type": "event_callback", "event_id": "Ev1", "event": inner}
    return json.dumps(outer).encode()


async def test_the_challenge_is_given_back() -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        body = b'{"token":"tok","type":"url_verification","challenge":"abc123"}'
        answer = await send(wanted, body)
    assert (answer.status, answer.body, bus.events()) == (200, b"abc123", [])


async def test_an_event_keeps_what_slack_sent_and_comes_once() -> None:
    bus, wanted = WatchedBus(), spec(metadata={"x": "y"})
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        for _ in range(2):
            answer = await send(wanted, event(type="message", text="a < b", ts="1.0"))
            assert answer.status == 200
    [stored] = bus.data()
    assert stored["type"] == "message"
    data = stored["Data"]
    assert (data["type"], data["text"], data["ts"]) == ("message", "a < b", "1.0")
    assert (data["thread_ts"], data["user"], data["blocks"]) == ("", "", None)


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "something_new", "x": 1},
        {"type": "message", "user": {"id": "U1"}},
        {"type": "reaction_added", "user": "U", "reaction": "r", "item_user": "V", "event_ts": "1"},
    ],
)
async def test_an_event_that_needs_nothing_stays_as_it_came(inner: dict[str, Any]) -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        assert (await send(wanted, event(**inner))).status == 200
    assert bus.data() == [{"type": inner["type"], "Data": inner}]


async def test_a_text_cut_within_an_emoji_is_an_event() -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        sent = event(type="message", text="so \ud83d")
        assert (await send(wanted, sent)).status == 200
        body = urlencode({"payload": '{"type":"shortcut","name":"\\ud83d"}'}).encode()
        assert (await send(wanted, body, form=True)).status == 200
    message, shortcut = bus.data()
    assert (message["Data"]["text"], shortcut["name"]) == ("so \ufffd", "\ufffd")


async def test_a_command_is_its_fields() -> None:
    bus, wanted = WatchedBus(), spec(filter={"expression": 'text != "no"'})
    fields = {"token": "t", "command": "/deploy", "text": "shop", "trigger_id": "1.2"}
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        for text in ("no", "shop", "shop"):
            trigger = "1.2" if text == "shop" else "9"
            body = urlencode({**fields, "text": text, "trigger_id": trigger}).encode()
            assert (await send(wanted, body, form=True)).status == 200
    [stored] = bus.data()
    assert (stored["command"], stored["text"], stored["team_id"]) == ("/deploy", "shop", "")
    assert stored["is_enterprise_install"] is False
    assert "enterprise_id" not in stored


async def test_an_interaction_keeps_members_nobody_knows() -> None:
    bus, wanted = WatchedBus(), spec()
    view = {"id": "V1", "state": {"values": {"b": {"a": {"value": "x"}}}}, "novelty": 1}
    payload = {"type": "view_submission", "trigger_id": "5", "view": view, "also": [1.0]}
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        body = urlencode({"payload": json.dumps(payload)}).encode()
        assert (await send(wanted, body, form=True)).status == 200
    [stored] = bus.data()
    field = stored["view"]["state"]["values"]["b"]["a"]
    assert (field["value"], field["selected_date"], field["selected_users"]) == ("x", "", None)
    assert (stored["view"]["novelty"], stored["also"], stored["actions"]) == (1, [1.0], [])
    assert "state" not in stored
    assert b'"also":[1.0]' in bus.events()[0].data


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"key": b"other"}, b"signature validation failed"),
        ({"age": 301}, b"cannot create secrets verifier, timestamp is too old"),
        ({"age": -400}, b"cannot create secrets verifier, timestamp is too old"),
    ],
)
async def test_what_slack_did_not_sign_now_is_refused(more: dict[str, Any], words: bytes) -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        answer = await send(wanted, event(type="message"), **more)
    assert (answer.status, answer.body, bus.events()) == (401, words, [])


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Slack-Signature", "v0=zz"), ("X-Slack-Request-Timestamp", "1")],
        [("X-Slack-Signature", "v0=00"), ("X-Slack-Request-Timestamp", "soon")],
        [("X-Slack-Signature", "v0=00"), ("X-Slack-Request-Timestamp", "9" * 40)],
        [("X-Slack-Signature", "v0=" + "\u0661" * 64), ("X-Slack-Request-Timestamp", "1")],
        [("X-Slack-Signature", "v0=00")],
        [],
    ],
)
async def test_bad_signature_headers_are_refused(headers: list[tuple[str, str]]) -> None:
    wanted = spec()
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "slack", "s", wanted)
        port = int(wanted["webhook"]["port"])
        answer = await request(port, "POST", "/sl", headers, b"{}")
    assert answer.status == 401


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'{"token":"other","type":"event_callback","event":{}}', False),
        (b'{"token":"tok","type":"event_callback"}', False),
        (b'{"token":1}', False),
        (b"[]", False),
        (b"payload=%7B", True),
        (b"payload=%5B%5D", True),
        (b"payload=%7B%22user%22%3A1%7D", True),
        (b"a=%zz", True),
    ],
)
async def test_what_is_signed_but_senseless_is_refused(body: bytes, form: bool) -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving(SECRETS) as served:
        await served.serve(bus, "slack", "s", wanted)
        answer = await send(wanted, body, form=form)
    assert (answer.status, bus.events()) == (500, [])
    assert b"tok" not in answer.body.replace(b"token", b"")


@pytest.mark.parametrize("missing", ["token", "signingSecret", "webhook"])
async def test_what_is_missing_is_named(missing: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.slack\.s\.{missing}: is required"):
            await served.serve(WatchedBus(), "slack", "s", spec(**{missing: None}))
