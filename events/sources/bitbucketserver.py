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

from crds import decode
from crds.eventsource_http import BitbucketServerEventSource
from events.sources import (
    bitbucketserver_hooks,
    bitbucketserver_push,
    client_tls,
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
_INVALID = "failed to validate bitbucketserver webhook request: "
_TOO_LARGE = http_message.text(
    400, f"{_INVALID}failed to parse request body: http: request body too large"
)


class Bitbucketserver:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, keep the hooks, until cancelled."""
        spec, every = _spec(context)
        await hook_keeping.require(context, "accessToken", "webhookSecret")
        api = BitbucketServer(context, spec)
        extra = webhook_endpoint.metadata(context.spec)

        async def shape(request: Request, body: bytes) -> Batch:
            if (key := webhook_endpoint.key(context, "webhookSecret")) is not None:
                _verify(key, request, body)
            bodies = [body]
            if request.header("X-Event-Key") == bitbucketserver_push.KEY:
                bodies = await bitbucketserver_push.events(api, spec, body)
            try:
                found = [http_body.compact(each) for each in bodies]
            except http_body.BadBody:
                raise Refused(400, "invalid event") from None
            events = [
                Named(webhook_endpoint.envelope(request, each, extra), content=each)
                for each in found
            ]
            return Batch(events, http_message.text(200, "success" * (len(events) + 1)))

        webhook = context.spec.get("webhook") or {}
        path = f"{context.path}.webhook"
        block = webhook_endpoint.attached(context, webhook, path, shape, too_large=_TOO_LARGE)
        async with block:
            hooks = bitbucketserver_hooks.Hooks(context, spec, hook_keeping.url(spec.webhook), api)
            if not _registers(spec):
                ready("no accessToken, webhook.url, or repositories: no hook is registered")
                await asyncio.Event().wait()
            ready()
            delete, field = spec.delete_hook_on_finish, "webhookSecret"
            await hook_keeping.keep(
                context, ready, hooks, delete=delete, every=every, signed_by=field
            )


def _spec(context: SourceContext) -> tuple[BitbucketServerEventSource, float]:
    """The checked settings, and the seconds between two looks at the hooks."""
    spec, _ = decode.decode(dict(context.spec), BitbucketServerEventSource)
    if not spec.bitbucketserver_base_url:
        raise SourceError(f"{context.path}.bitbucketserverBaseURL", "is required")
    client_tls.check(spec.tls, f"{context.path}.tls")
    if _registers(spec) and not spec.events:
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


def _registers(spec: BitbucketServerEventSource) -> bool:
    is_asked = spec.access_token is not None and bool(hook_keeping.url(spec.webhook))
    return is_asked and bool(bitbucketserver_hooks.places(spec))


def _verify(key: bytes, request: Request, body: bytes) -> None:
    """Raises Refused unless the signature on the raw body is right."""
    signature = request.header("X-Hub-Signature")
    if not signature:
        raise Refused(400, f"{_INVALID}missing signature header")
    expected = hmac.new(key, body, hashlib.sha256).hexdigest()
    given = signature[_PREFIX:].encode("utf-8", "replace")
    if not signature.startswith("sha256=") or not hmac.compare_digest(given, expected.encode()):
        raise Refused(400, f"{_INVALID}hmac verification failed")
