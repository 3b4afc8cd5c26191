"""`gerrit`: events of Gerrit's `webhooks` plugin.

Payload `{headers, body, metadata?}`. The plugin neither signs what it sends nor numbers it: the
same event sent again has the same content, its time included, and is known by that. With `auth`
and `webhook.url` the hook is registered in each project.
"""

from __future__ import annotations

import asyncio

from crds import decode
from crds.eventsource_http import GerritEventSource
from events.secrets import MissingValue
from events.sources import gerrit_hooks, hook_keeping, http_body, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import Refused


class Gerrit:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, keep the hooks, until cancelled."""
        spec, _ = decode.decode(dict(context.spec), GerritEventSource)
        await _check(context, spec)
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> bytes:
            try:
                return webhook_endpoint.envelope(request, http_body.compact(body), extra)
            except http_body.BadBody:
                raise Refused(400, "invalid event") from None

        webhook = context.spec.get("webhook") or {}
        async with webhook_endpoint.attached(context, webhook, f"{context.path}.webhook", shape):
            url = hook_keeping.url(spec.webhook)
            if spec.auth is None or not url:
                ready("no webhook.url or no auth: the hook is not registered at Gerrit")
                await asyncio.Event().wait()
            ready()
            hooks = gerrit_hooks.Hooks(context, spec, url)
            await hook_keeping.keep(context, ready, hooks, delete=spec.delete_hook_on_finish)


async def _check(context: SourceContext, spec: GerritEventSource) -> None:
    """Raises SourceError."""
    required = {
        "projects": spec.projects,
        "events": spec.events,
        "gerritBaseURL": spec.gerrit_base_url,
    }
    if spec.auth is not None and hook_keeping.url(spec.webhook):
        required["hookName"] = spec.hook_name
    for name, value in required.items():
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
    gerrit_hooks.check(spec, context.path)
    auth = context.spec.get("auth")
    if auth is None:
        return
    for field in ("username", "password"):
        try:
            await context.services.secrets.value(
                context.namespace, auth.get(field) or {}, f"{context.path}.auth.{field}"
            )
        except MissingValue as error:
            raise SourceError("", str(error), "MissingSecret") from None
