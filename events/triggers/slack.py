"""`slack`: post a message through Slack's Web API (`chat.postMessage`).

The firing key goes along as message metadata. Messages of one `thread.messageAggregationKey`
become replies to the first of them, as far as this process remembers (the newest 10,000).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from crds.triggers import SlackTrigger as Spec
from events.triggers import applied, credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_API = "https://slack.com/api"
_REMEMBERED = 10_000
# What Slack may answer differently a moment later.
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "fatal_error", "internal_error", "service_unavailable"}
    | {"request_timeout", "team_added_to_org", "message_limit_exceeded", "accesslimited"}
)


class SlackTrigger:
    """See `Trigger`. One object serves all Slack triggers of the process."""

    def __init__(self) -> None:
        self._threads: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._begun: dict[tuple[str, str, str], asyncio.Lock] = {}

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The token, and that attachments and blocks are JSON."""
        if not spec.get("slackToken"):
            return "slackToken: is required"
        for field in ("attachments", "blocks"):
            try:
                _entries(spec, field)
            except TriggerFailed as fault:
                return str(fault).removeprefix("slack.")
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Post it."""
        spec = applied.settings(self, context, spec, "slack", Spec)
        message = _message(context, spec)
        token = await credentials.required(context, spec.get("slackToken"), "slack.slackToken")
        thread = spec.get("thread") or {}
        if key := str(thread.get("messageAggregationKey") or ""):
            place = (context.namespace, message["channel"], key)
            reply = {"reply_broadcast": bool(thread.get("broadcastMessageToChannel"))}
            posted = await self._threaded(context, place, (message, reply), token)
        else:
            posted = await _post(context, message, token)
        shown = posted.get("channel") or message["channel"]
        return f"Slack {shown} {posted.get('ts') or ''}".strip()

    async def _threaded(
        self,
        context: FiringContext,
        place: tuple[str, str, str],
        parts: tuple[dict[str, Any], dict[str, Any]],
        token: str,
    ) -> dict[str, Any]:
        """Post the first message of a thread, or a reply once the first is there."""
        message, reply = parts
        if place not in self._threads:
            async with self._begun.setdefault(place, asyncio.Lock()):
                if place not in self._threads:
                    try:
                        posted = await _post(context, message, token)
                    finally:
                        self._begun.pop(place, None)
                    self._threads[place] = str(posted.get("ts") or "")
                    if len(self._threads) > _REMEMBERED:
                        self._threads.popitem(last=False)
                    return posted
        self._threads.move_to_end(place)
        reply = {"thread_ts": self._threads[place], **reply}
        return await _post(context, {**message, **reply}, token)


def _message(context: FiringContext, spec: Mapping[str, Any]) -> dict[str, Any]:
    channel = str(spec.get("channel") or "").removeprefix("#")
    if not channel:
        raise TriggerFailed("slack.channel: is required", permanent=True)
    message: dict[str, Any] = {"channel": channel}
    if spec.get("message"):
        message["text"] = str(spec["message"])
    for field in ("attachments", "blocks"):
        if entries := _entries(spec, field):
            message[field] = entries
    if len(message) == 1:
        what = "slack: message, attachments or blocks is required"
        raise TriggerFailed(what, permanent=True)
    sender = spec.get("sender") or {}
    if sender.get("username"):
        message["username"] = str(sender["username"])
    if icon := str(sender.get("icon") or ""):
        message["icon_emoji" if icon.startswith(":") else "icon_url"] = icon
    message["metadata"] = {
        "event_type": "headrace_firing",
        "event_payload": {"idempotency_key": context.key},
    }
    return message


def _entries(spec: Mapping[str, Any], field: str) -> list[Any]:
    text = str(spec.get(field) or "")
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except ValueError:
        raise TriggerFailed(f"slack.{field}: is no JSON", permanent=True) from None
    if not isinstance(found, list):
        raise TriggerFailed(f"slack.{field}: must be a JSON list", permanent=True)
    return found


async def _post(context: FiringContext, message: dict[str, Any], token: str) -> dict[str, Any]:
    """Slack's answer. Raises TriggerFailed."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": context.key,
    }
    base = os.environ.get("SLACK_API_URL", _API).rstrip("/")
    body = json.dumps(message).encode()
    call = Call("POST", f"{base}/chat.postMessage", "slack", headers, body)
    answer = await exchange.send(context, call)
    exchange.require_success(answer, "slack")
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise TriggerFailed("slack: the answer is no JSON object")
    if not found.get("ok"):
        error = str(found.get("error") or "unknown_error")
        raise TriggerFailed(f"slack: {error}", permanent=error not in _PASSING)
    return found
