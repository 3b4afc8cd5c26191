"""Registering a webhook at GitHub: found or made per repository or organization, removed again.

A hook is ours when it has our URL and exactly our events. Authentication by API token, or as a
GitHub App (a signed assertion is exchanged for an installation token).
"""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import structlog

from crds.eventsource_http import GithubEventSource
from events import jwt
from events.sources import hook_keeping, http_body
from events.sources.contract import SourceContext

_API = "https://api.github.com"
_TOKEN_SECONDS = 3000.0  # of the hour that a token is good for
_log = structlog.get_logger("events.sources.github")


class Hooks:
    """The hooks of one `github` event; see `hook_keeping.Hooks`."""

    def __init__(self, context: SourceContext, spec: GithubEventSource, url: str) -> None:
        self._context = context
        self._spec = spec
        self._url = url
        self._events = sorted(spec.events or ["*"])
        self._token, self._until = "", 0.0

    def places(self) -> list[str]:
        """Repositories and organizations, as paths of the API."""
        spec = self._spec
        places = [f"orgs/{name}" for name in spec.organizations or ()]
        for owned in spec.repositories or ():
            places += [f"repos/{owned.owner}/{name}" for name in owned.names or ()]
        if spec.owner and spec.repository:
            places.append(f"repos/{spec.owner}/{spec.repository}")
        return places

    async def ensure(self, place: str) -> None:
        """Find our hook or make it."""
        async with await self._session() as session:
            if await self._find(session, place) is not None:
                return
            spec = self._spec
            config = {
                "url": self._url,
                "content_type": spec.content_type or "json",
                "insecure_ssl": "1" if spec.insecure else "0",
            }
            reference = self._context.spec.get("webhookSecret")
            if secret := await hook_keeping.secret(self._context, reference, "webhookSecret"):
                config["secret"] = secret
            body = {"name": "web", "events": self._events, "active": spec.active, "config": config}
            url = f"{self._base}/{place}/hooks"
            async with session.post(url, data=http_body.marshal(body)) as answer:
                if answer.status == 422 and "already exists" in await answer.text():
                    return
                await hook_keeping.answer("GitHub", answer)
                _log.info("github_hook_made", place=place)

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with await self._session() as session:
            hook = await self._find(session, place)
            if hook is None:
                return
            async with session.delete(f"{self._base}/{place}/hooks/{hook}") as answer:
                await hook_keeping.answer("GitHub", answer, okay=(404,))
                _log.info("github_hook_removed", place=place)

    async def _find(self, session: aiohttp.ClientSession, place: str) -> int | None:
        url: str | None = f"{self._base}/{place}/hooks?per_page=100"
        while url:
            async with session.get(url) as answer:
                for hook in await hook_keeping.answer("GitHub", answer):
                    same = (hook.get("config") or {}).get("url") == self._url
                    if same and sorted(hook.get("events") or ()) == self._events:
                        return int(hook["id"])
                following = answer.links.get("next")
                url = str(following["url"]) if following else None
        return None

    @property
    def _base(self) -> str:
        base = self._spec.github_base_url.rstrip("/")
        if not base:
            return _API
        return base if base.endswith("/api/v3") else f"{base}/api/v3"

    async def _session(self) -> aiohttp.ClientSession:
        headers = {
            "Authorization": f"Bearer {await self._bearer()}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "User-Agent": "headrace",
        }
        return aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT)

    async def _bearer(self) -> str:
        """The API token, or a GitHub App's, which is kept as long as it is good."""
        app = self._context.spec.get("githubApp")
        if not app:
            return await hook_keeping.secret(
                self._context, self._context.spec.get("apiToken"), "apiToken"
            )
        if time.monotonic() >= self._until:
            async with aiohttp.ClientSession(timeout=hook_keeping.TIMEOUT) as session:
                self._token = await self._app_token(session, app)
            self._until = time.monotonic() + _TOKEN_SECONDS
        return self._token

    async def _app_token(self, session: aiohttp.ClientSession, app: dict[str, Any]) -> str:
        path = f"{self._context.path}.githubApp.privateKey"
        pem = await self._context.services.secrets.value(
            self._context.namespace, app.get("privateKey") or {}, path
        )
        assertion = _assertion(pem, str(app.get("appID") or ""))
        url = f"{self._base}/app/installations/{app.get('installationID')}/access_tokens"
        headers = {"Authorization": f"Bearer {assertion}", "User-Agent": "headrace"}
        async with session.post(url, headers=headers) as answer:
            return str((await hook_keeping.answer("GitHub", answer))["token"])


def _assertion(pem: bytes, issuer: str) -> str:
    """Good for nine minutes. Raises ValueError."""
    now = int(time.time())
    try:
        return jwt.rs256(pem, {"iat": now - 60, "exp": now + 540, "iss": issuer})
    except ValueError as error:
        raise ValueError(f"githubApp.privateKey {error}") from None
