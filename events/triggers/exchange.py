"""One HTTP exchange with a hosted service, under the egress policy.

Called by the triggers that speak a service's HTTP protocol. No redirect is followed: none of the
services sends one, and a signed request is good for one host only. Answers are capped.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from events.triggers.contract import FiringContext, TriggerFailed
from kube import answer_body

_CAP = 1 << 20
_SHOWN = 300
# What the service will say again however often it is asked.
_HOPELESS = frozenset({400, 404, 405, 410, 411, 413, 414, 415, 422})


@dataclass(frozen=True, slots=True)
class Call:
    """`path` is the field messages begin with; `seconds` the limit of the whole exchange.
    `cap`: most bytes of an answer."""

    method: str
    url: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    tls: ssl.SSLContext | None = None
    seconds: float = 30.0
    cap: int = _CAP


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def shown(self) -> str:
        """Status and the beginning of the body, for messages."""
        text = " ".join(self.body[: 4 * _SHOWN].decode("utf-8", "replace").split())[:_SHOWN]
        return f"{self.status}: {text}" if text else str(self.status)


async def send(context: FiringContext, call: Call) -> Answer:
    """Make the call; any status is an answer. Raises TriggerFailed."""
    url = _url(call)
    if any(c in text for pair in call.headers.items() for text in pair for c in "\r\n\0"):
        raise TriggerFailed(f"{call.path}: a header holds a line break", permanent=True)
    connector = context.services.egress.connector(ssl=call.tls if call.tls else True)
    limit = aiohttp.ClientTimeout(total=call.seconds)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=limit, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.request(
                call.method,
                url,
                data=call.body or None,
                headers=call.headers,
                allow_redirects=False,
                skip_auto_headers=("Content-Type",),
            ) as answer,
        ):
            body = await answer_body.whole(answer, call.cap)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, headers, body)
    except TimeoutError:
        raise TriggerFailed(f"{call.path}: no answer within {call.seconds:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise TriggerFailed(f"{call.path}: {str(error) or type(error).__name__}") from None


def require_success(answer: Answer, path: str) -> None:
    """Raises TriggerFailed unless the status is 2xx; permanent where asking again is pointless."""
    if not 200 <= answer.status < 300:
        what = f"{path}: answered {answer.shown()}"
        raise TriggerFailed(what, permanent=answer.status in _HOPELESS)


def _url(call: Call) -> URL:
    try:
        url = URL(call.url, encoded=True)
        plain = call.url.isascii() and not any(c <= " " or c == "\x7f" for c in call.url)
        whole = url.host and url.port and not url.fragment
        usable = plain and url.scheme in ("http", "https") and whole
    except ValueError:
        usable = False
    if not usable:
        raise TriggerFailed(f"{call.path}: is no http or https URL", permanent=True)
    return url
