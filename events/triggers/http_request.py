"""The request of the `http` trigger: one exchange, redirects included, under the egress policy.

Redirects are followed here and not by the client library, because what comes from Secrets, the
login and the `Host` header are for the origin that the trigger names and for no other.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import aiohttp
from yarl import URL

from events.triggers.contract import TriggerFailed
from kube.egress import Egress

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303})  # another request is to be made: GET, without a body
_SAME = frozenset({307, 308})  # the same request, elsewhere
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", re.ASCII)
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization", "host"})


@dataclass(frozen=True, slots=True)
class Request:
    """`secrets`: headers for this URL's origin only. `seconds`: for all of it."""

    method: str
    url: URL
    host: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""
    tls: ssl.SSLContext | None = None
    seconds: float = 60.0


def url_of(text: str) -> tuple[URL, str]:
    """The URL without a login, and the `Authorization` that the login makes ("" without one).

    Raises TriggerFailed.
    """
    if not text.startswith(("http://", "https://")):
        raise TriggerFailed("http.url: must begin with http:// or https://", permanent=True)
    if any(ord(c) <= 32 or ord(c) == 127 for c in text):
        raise TriggerFailed("http.url: holds a space or a control character", permanent=True)
    try:
        # What is ASCII goes out as it is written: a signed URL is good in one spelling only.
        url = URL(text, encoded=text.isascii())
        usable = url.host and url.port
    except ValueError:
        usable = False
    if not usable:
        raise TriggerFailed("http.url: is no URL", permanent=True)
    login = basic(url.user or "", url.password or "") if url.user or url.password else ""
    return url.with_user(None).with_fragment(None), login


def basic(user: str, password: str) -> str:
    """The value of `Authorization` for a login."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


async def send(egress: Egress, request: Request) -> int:
    """The status of the last answer; bodies are not read. Raises TriggerFailed."""
    for name, text in (*request.headers.items(), *request.secrets.items(), ("Host", request.host)):
        if not _TOKEN.match(name):
            what = f"http.headers: {name!r} is no name of a header"
            raise TriggerFailed(what, permanent=True)
        if any(c in text for c in "\r\n\0"):
            what = f"http.headers: the value of {name} holds a line break"
            raise TriggerFailed(what, permanent=True)
    connector = egress.connector(ssl=request.tls or True)
    try:
        async with (
            asyncio.timeout(request.seconds),
            aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(),
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
        ):
            return await _followed(session, request)
    except TimeoutError:
        raise TriggerFailed(f"http.url: no answer within {request.seconds:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise TriggerFailed(f"http.url: {str(error) or type(error).__name__}") from None


async def _followed(session: aiohttp.ClientSession, request: Request) -> int:
    for _ in range(_REDIRECTS + 1):
        headers = {**request.headers, **request.secrets}
        if request.host:
            headers = {k: v for k, v in headers.items() if k.lower() != "host"}
            headers["Host"] = request.host
        async with session.request(
            request.method,
            request.url,
            data=request.body or None,
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            target = answer.headers.get("Location", "")
            if answer.status not in _MOVED | _SAME or not target:
                return answer.status
            request = _moved(request, answer.status, target)
    raise TriggerFailed(f"http.url: more than {_REDIRECTS} redirects")


def _moved(request: Request, status: int, target: str) -> Request:
    try:
        url = request.url.join(URL(target, encoded=target.isascii()))
        if url.scheme not in ("http", "https"):
            raise TriggerFailed(f"http.url: redirected to a {url.scheme} address")
        url = url.with_fragment(None).with_user(None)
        elsewhere = url.origin() != request.url.origin()
    except ValueError:
        raise TriggerFailed("http.url: redirected to what is no address") from None
    moved = replace(request, url=url)
    if elsewhere:
        kept = {k: v for k, v in request.headers.items() if k.lower() not in _PRIVATE}
        moved = replace(moved, headers=kept, secrets={}, host="")
    if status in _MOVED and request.method != "GET":
        moved = replace(moved, method="GET", body=b"")
    return moved
