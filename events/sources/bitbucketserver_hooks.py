"""Registering webhooks at Bitbucket Server: found or made per repository, kept as wanted, removed.

A hook with our URL is ours. `projects` means every repository of the project, new ones too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from yarl import URL

from crds.eventsource_http import BitbucketServerEventSource
from events.sources import hook_keeping, hook_list, http_body
from events.sources.bitbucketserver_api import PROVIDER, BitbucketServer
from events.sources.contract import SourceContext
from events.sources.hook_list import Found

_log = structlog.get_logger("events.sources.bitbucketserver")


def places(spec: BitbucketServerEventSource) -> list[str]:
    """Repositories as `KEY/slug`, and whole projects as `KEY`. The older form counts alone."""
    found = [f"{r.project_key}/{r.repository_slug}" for r in spec.repositories or ()]
    if not found and spec.project_key and spec.repository_slug:
        found.append(f"{spec.project_key}/{spec.repository_slug}")
    return found + list(spec.projects or ())


def _aims(spec: BitbucketServerEventSource) -> set[tuple[str, ...]]:
    base, url = spec.bitbucketserver_base_url, hook_keeping.url(spec.webhook)
    return {(base, url, place) for place in places(spec)}


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
        self._api = api
        self._wanted: dict[str, Any] = {
            "name": "headrace",
            "url": url,
            "active": True,
            "events": sorted(set(spec.events or ())),
        }

    def places(self) -> list[str]:
        """Repositories as `KEY/slug`, and whole projects as `KEY`."""
        return places(self._spec)

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """See `hook_keeping.Hooks`."""
        return hook_keeping.leaving(self._spec, entry, _aims)

    async def ensure(self, place: str) -> None:
        """Find our hooks, make them, or make them as wanted."""
        secret = await hook_keeping.signing_secret(self._context, "webhookSecret")
        wanted = dict(self._wanted)
        if secret:  # an empty one is answered with 500
            wanted["configuration"] = {"secret": secret}
        async with self._api.session() as session:
            async for path in self._repositories(session, place):
                await hook_list.settle(_List(self._api, session, path, wanted))

    async def remove(self, place: str) -> None:
        """Delete our hooks."""
        async with self._api.session() as session:
            async for path in self._repositories(session, place):
                await hook_list.clear(_List(self._api, session, path, self._wanted))

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


@dataclass(frozen=True, slots=True)
class _List:
    """See `hook_list.HookList`."""

    api: BitbucketServer
    session: aiohttp.ClientSession
    path: tuple[str, ...]
    wanted: dict[str, Any]

    async def ours(self) -> list[Found]:
        """Hooks with our URL, the oldest first."""
        found = [
            Found(str(hook["id"]), _same(hook, self.wanted))
            async for hook in self.api.every(self.session, *self.path)
            if hook.get("url") == self.wanted["url"]
        ]
        return sorted(found, key=lambda hook: int(hook.id))

    async def write(self, hook: str = "") -> None:
        """Make a hook, or make `hook` as wanted."""
        url, method = (self.api.at(*self.path, hook), "PUT") if hook else (self._list(), "POST")
        data = http_body.marshal(self.wanted)
        async with self.session.request(method, url, data=data) as answer:
            await hook_keeping.answer(PROVIDER, answer)
        _log.info("bitbucketserver_hook_written", repository="/".join(self.path[1:4:2]))

    async def drop(self, hook: str) -> None:
        """Delete it."""
        async with self.session.delete(self.api.at(*self.path, hook)) as answer:
            await hook_keeping.answer(PROVIDER, answer, okay=(404,))

    def _list(self) -> URL:
        return self.api.at(*self.path)


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    secret = (found.get("configuration") or {}).get("secret") or ""
    return (
        sorted(found.get("events") or ()) == wanted["events"]
        and bool(found.get("active", True))
        and secret == (wanted.get("configuration") or {}).get("secret", "")
    )
