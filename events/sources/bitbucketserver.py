"""`bitbucketserver`: webhooks of Bitbucket Server and Data Center.

With `webhookSecret` the signature is checked on the raw bytes. Payload `{headers, body,
metadata?}`. A push (`repo:refs_changed`) may be split into one event per changed ref, and changes
of branches with an open pull request may be left out. The answer says `success` once per event
and once more, as the reference does. Hooks are registered with `accessToken` and `webhook.url`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from crds import decode
from crds.eventsource_http import BitbucketServerEventSource
from events.sources import (
    bitbucketserver_hooks,
    bitbucketserver_push,
    hook_keeping,
    http_body,
    http_message,
    webhook_endpoint,
)
from events.sources.bitbucketserver_api import BitbucketServer
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import Batch, Named, Refused
from lang import duration
from lang.errors import LangError

_PREFIX = len("sha256=")
_CHECK_SECONDS = 60.0


class Bitbucketserver:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, keep the hooks, until cancelled."""
        spec, every = _spec(context)
        await hook_keeping.require(context, "accessToken", "webhookSecret")
        api = BitbucketServer(context, spec)
        extra = webhook_endpoint.metadata(context.spec)

        async def shape(request: Request, body: bytes) -> Batch:
            if reference := context.spec.get("webhookSecret"):
                _verify(context, reference, request, body)
            bodies = [body]
            if request.header("X-Event-Key") == bitbucketserver_push.KEY:
                bodies = await bitbucketserver_push.events(api, spec, body)
            try:
                found = [http_body.compact(each) for each in bodies]
            except http_body.BadBody:
                raise Refused(400, "invalid event") from None
            events = [Named(webhook_endpoint.envelope(request, each, extra)) for each in found]
            return Batch(events, http_message.text(200, "success" * (len(events) + 1)))

        webhook = context.spec.get("webhook") or {}
        path = f"{context.path}.webhook"
        async with webhook_endpoint.attached(context, webhook, path, shape):
            url = hook_keeping.url(spec.webhook)
            if spec.access_token is None or not url:
                ready("no accessToken or no webhook.url: the hook is not registered")
                await asyncio.Event().wait()
            ready()
            hooks = bitbucketserver_hooks.Hooks(context, spec, url, api)
            delete = spec.delete_hook_on_finish
            await hook_keeping.keep(context, ready, hooks, delete=delete, every=every)


def _spec(context: SourceContext) -> tuple[BitbucketServerEventSource, float]:
    """The checked settings, and the seconds between two looks at the hooks."""
    spec, _ = decode.decode(dict(context.spec), BitbucketServerEventSource)
    if not spec.bitbucketserver_base_url:
        raise SourceError(f"{context.path}.bitbucketserverBaseURL", "is required")
    if not (spec.repositories or spec.projects or (spec.project_key and spec.repository_slug)):
        raise SourceError(f"{context.path}.repositories", "repositories or projects is required")
    if hook_keeping.url(spec.webhook) and spec.access_token and not spec.events:
        raise SourceError(f"{context.path}.events", "is required to register the hook")
    if spec.skip_branch_refs_changed_on_open_pr and spec.access_token is None:
        field = f"{context.path}.accessToken"
        raise SourceError(field, "is required by skipBranchRefsChangedOnOpenPR")
    if not spec.check_interval:
        return spec, _CHECK_SECONDS
    try:
        return spec, max(duration.parse_go(spec.check_interval), 1.0)
    except LangError as error:
        raise SourceError(f"{context.path}.checkInterval", error.message) from None


def _verify(
    context: SourceContext, reference: Mapping[str, Any], request: Request, body: bytes
) -> None:
    """Raises Refused unless the signature on the raw body is right."""
    secret = context.services.secrets.cached(context.namespace, reference)
    key = (secret or b"").strip()
    if not key:
        raise Refused(503, "the webhook secret is not available")
    refused = "failed to validate bitbucketserver webhook request: "
    signature = request.header("X-Hub-Signature")
    if not signature:
        raise Refused(400, f"{refused}missing signature header")
    expected = hmac.new(key, body, hashlib.sha256).hexdigest()
    given = signature[_PREFIX:].encode("utf-8", "replace")
    if not signature.startswith("sha256=") or not hmac.compare_digest(given, expected.encode()):
        raise Refused(400, f"{refused}hmac verification failed")
