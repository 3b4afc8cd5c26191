"""`bitbucket`: webhooks of Bitbucket Cloud.

Payload `{headers, body, metadata?}`. Argo's fields have no place for the secret that Bitbucket
can sign with, so `webhook.authSecret` or a reverse proxy must keep others out. With `webhook.url`
and `auth` the hook is registered in each repository.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from crds import decode
from crds.eventsource_http import BitbucketEventSource
from events.sources import hook_keeping, hook_list, http_body, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.hook_list import Found
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
        if url and spec.auth is not None and not spec.events:
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


def places(spec: BitbucketEventSource) -> list[str]:
    """Repositories, as paths of the API. The older form counts alone."""
    names = [(r.owner, r.repository_slug) for r in spec.repositories or ()]
    if not names and spec.owner and spec.repository_slug:
        names.append((spec.owner, spec.repository_slug))
    return [f"{quote(owner, safe='')}/{quote(slug, safe='')}" for owner, slug in names]


def _aims(spec: BitbucketEventSource) -> set[tuple[str, ...]]:
    return {(hook_keeping.url(spec.webhook), place) for place in places(spec)}


class Hooks:
    """The hooks of one `bitbucket` event; see `hook_keeping.Hooks`. A hook with our URL is ours;
    its events are set to ours when they differ."""

    def __init__(
        self, context: SourceContext, spec: BitbucketEventSource, url: str, api: str
    ) -> None:
        self._context = context
        self._spec = spec
        self._api = api.rstrip("/")
        self._wanted: dict[str, Any] = {
            "description": _DESCRIPTION,
            "url": url,
            "active": True,
            "events": sorted(set(spec.events or ())),
        }

    def places(self) -> list[str]:
        """Repositories, as paths of the API."""
        return places(self._spec)

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """See `hook_keeping.Hooks`."""
        return hook_keeping.leaving(self._spec, entry, _aims)

    async def ensure(self, place: str) -> None:
        """Find our hook, make it, or set its events."""
        async with self._listed(place) as hooks:
            await hook_list.settle(hooks)

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with self._listed(place) as hooks:
            await hook_list.clear(hooks)

    @asynccontextmanager
    async def _listed(self, place: str) -> AsyncIterator[_List]:
        given = self._context.spec.get("auth") or {}
        headers = {"Content-Type": "application/json", "User-Agent": "headrace"}
        if basic := given.get("basic"):
            user = await self._secret(basic, "username", "auth.basic")
            password = await self._secret(basic, "password", "auth.basic")
            headers["Authorization"] = hook_keeping.basic(user, password)
        else:
            headers["Authorization"] = f"Bearer {await self._secret(given, 'oauthToken', 'auth')}"
        async with aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT) as session:
            yield _List(session, f"{self._api}/repositories/{place}/hooks", self._wanted)

    async def _secret(self, owner: dict[str, object], name: str, place: str) -> str:
        return await hook_keeping.secret(self._context, owner.get(name), f"{place}.{name}")


@dataclass(frozen=True, slots=True)
class _List:
    """See `hook_list.HookList`."""

    session: aiohttp.ClientSession
    where: str
    wanted: dict[str, Any]

    async def ours(self) -> list[Found]:
        """Hooks with our URL, the oldest first."""
        found = list[tuple[str, Found]]()
        url = f"{self.where}?pagelen=100"
        while url:
            async with self.session.get(_url(url)) as answer:
                page = await hook_keeping.answer("Bitbucket", answer)
            for hook in page.get("values") or ():
                if hook.get("url") == self.wanted["url"]:
                    is_right = sorted(hook.get("events") or ()) == self.wanted["events"]
                    name = str(hook["uuid"])
                    found.append((str(hook.get("created_at") or ""), Found(name, is_right)))
            following = str(page.get("next") or "")
            # The token goes nowhere else, whatever the answer says.
            url = following if following.startswith(f"{self.where}?") else ""
        return [hook for _, hook in sorted(found, key=lambda each: (each[0], each[1].id))]

    async def write(self, hook: str = "") -> None:
        """Make a hook, or make `hook` as wanted."""
        url, method = (self._at(hook), "PUT") if hook else (self.where, "POST")
        data = http_body.marshal(self.wanted)
        async with self.session.request(method, _url(url), data=data) as answer:
            await hook_keeping.answer("Bitbucket", answer)
        _log.info("bitbucket_hook_written", where=self.where)

    async def drop(self, hook: str) -> None:
        """Delete it."""
        async with self.session.delete(_url(self._at(hook))) as answer:
            await hook_keeping.answer("Bitbucket", answer, okay=(404,))
        _log.info("bitbucket_hook_removed", where=self.where)

    def _at(self, hook: str) -> str:
        return f"{self.where}/{quote(hook, safe='')}"


def _url(text: str) -> URL:
    return URL(text, encoded=True)
