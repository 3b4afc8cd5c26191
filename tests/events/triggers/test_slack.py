"""`slack` against a server that answers as Slack's Web API does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from events.triggers import registry
from events.triggers.contract import TriggerFailed
from events.triggers.slack import SlackTrigger
from tests.events.triggers.firing import KEY, context, selector, taken
from tests.events.triggers.recorder import Got, Recorder, recording

SECRETS = {"slack": {"token": "xoxb-hush\n"}}


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch) -> Any:
    def point(server: Recorder) -> None:
        monkeypatch.setenv("SLACK_API_URL", f"{server.url}/api/")

    return point


def spec(**more: Any) -> dict[str, Any]:
    given = {"slackToken": selector("slack", "token"), "channel": "#builds", "message": "hello"}
    return {**given, **more}


def posted(got: Got) -> web.Response:
    return web.json_response({"ok": True, "channel": "C1", "ts": "171.0001"})


def refused(error: str) -> Any:
    return lambda got: web.json_response({"ok": False, "error": error})


async def fire(given: dict[str, Any], trigger: SlackTrigger | None = None) -> str:
    return await (trigger or SlackTrigger()).fire(context(SECRETS), given)


async def test_a_message_is_posted(api: Any) -> None:
    sender = {"username": "bot", "icon": ":rocket:"}
    async with recording(posted) as server:
        api(server)
        given = spec(sender=sender, parameters=[taken("body.name", "message")])
        assert await fire(given) == "Slack C1 171.0001"
    [got] = server.got
    assert (got.method, got.path) == ("POST", "/api/chat.postMessage")
    assert got.headers["authorization"] == "Bearer xoxb-hush"
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(got.body) == {
        "channel": "builds",
        "text": "shop",
        "username": "bot",
        "icon_emoji": ":rocket:",
        "metadata": {"event_type": "headrace_firing", "event_payload": {"idempotency_key": KEY}},
    }


async def test_attachments_and_blocks_are_json_lists(api: Any) -> None:
    blocks = [{"type": "divider"}]
    async with recording(posted) as server:
        api(server)
        icon = {"icon": "https://example.com/a.png"}
        given = spec(
            message="", blocks=json.dumps(blocks), attachments='[{"text": "a"}]', sender=icon
        )
        await fire(given)
    sent = json.loads(server.got[0].body)
    assert sent["blocks"] == blocks
    assert sent["attachments"] == [{"text": "a"}]
    assert sent["icon_url"] == "https://example.com/a.png"
    assert "text" not in sent


async def test_messages_of_one_key_become_a_thread(api: Any) -> None:
    thread = {"messageAggregationKey": "deploy-7", "broadcastMessageToChannel": True}
    trigger = SlackTrigger()
    async with recording(posted) as server:
        api(server)
        for _ in range(2):
            await fire(spec(thread=thread), trigger)
        await fire(spec(thread={"messageAggregationKey": "deploy-8"}), trigger)
    sent = [json.loads(got.body) for got in server.got]
    assert [s.get("thread_ts") for s in sent] == [None, "171.0001", None]
    assert [s.get("reply_broadcast") for s in sent] == [None, True, None]


async def test_messages_that_come_together_have_one_beginning(api: Any) -> None:
    trigger, answers = SlackTrigger(), [refused("ratelimited"), *[posted] * 4]
    async with recording(lambda got: answers.pop(0)(got)) as server:
        api(server)
        given = spec(thread={"messageAggregationKey": "deploy-7"})
        with pytest.raises(TriggerFailed):
            await fire(given, trigger)
        await asyncio.gather(*(fire(given, trigger) for _ in range(4)))
    sent = [json.loads(got.body).get("thread_ts") for got in server.got]
    assert sent == [None, None, "171.0001", "171.0001", "171.0001"]


@pytest.mark.parametrize(
    ("reply", "permanent", "match"),
    [
        (refused("channel_not_found"), True, "slack: channel_not_found"),
        (refused("ratelimited"), False, "slack: ratelimited"),
        (lambda got: web.Response(status=429), False, "429"),
        (lambda got: web.Response(status=503), False, "503"),
        (lambda got: web.Response(text="<html>"), False, "no JSON"),
    ],
)
async def test_refusals(api: Any, reply: Any, permanent: bool, match: str) -> None:
    async with recording(reply) as server:
        api(server)
        with pytest.raises(TriggerFailed, match=match) as caught:
            await fire(spec())
    assert caught.value.permanent is permanent
    assert "xoxb" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"channel": ""}, {"message": ""}, {"blocks": "{}"}])
async def test_what_can_never_work_is_permanent(wrong: dict[str, Any]) -> None:
    with pytest.raises(TriggerFailed, match="slack") as caught:
        await fire(spec(**wrong))
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("wrong", "where"), [({"slackToken": None}, "slackToken:"), ({"blocks": "{"}, "blocks: is no")]
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    assert (registry.TRIGGERS["slack"].check(spec(**wrong)) or "").startswith(where)
