"""`slack`: the Events API, interactions and slash commands of a Slack app.

Every request is checked against `signingSecret` on the raw bytes, and must be younger than five
minutes. Events also carry the app's verification token, which must be `token`. The payload has no
envelope: `{type, Data}` for events, else the interaction or command itself. Slack's own ids name
the events, so that what it sends again is the same event.
"""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec

from crds import decode
from crds.eventsource_http import SlackEventSource
from events.sources import (
    go_shape,
    hexadecimal,
    hook_keeping,
    http_body,
    http_message,
    slack_events,
    slack_shapes,
    webhook_endpoint,
)
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import FORM, Batch, Named, Refused, Shaped
from lang import gojson, strconv
from lang.errors import LangError

_OLDEST = 300.0  # seconds
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z", re.ASCII)
_NO_VERIFIER = "cannot create secrets verifier, "
_NO_EVENT = "failed to extract event, "


class _Outer(msgspec.Struct):
    """Around an event. See Slack's documentation of the Events API."""

    token: str = ""
    type: str = ""
    challenge: str = ""
    event_id: str = ""
    event: msgspec.Raw = msgspec.Raw(b"")


class _Inner(msgspec.Struct):
    type: str = ""


_outer = msgspec.json.Decoder(_Outer).decode
_inner = msgspec.json.Decoder(_Inner).decode


class Slack:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint until cancelled."""
        decode.decode(dict(context.spec), SlackEventSource)
        for field in ("token", "signingSecret"):
            if not context.spec.get(field):
                raise SourceError(f"{context.path}.{field}", "is required")
        await hook_keeping.require(context, "token", "signingSecret")

        def shape(request: Request, body: bytes) -> Shaped:
            _verify(context, request, body)
            if request.header("Content-Type") == FORM:
                return _form(request, body)
            return _event(context, body)

        webhook = context.spec.get("webhook") or {}
        block = webhook_endpoint.attached(context, webhook, f"{context.path}.webhook", shape)
        await webhook_endpoint.serve_until_cancelled(block, ready)


def _verify(context: SourceContext, request: Request, body: bytes) -> None:
    """Raises Refused unless Slack signed this request, and not long ago."""
    signature = request.header("X-Slack-Signature")
    moment = request.header("X-Slack-Request-Timestamp")
    if not signature or not moment:
        raise Refused(401, f"{_NO_VERIFIER}missing headers")
    try:
        given = hexadecimal.decode(signature.removeprefix("v0="))
    except hexadecimal.BadHex as error:
        raise Refused(401, f"{_NO_VERIFIER}{error}") from None
    if not _INTEGER.match(moment):
        problem = f"strconv.ParseInt: parsing {strconv.quote(moment)}: invalid syntax"
        raise Refused(401, f"{_NO_VERIFIER}{problem}")
    if abs(context.services.clock.now() - int(moment)) > _OLDEST:
        raise Refused(401, f"{_NO_VERIFIER}timestamp is too old")
    signed = b"v0:%b:%b" % (moment.encode(), body)
    key = webhook_endpoint.key(context, "signingSecret") or b""  # required, so never none
    expected = hmac.new(key, signed, hashlib.sha256).digest()
    if not hmac.compare_digest(given, expected):
        raise Refused(401, "signature validation failed")


def _named(data: bytes, name: str) -> Named:
    """An event that Slack calls `name`. The content counts too, as everywhere."""
    return Named(data, f"{name}:{hashlib.sha256(data).hexdigest()}" if name else "")


def _form(request: Request, body: bytes) -> Batch:
    """An interaction or a slash command."""
    try:
        fields = http_body.form(body.decode("utf-8", "replace"))
        http_body.form(request.query)  # of no use, and checked by the reference
    except http_body.BadBody as error:
        raise Refused(500, str(error)) from None
    if payload := fields.get("payload", [""])[0]:
        try:
            gojson.check(payload)
            data, trigger = slack_shapes.interaction(payload.encode())
        except LangError as error:
            raise Refused(500, f"failed to parse interaction event, {error.message}") from None
        except (go_shape.BadShape, http_body.BadBody) as error:
            raise Refused(500, f"failed to parse interaction event, {error}") from None
        return Batch([_named(data, trigger)])
    if fields.get("command", [""])[0]:
        return Batch([_named(slack_shapes.command(fields), fields.get("trigger_id", [""])[0])])
    raise Refused(500, "could not determine slack type from form parameters")


def _event(context: SourceContext, body: bytes) -> Batch:
    """An event of the Events API, or the question whether the endpoint is ours."""
    try:
        gojson.check(body.decode("utf-8", "replace"))
        outer = _outer(http_body.whole_pairs(body))
    except LangError as error:
        raise Refused(500, f"{_NO_EVENT}{error.message}") from None
    except msgspec.MsgspecError as error:
        raise Refused(500, f"{_NO_EVENT}{error}") from None
    token = (webhook_endpoint.key(context, "token") or b"").strip()
    if not hmac.compare_digest(outer.token.encode(), token):
        raise Refused(500, f"{_NO_EVENT}invalid verification token")
    match outer.type:
        case "url_verification":
            return Batch([], http_message.text(200, outer.challenge))
        case "event_callback":
            data = http_body.compact(bytes(outer.event) or b"null")
            try:
                kind = _inner(data).type
            except msgspec.MsgspecError as error:
                raise Refused(500, f"{_NO_EVENT}{error}") from None
            data = slack_events.shaped(kind, data)
            event = webhook_endpoint.payload({"type": http_body.quoted(kind), "Data": data})
            return Batch([_named(event, outer.event_id)])
        case _:
            return Batch([])
