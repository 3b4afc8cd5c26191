"""`bitbucket`: webhooks of Bitbucket Cloud.

Payload `{headers, body, metadata?}`. Argo's fields have no place for the secret that Bitbucket
can sign with, so `webhook.authSecret` or a reverse proxy must keep others out. With `webhook.url`
and `auth` the hook is registered in each repository.
"""

from __future__ import annotations

import asyncio

import aiohttp
import structlog

from crds import decode
from crds.eventsource_http import BitbucketEventSource
from events.sources import hook_keeping, http_body, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import Refused

API = "https://api.bitbucket.org/2.0"
_DESCRIPTION = "webhook managed by headrace"
_log = structlog.get_logger("events.sources.bitbucket")


class Bitbucket:
    """See `Source`. `api`: where the REST API is."""

    def __init__(self, api: str = API) -> None:
        self._api = api

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, keep the hooks, until cancelled."""
        spec, _ = decode.decode(dict(context.spec), BitbucketEventSource)
        url = hook_keeping.url(spec.webhook)
        hooks = Hooks(context, spec, url, self._api)
        if not hooks.places():
            raise SourceError(f"{context.path}.repositories", "is required")
        if url and not spec.events:
            raise SourceError(f"{context.path}.events", "is required to register the hook")
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> bytes:
            try:
                return webhook_endpoint.envelope(request, http_body.compact(body), extra)
            except http_body.BadBody:
                raise Refused(400, "invalid event") from None

        webhook = context.spec.get("webhook") or {}
        async with webhook_endpoint.attached(context, webhook, f"{context.path}.webhook", shape):
            if not url or spec.auth is None:
                ready("no webhook.url or no auth: the hook is not registered at Bitbucket")
                await asyncio.Event().wait()
            ready()
            await hook_keeping.keep(context, ready, hooks, delete=spec.delete_hook_on_finish)


class Hooks:
    """The hooks of one `bitbucket` event; see `hook_keeping.Hooks`. A hook with our URL is ours;
    its events are set to ours when they differ."""

    def __init__(
        self, context: SourceContext, spec: BitbucketEventSource, url: str, api: str
    ) -> None:
        self._context = context
        self._spec = spec
        self._url = url
        self._api = api.rstrip("/")
        self._events = sorted(spec.events or ())

    def places(self) -> list[str]:
        """Repositories, as paths of the API."""
        spec = self._spec
        places = [f"{r.owner}/{r.repository_slug}" for r in spec.repositories or ()]
        if spec.owner and spec.repository_slug:
            places.append(f"{spec.owner}/{spec.repository_slug}")
        return places

    async def ensure(self, place: str) -> None:
        """Find our hook, make it, or set its events."""
        wanted = {
            "description": _DESCRIPTION,
            "url": self._url,
            "active": True,
            "events": self._events,
        }
        async with await self._session() as session:
            hook = await self._find(session, place)
            if hook is not None and sorted(hook[1]) == self._events:
                return
            method = "POST" if hook is None else "PUT"
            rest = "" if hook is None else f"/{hook[0]}"
            data = http_body.marshal(wanted)
            async with session.request(method, self._at(place) + rest, data=data) as answer:
                await hook_keeping.answer("Bitbucket", answer)
                _log.info("bitbucket_hook_made", place=place)

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with await self._session() as session:
            hook = await self._find(session, place)
            if hook is None:
                return
            async with session.delete(f"{self._at(place)}/{hook[0]}") as answer:
                await hook_keeping.answer("Bitbucket", answer, okay=(404,))
                _log.info("bitbucket_hook_removed", place=place)

    async def _find(
        self, session: aiohttp.ClientSession, place: str
    ) -> tuple[str, list[str]] | None:
        """Id and events of our hook."""
        first = url = f"{self._at(place)}?pagelen=100"
        while url:
            async with session.get(url) as answer:
                page = await hook_keeping.answer("Bitbucket", answer)
            for hook in page.get("values") or ():
                if hook.get("url") == self._url:
                    return str(hook["uuid"]), list(hook.get("events") or ())
            following = str(page.get("next") or "")
            # The token goes nowhere else, whatever the answer says.
            url = following if following.startswith(first.partition("?")[0]) else ""
        return None

    def _at(self, place: str) -> str:
        return f"{self._api}/repositories/{place}/hooks"

    async def _session(self) -> aiohttp.ClientSession:
        given = self._context.spec.get("auth") or {}
        headers = {"Content-Type": "application/json", "User-Agent": "headrace"}
        if basic := given.get("basic"):
            user = await self._secret(basic, "username", "auth.basic")
            password = await self._secret(basic, "password", "auth.basic")
            headers["Authorization"] = hook_keeping.basic(user, password)
        else:
            headers["Authorization"] = f"Bearer {await self._secret(given, 'oauthToken', 'auth')}"
        return aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT)

    async def _secret(self, owner: dict[str, object], name: str, place: str) -> str:
        return await hook_keeping.secret(self._context, owner.get(name), f"{place}.{name}")
