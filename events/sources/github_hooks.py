"""Registering a webhook at GitHub: found or made per repository or organization, removed again.

A hook is ours when it has our URL and exactly our events. Authentication by API token, or as a
GitHub App (a signed assertion is exchanged for an installation token).
"""

from __future__ import annotations

import base64
import time
from typing import Any

import aiohttp
import structlog
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crds.eventsource_http import GithubEventSource
from events.secrets import MissingValue
from events.sources import http_body
from events.sources.contract import SourceContext

_API = "https://api.github.com"
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_log = structlog.get_logger("events.sources.github")


class Hooks:
    """The hooks of one `github` event."""

    def __init__(self, context: SourceContext, spec: GithubEventSource) -> None:
        self._context = context
        self._spec = spec

    async def ensure(self) -> str:
        """Make what is missing. Returns what went wrong, for the condition; empty when all is."""
        problems = []
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            try:
                headers = await self._headers(session)
            except (MissingValue, aiohttp.ClientError, TimeoutError, ValueError) as error:
                return f"GitHub credentials: {error}"
            for place in self._places():
                try:
                    await self._ensure_one(session, headers, place)
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    problems.append(f"hook of {place}: {error}")
        return "; ".join(problems)

    async def remove(self) -> None:
        """Delete our hooks, also one whose making was interrupted."""
        events = sorted(self._spec.events or ["*"])
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            try:
                headers = await self._headers(session)
                for place in self._places():
                    hook = await self._find(session, headers, place, events)
                    if hook is None:
                        continue
                    url = f"{self._base}/{place}/hooks/{hook}"
                    async with session.delete(url, headers=headers) as answer:
                        _log.info("github_hook_removed", place=place, status=answer.status)
            except (MissingValue, aiohttp.ClientError, TimeoutError, ValueError) as error:
                _log.warning("github_hook_not_removed", error=str(error))

    @property
    def _base(self) -> str:
        base = self._spec.github_base_url.rstrip("/")
        if not base:
            return _API
        return base if base.endswith("/api/v3") else f"{base}/api/v3"

    @property
    def _url(self) -> str:
        webhook = self._spec.webhook
        assert webhook is not None
        return webhook.url.rstrip("/") + "/" + webhook.endpoint.lstrip("/")

    def _places(self) -> list[str]:
        spec = self._spec
        places = [f"orgs/{name}" for name in spec.organizations or ()]
        for owned in spec.repositories or ():
            places += [f"repos/{owned.owner}/{name}" for name in owned.names or ()]
        if spec.owner and spec.repository:
            places.append(f"repos/{spec.owner}/{spec.repository}")
        return places

    async def _ensure_one(
        self, session: aiohttp.ClientSession, headers: dict[str, str], place: str
    ) -> None:
        events = sorted(self._spec.events or ["*"])
        if await self._find(session, headers, place, events) is not None:
            return
        config = {
            "url": self._url,
            "content_type": self._spec.content_type or "json",
            "insecure_ssl": "1" if self._spec.insecure else "0",
        }
        if secret := await self._secret("webhookSecret"):
            config["secret"] = secret
        body = {"name": "web", "events": events, "active": self._spec.active, "config": config}
        url = f"{self._base}/{place}/hooks"
        async with session.post(url, headers=headers, data=http_body.marshal(body)) as answer:
            if answer.status == 422 and "already exists" in await answer.text():
                return
            if answer.status >= 300:
                raise ValueError(f"GitHub answered {answer.status}")
            _log.info("github_hook_made", place=place)

    async def _find(
        self, session: aiohttp.ClientSession, headers: dict[str, str], place: str, events: list[str]
    ) -> int | None:
        url: str | None = f"{self._base}/{place}/hooks?per_page=100"
        while url:
            async with session.get(url, headers=headers) as answer:
                if answer.status >= 300:
                    raise ValueError(f"GitHub answered {answer.status}")
                for hook in await answer.json():
                    same = (hook.get("config") or {}).get("url") == self._url
                    if same and sorted(hook.get("events") or ()) == events:
                        return int(hook["id"])
                following = answer.links.get("next")
                url = str(following["url"]) if following else None
        return None

    async def _secret(self, field: str) -> str:
        reference = self._context.spec.get(field)
        if not reference:
            return ""
        path = f"{self._context.path}.{field}"
        value = await self._context.services.secrets.value(self._context.namespace, reference, path)
        return value.decode().strip()

    async def _headers(self, session: aiohttp.ClientSession) -> dict[str, str]:
        app = self._context.spec.get("githubApp")
        token = await self._app_token(session, app) if app else await self._secret("apiToken")
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "User-Agent": "headrace",
        }

    async def _app_token(self, session: aiohttp.ClientSession, app: dict[str, Any]) -> str:
        path = f"{self._context.path}.githubApp.privateKey"
        pem = await self._context.services.secrets.value(
            self._context.namespace, app.get("privateKey") or {}, path
        )
        assertion = _assertion(pem, str(app.get("appID") or ""))
        url = f"{self._base}/app/installations/{app.get('installationID')}/access_tokens"
        headers = {"Authorization": f"Bearer {assertion}", "User-Agent": "headrace"}
        async with session.post(url, headers=headers) as answer:
            if answer.status >= 300:
                raise ValueError(f"GitHub answered {answer.status}")
            return str((await answer.json())["token"])


def _assertion(pem: bytes, issuer: str) -> str:
    """A JWT signed with RS256, good for nine minutes."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("githubApp.privateKey is no RSA key")
    now = int(time.time())

    def part(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    head = part(http_body.marshal({"alg": "RS256", "typ": "JWT"}))
    body = part(http_body.marshal({"iat": now - 60, "exp": now + 540, "iss": issuer}))
    signed = head + b"." + body
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + part(signature)).decode()
