"""`stripe`: events of a Stripe account.

Argo's fields have no place for the endpoint's signing secret, so `webhook.authSecret` or a proxy
must keep others out. Payload `{event, metadata?}`, the event in the shape of the reference. The
event's id comes from Stripe's own and what happened: a delivery tried again is the same event. With
`createWebhook` the endpoint is registered, once, and its types are made those of the EventSource.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import structlog

from crds import decode
from crds.eventsource_http import StripeEventSource
from events.sources import go_shape, hook_keeping, http_body, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.go_shape import ANY, FLAG, NUMBER, TEXT, Leaf, Pointer, Struct
from events.sources.http_message import Request, Response
from events.sources.webhook_endpoint import Batch, Named, Refused

API = "https://api.stripe.com"
_OBJECT = Leaf(b"null", b"{", "object", is_needed=True)
_SHAPE = Struct(
    {
        "account": TEXT,
        "created": NUMBER,
        "data": Pointer(Struct({"previous_attributes": ANY, "object": _OBJECT})),
        "id": TEXT,
        "livemode": FLAG,
        "pending_webhooks": NUMBER,
        "request": Pointer(Struct({"id": TEXT, "idempotency_key": TEXT})),
        "type": TEXT,
    }
)
_TOO_LARGE = Response(503, content_type="")  # as the reference has it
_log = structlog.get_logger("events.sources.stripe")


class _Head(msgspec.Struct):
    id: str | None = None
    type: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


_head = msgspec.json.Decoder(_Head).decode


class Stripe:
    """See `Source`. `api`: where the REST API is."""

    def __init__(self, api: str = API) -> None:
        self._api = api

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, register it when wanted, until cancelled."""
        spec, _ = decode.decode(dict(context.spec), StripeEventSource)
        url = hook_keeping.url(spec.webhook)
        if spec.create_webhook and spec.api_key is None:
            raise SourceError(f"{context.path}.apiKey", "is required by createWebhook")
        if spec.create_webhook and not url:
            raise SourceError(f"{context.path}.webhook.url", "is required by createWebhook")
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> Batch:
            return _shape(body, spec, extra)

        webhook = context.spec.get("webhook") or {}
        path = f"{context.path}.webhook"
        block = webhook_endpoint.attached(context, webhook, path, shape, too_large=_TOO_LARGE)
        async with block:
            ready()
            if not spec.create_webhook:
                await asyncio.Event().wait()
            await hook_keeping.keep(context, ready, Hooks(context, spec, url, self._api))


def _shape(body: bytes, spec: StripeEventSource, extra: bytes | None) -> Batch:
    try:
        event = go_shape.shaped(http_body.whole_pairs(http_body.compact(body)), _SHAPE)
        head = _head(event)
    except (http_body.BadBody, msgspec.MsgspecError, go_shape.BadShape):
        raise Refused(400, "failed to parse the event") from None
    if spec.event_filter and (head.type or "") not in spec.event_filter:
        raise Refused(400, "invalid event")
    data = webhook_endpoint.payload({"event": event, "metadata": extra})
    if not head.id:
        return Batch([Named(data, content=body)])
    # Who knows an id cannot hide its event with another one; only the tries left may differ.
    what = hashlib.sha256(bytes(head.data)).hexdigest()
    return Batch([Named(data, f"{head.id}:{head.type}:{what}")])


class Hooks:
    """The endpoint of one `stripe` event; see `hook_keeping.Hooks`. One with our URL is ours."""

    def __init__(self, context: SourceContext, spec: StripeEventSource, url: str, api: str) -> None:
        self._context = context
        self._events = sorted(set(spec.event_filter or ["*"]))
        self._url = url
        self._api = f"{api.rstrip('/')}/v1/webhook_endpoints"

    def places(self) -> list[str]:
        """The account."""
        return ["the account"]

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """The endpoint stays, so that nothing is lost while headrace restarts."""
        return []

    async def ensure(self, place: str) -> None:
        """Find our endpoint, make it, or set its types."""
        async with await self._session() as session:
            found = await self._find(session)
            if found is not None and sorted(found.get("enabled_events") or ()) == self._events:
                return
            fields = [("enabled_events[]", name) for name in self._events]
            url = self._api
            if found is None:
                fields.append(("url", self._url))
            else:
                url = f"{self._api}/{quote(str(found['id']), safe='')}"
            async with session.post(url, data=aiohttp.FormData(fields)) as answer:
                await hook_keeping.answer("Stripe", answer)
                _log.info("stripe_endpoint_written", owner=self._context.owner)

    async def remove(self, place: str) -> None:
        """The endpoint stays; see `leaving`."""

    async def _find(self, session: aiohttp.ClientSession) -> dict[str, Any] | None:
        after = ""
        while True:
            query = {"limit": "100", **({"starting_after": after} if after else {})}
            async with session.get(self._api, params=query) as answer:
                page = await hook_keeping.answer("Stripe", answer)
            for hook in page["data"]:
                after = str(hook["id"])
                if hook.get("url") == self._url:
                    return dict(hook)
            if not page.get("has_more") or not page["data"]:
                return None

    async def _session(self) -> aiohttp.ClientSession:
        reference = self._context.spec.get("apiKey")
        key = await hook_keeping.secret(self._context, reference, "apiKey")
        return aiohttp.ClientSession(
            headers={"User-Agent": "headrace", "Authorization": hook_keeping.basic(key, "")},
            timeout=hook_keeping.TIMEOUT,
        )
