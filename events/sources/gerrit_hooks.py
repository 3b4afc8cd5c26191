"""Registering a webhook at Gerrit's `webhooks` plugin: found or made per project, removed again.

A hook is a remote of our name; it is written again when it is not as we want it, and only then,
because each writing is a commit in the project's configuration. Called by the `gerrit` source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
import structlog
from yarl import URL

from crds.eventsource_http import GerritEventSource
from events.sources import hook_keeping, http_body
from events.sources.contract import SourceContext, SourceError

_GUARD = b")]}'"  # stands before Gerrit's JSON, against script inclusion
_log = structlog.get_logger("events.sources.gerrit")


def check(spec: GerritEventSource, path: str) -> None:
    """Raises SourceError when `gerritBaseURL` is no place to register at."""
    try:
        found = urlsplit(spec.gerrit_base_url)
        usable = found.scheme in ("http", "https") and found.hostname and not found.query
    except ValueError:
        usable = False
    if not usable:
        raise SourceError(f"{path}.gerritBaseURL", "must be http:// or https://")


def _aims(spec: GerritEventSource) -> set[tuple[str, ...]]:
    base, url = spec.gerrit_base_url, hook_keeping.url(spec.webhook)
    return {(base, url, spec.hook_name, place) for place in spec.projects or ()}


class Hooks:
    """The hooks of one `gerrit` event; see `hook_keeping.Hooks`."""

    def __init__(self, context: SourceContext, spec: GerritEventSource, url: str) -> None:
        self._context = context
        self._spec = spec
        self._wanted = _wanted(spec, url)

    def places(self) -> list[str]:
        """Projects."""
        return list(self._spec.projects or ())

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """See `hook_keeping.Hooks`."""
        return hook_keeping.leaving(self._spec, entry, _aims)

    async def ensure(self, place: str) -> None:
        """Find our hook or write it."""
        async with await self._session() as session:
            found = await self._find(session, place)
            if found is not None and all(_same(found.get(k), v) for k, v in self._wanted.items()):
                return
            data = http_body.marshal(self._wanted)
            url = self._place(place)
            async with session.put(url, data=data, allow_redirects=False) as answer:
                hook_keeping.check("Gerrit", answer)
                _log.info("gerrit_hook_made", project=place)

    async def remove(self, place: str) -> None:
        """Delete our hook; one of our name that leads elsewhere is somebody else's."""
        async with await self._session() as session:
            found = await self._find(session, place)
            if found is None or found.get("url") != self._wanted["url"]:
                return
            async with session.delete(self._place(place), allow_redirects=False) as answer:
                hook_keeping.check("Gerrit", answer, okay=(404,))
                _log.info("gerrit_hook_removed", project=place)

    async def _find(self, session: aiohttp.ClientSession, project: str) -> dict[str, Any] | None:
        async with session.get(self._place(project), allow_redirects=False) as answer:
            if answer.status == 404:
                return None
            hook_keeping.check("Gerrit", answer)
            raw = await hook_keeping.whole("Gerrit", answer)
        found = orjson.loads(raw.removeprefix(_GUARD))
        if not isinstance(found, dict):
            raise ValueError("what answers is no webhooks plugin")
        return found

    def _place(self, project: str) -> URL:
        base = self._spec.gerrit_base_url.rstrip("/").removesuffix("/a")
        name = quote(self._spec.hook_name, safe="")
        where = f"{base}/a/config/server/webhooks~projects/{quote(project, safe='')}/remotes/{name}"
        return URL(where, encoded=True)

    async def _session(self) -> aiohttp.ClientSession:
        auth = self._context.spec.get("auth") or {}
        user = await hook_keeping.secret(self._context, auth.get("username"), "auth.username")
        password = await hook_keeping.secret(self._context, auth.get("password"), "auth.password")
        headers = {
            "Authorization": hook_keeping.basic(user, password),
            "Content-Type": "application/json; charset=UTF-8",
            "User-Agent": "headrace",
        }
        return aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT)


def _wanted(spec: GerritEventSource, url: str) -> dict[str, Any]:
    """The remote as the plugin takes it."""
    wanted: dict[str, Any] = {"url": url, "sslVerify": spec.ssl_verify}
    if spec.events:
        wanted["events"] = list(spec.events)
    if spec.max_tries is not None:
        wanted["maxTries"] = spec.max_tries
    return wanted


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return isinstance(found, list) and sorted(map(str, found)) == sorted(wanted)
    return bool(found == wanted or (wanted is False and found is None))
