"""The REST API of Bitbucket Server, as far as the source asks it: paged lists and hooks.

`bitbucketserverBaseURL` is the API's root, with or without `/rest`. Called by the source, its
hooks, and the look for open pull requests.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from crds.eventsource_http import BitbucketServerEventSource
from events.sources import client_tls, hook_keeping
from events.sources.contract import SourceContext

PROVIDER = "Bitbucket Server"
_PAGE = 500
_MOST_PAGES = 200


class BitbucketServer:
    """See the module. Errors are those of `hook_keeping.Hooks`."""

    def __init__(self, context: SourceContext, spec: BitbucketServerEventSource) -> None:
        self._context = context
        self._spec = spec
        base = spec.bitbucketserver_base_url.rstrip("/")
        self._base = (base if base.endswith("/rest") else f"{base}/rest") + "/api/1.0"

    def at(self, *parts: str) -> URL:
        """The address of a resource; `parts` are escaped."""
        path = "/".join(quote(part, safe="") for part in parts)
        return URL(f"{self._base}/{path}", encoded=True)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with the token and the TLS settings."""
        context = self._context
        token = await hook_keeping.secret(context, context.spec.get("accessToken"), "accessToken")
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-Atlassian-Token": "no-check",
            "User-Agent": "headrace",
        }
        tls = await client_tls.context(self._read, self._spec.tls, f"{context.path}.tls")
        connector = aiohttp.TCPConnector(ssl=tls) if tls else None
        async with aiohttp.ClientSession(
            headers=headers, connector=connector, timeout=hook_keeping.TIMEOUT
        ) as session:
            yield session

    async def _read(self, reference: Any, path: str) -> bytes:
        secrets = self._context.services.secrets
        return await secrets.value(self._context.namespace, reference, path)

    async def every(
        self, session: aiohttp.ClientSession, *parts: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The entries of a paged list."""
        start = 0
        for _ in range(_MOST_PAGES):
            url = self.at(*parts).with_query(limit=_PAGE, start=start)
            async with session.get(url) as answer:
                page = await hook_keeping.answer(PROVIDER, answer)
            for value in page.get("values") or ():
                yield value
            following = page.get("nextPageStart")
            if page.get("isLastPage", True) or not isinstance(following, int) or following <= start:
                return
            start = following
