"""Registering a webhook at GitHub: found or made per repository or organization, removed again.

A hook with our URL is ours; its events, settings and secret are made those of the EventSource.
GitHub does not show the secret, so it is written once per start, and when it changes.
Authentication by API token, or as a GitHub App (a signed assertion is exchanged for an installation
token).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import structlog

from crds.eventsource_http import GithubEventSource
from events import jwt
from events.sources import hook_keeping, hook_list, http_body
from events.sources.contract import SourceContext
from events.sources.hook_list import Found

_API = "https://api.github.com"
_TOKEN_SECONDS = 3000.0  # of the hour that a token is good for
_PAGE = 100
_log = structlog.get_logger("events.sources.github")


def places(spec: GithubEventSource) -> list[str]:
    """Repositories and organizations, as paths of the API. The older form counts alone."""
    found = [f"orgs/{quote(name, safe='')}" for name in spec.organizations or ()]
    for owned in spec.repositories or ():
        found += [_repository(owned.owner, name) for name in owned.names or ()]
    if not spec.repositories and spec.owner and spec.repository:
        found.append(_repository(spec.owner, spec.repository))
    return found


def _repository(owner: str, name: str) -> str:
    return f"repos/{quote(owner, safe='')}/{quote(name, safe='')}"


def _aims(spec: GithubEventSource) -> set[tuple[str, ...]]:
    url = hook_keeping.url(spec.webhook)
    return {(_base(spec), url, place) for place in places(spec)}


def _base(spec: GithubEventSource) -> str:
    base = spec.github_base_url.rstrip("/")
    if not base:
        return _API
    return base if base.endswith("/api/v3") else f"{base}/api/v3"


class Hooks:
    """The hooks of one `github` event; see `hook_keeping.Hooks`."""

    def __init__(self, context: SourceContext, spec: GithubEventSource, url: str) -> None:
        self._context = context
        self._spec = spec
        self._base = _base(spec)
        events = set(spec.events or ())
        self._wanted = {
            "name": "web",
            "events": ["*"] if "*" in events else sorted(events),
            "active": spec.active,
            "config": {
                "url": url,
                "content_type": spec.content_type or "json",
                "insecure_ssl": "1" if spec.insecure else "0",
            },
        }
        self._told: dict[str, str] = {}  # the secret by place
        self._token, self._until = "", 0.0

    def places(self) -> list[str]:
        """Repositories and organizations, as paths of the API."""
        return places(self._spec)

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """See `hook_keeping.Hooks`."""
        return hook_keeping.leaving(self._spec, entry, _aims)

    async def ensure(self, place: str) -> None:
        """Find our hook, make it, or make it as wanted."""
        secret = await hook_keeping.signing_secret(self._context, "webhookSecret")
        try:
            async with self._listed(place, secret) as hooks:
                await hook_list.settle(hooks)
        except ValueError:
            self._until = 0.0  # the App's token may have been taken back
            raise

    async def remove(self, place: str) -> None:
        """Delete our hook."""
        async with self._listed(place, "") as hooks:
            await hook_list.clear(hooks)

    @asynccontextmanager
    async def _listed(self, place: str, secret: str) -> AsyncIterator[_List]:
        headers = {
            "Authorization": f"Bearer {await self._bearer()}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "User-Agent": "headrace",
        }
        async with aiohttp.ClientSession(headers=headers, timeout=hook_keeping.TIMEOUT) as session:
            where = f"{self._base}/{place}/hooks"
            yield _List(session, where, self._wanted, secret, self._told)

    async def _bearer(self) -> str:
        """The API token, else a GitHub App's, which is kept as long as it is good."""
        app, token = self._context.spec.get("githubApp"), self._context.spec.get("apiToken")
        if app is None or token is not None:
            return await hook_keeping.secret(self._context, token, "apiToken")
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


@dataclass(frozen=True, slots=True)
class _List:
    """See `hook_list.HookList`. `told`: the secret that each list's hook was given."""

    session: aiohttp.ClientSession
    where: str
    wanted: dict[str, Any]
    secret: str
    told: dict[str, str]

    async def ours(self) -> list[Found]:
        """Hooks with our URL, the oldest first."""
        found, page = list[Found](), 1
        while True:
            async with self.session.get(f"{self.where}?per_page={_PAGE}&page={page}") as answer:
                hooks = await hook_keeping.answer("GitHub", answer) or []
            for hook in hooks:
                if (hook.get("config") or {}).get("url") == self.wanted["config"]["url"]:
                    found.append(Found(str(hook["id"]), self._is_right(hook)))
            if len(hooks) < _PAGE:
                return sorted(found, key=lambda hook: int(hook.id))
            page += 1

    def _is_right(self, hook: dict[str, Any]) -> bool:
        given, wanted = hook.get("config") or {}, self.wanted
        return (
            sorted(hook.get("events") or ()) == wanted["events"]
            and hook.get("active", wanted["active"]) == wanted["active"]
            and all(str(given.get(k, v)) == v for k, v in wanted["config"].items())
            and (not self.secret or self.told.get(self.where) == self.secret)
        )

    async def write(self, hook: str = "") -> None:
        """Make a hook, or make `hook` as wanted."""
        config = self.wanted["config"] | ({"secret": self.secret} if self.secret else {})
        data = http_body.marshal(self.wanted | {"config": config})
        url, method = (f"{self.where}/{hook}", "PATCH") if hook else (self.where, "POST")
        async with self.session.request(method, url, data=data) as answer:
            exists = answer.status == 422 and "already exists" in await answer.text()
            await hook_keeping.answer("GitHub", answer, okay=(422,) if exists else ())
        self.told[self.where] = self.secret
        _log.info("github_hook_written", where=self.where)

    async def drop(self, hook: str) -> None:
        """Delete it."""
        async with self.session.delete(f"{self.where}/{hook}") as answer:
            await hook_keeping.answer("GitHub", answer, okay=(404,))
            _log.info("github_hook_removed", where=self.where)
