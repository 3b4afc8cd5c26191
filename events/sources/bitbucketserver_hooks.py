"""Registering webhooks at Bitbucket Server: found or made per repository, kept as wanted, removed.

A hook with our URL is ours. `projects` means every repository of the project, new ones too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import structlog

from crds.eventsource_http import BitbucketServerEventSource
from events.sources import hook_keeping, http_body
from events.sources.bitbucketserver_api import PROVIDER, BitbucketServer
from events.sources.contract import SourceContext

_log = structlog.get_logger("events.sources.bitbucketserver")


class Hooks:
    """The hooks of one `bitbucketserver` event; see `hook_keeping.Hooks`."""

    def __init__(
        self,
        context: SourceContext,
        spec: BitbucketServerEventSource,
        url: str,
        api: BitbucketServer,
    ) -> None:
        self._context = context
        self._spec = spec
        self._url = url
        self._api = api
        self._events = sorted(spec.events or ())

    def places(self) -> list[str]:
        """Repositories as `KEY/slug`, and whole projects as `KEY`."""
        spec = self._spec
        places = [f"{r.project_key}/{r.repository_slug}" for r in spec.repositories or ()]
        if spec.project_key and spec.repository_slug:
            places.append(f"{spec.project_key}/{spec.repository_slug}")
        return places + list(spec.projects or ())

    async def ensure(self, place: str) -> None:
        """Find our hook, make it, or make it as wanted."""
        reference = self._context.spec.get("webhookSecret")
        secret = await hook_keeping.secret(self._context, reference, "webhookSecret")
        wanted: dict[str, Any] = {
            "name": "headrace",
            "url": self._url,
            "active": True,
            "events": self._events,
        }
        if secret:  # an empty one is answered with 500
            wanted["configuration"] = {"secret": secret}
        async with self._api.session() as session:
            async for path in self._repositories(session, place):
                await self._ensure(session, path, wanted)

    async def _ensure(
        self, session: aiohttp.ClientSession, path: tuple[str, ...], wanted: dict[str, Any]
    ) -> None:
        found = await self._find(session, path)
        if found is not None and _same(found, wanted):
            return
        method = "POST" if found is None else "PUT"
        url = self._api.at(*path, *(() if found is None else (str(found["id"]),)))
        async with session.request(method, url, data=http_body.marshal(wanted)) as answer:
            await hook_keeping.answer(PROVIDER, answer)
            _log.info("bitbucketserver_hook_made", repository="/".join(path[1:4:2]))

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with self._api.session() as session:
            async for path in self._repositories(session, place):
                found = await self._find(session, path)
                if found is None:
                    continue
                url = self._api.at(*path, str(found["id"]))
                async with session.delete(url) as answer:
                    await hook_keeping.answer(PROVIDER, answer, okay=(404,))

    async def _repositories(
        self, session: aiohttp.ClientSession, place: str
    ) -> AsyncIterator[tuple[str, ...]]:
        """Paths of the hooks' lists."""
        project, slash, slug = place.partition("/")
        if slash:
            yield ("projects", project, "repos", slug, "webhooks")
            return
        async for repository in self._api.every(session, "projects", project, "repos"):
            yield ("projects", project, "repos", str(repository["slug"]), "webhooks")

    async def _find(
        self, session: aiohttp.ClientSession, path: tuple[str, ...]
    ) -> dict[str, Any] | None:
        async for hook in self._api.every(session, *path):
            if hook.get("url") == self._url:
                return hook
        return None


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    secret = (found.get("configuration") or {}).get("secret") or ""
    return (
        sorted(found.get("events") or ()) == wanted["events"]
        and bool(found.get("active", True))
        and secret == (wanted.get("configuration") or {}).get("secret", "")
    )
