"""`gitlab`: webhooks of GitLab, gitlab.com or self-managed.

Every delivery must carry `secretToken` when one is given. Payload `{headers, body, metadata?}`.
With `webhook.url` and `projects` or `groups` the hooks are registered.
"""

from __future__ import annotations

import asyncio
import hmac

from crds import decode
from crds.eventsource_http import GitlabEventSource
from events.sources import gitlab_hooks, hook_keeping, http_body, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import Refused


class Gitlab:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, keep the hooks, until cancelled."""
        spec = _spec(context)
        await hook_keeping.require(context, "secretToken", "accessToken")
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> bytes:
            if (token := webhook_endpoint.key(context, "secretToken")) is not None:
                _verify(token, request)
            try:
                return webhook_endpoint.envelope(request, http_body.compact(body), extra)
            except http_body.BadBody:
                raise Refused(400, "invalid event") from None

        webhook = context.spec.get("webhook") or {}
        async with webhook_endpoint.attached(context, webhook, f"{context.path}.webhook", shape):
            url = hook_keeping.url(spec.webhook)
            hooks = gitlab_hooks.Hooks(context, spec, url)
            if not url or not hooks.places():
                ready("no webhook.url, or no projects and groups: no hook is registered at GitLab")
                await asyncio.Event().wait()
            ready()
            delete = spec.delete_hook_on_finish
            await hook_keeping.keep(context, ready, hooks, delete=delete, signed_by="secretToken")


def _spec(context: SourceContext) -> GitlabEventSource:
    spec, _ = decode.decode(dict(context.spec), GitlabEventSource)
    required = {
        "events": spec.events,
        "gitlabBaseURL": spec.gitlab_base_url,
        "accessToken": spec.access_token,
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
    for index, event in enumerate(spec.events or ()):
        if event not in gitlab_hooks.EVENTS:
            raise SourceError(f"{context.path}.events[{index}]", f"unknown event {event}")
    return spec


def _verify(token: bytes, request: Request) -> None:
    """Raises Refused unless the token is right. A header cannot carry blanks around it."""
    given = request.header("X-Gitlab-Token").encode("utf-8", "replace")
    if not hmac.compare_digest(given, token.strip()):
        raise Refused(400, "token mismatch")
