"""Signature Version 4: the headers that sign a request to an AWS service.

Semantics: AWS General Reference, "Create a signed AWS API request". Pure: the caller gives the
moment. Called by the triggers and sources that speak an AWS service's HTTP protocol.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote_plus, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Keys:
    """An identity. `session` is the session token of temporary keys."""

    access: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for. `service` is the signing name, such as `lambda`."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it will be sent: `url` percent-encoded, `headers` without Host."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def sign(request: Request, keys: Keys, scope: Scope, now: float) -> dict[str, str]:
    """All headers to send, the signature among them; `now` in seconds since the epoch.

    `Host` is signed and not returned: the client sends it as the URL has it.
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {**request.headers, "X-Amz-Date": moment}
    if scope.service == "s3":
        headers["X-Amz-Content-Sha256"] = digest
    if keys.session:
        headers["X-Amz-Security-Token"] = keys.session
    names, canonical = _canonical(request, headers, scope, digest)
    place = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _mac(
        _signing_key(keys, scope, moment[:8]), "\n".join((_ALGORITHM, moment, place, hashed))
    ).hex()
    credential = f"Credential={keys.access}/{place}"
    headers["Authorization"] = (
        f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _canonical(
    request: Request, headers: Mapping[str, str], scope: Scope, digest: str
) -> tuple[str, str]:
    """(names of the signed headers, the canonical request)."""
    url = urlsplit(request.url)
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed["host"] = url.netloc.rpartition("@")[2]
    names = sorted(signed)
    # S3 signs the path as it is sent; every other service encodes it once more.
    path = url.path or "/"
    path = path if scope.service == "s3" else quote(path, safe="/" + _UNRESERVED)
    lines = [request.method, path, _query(url.query)]
    lines += [f"{name}:{signed[name]}" for name in names]
    shown = ";".join(names)
    return shown, "\n".join([*lines, "", shown, digest])


def _query(query: str) -> str:
    pairs = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        pairs.append(tuple(quote(unquote_plus(text), safe=_UNRESERVED) for text in (name, value)))
    return "&".join("=".join(pair) for pair in sorted(pairs))


def _signing_key(keys: Keys, scope: Scope, day: str) -> bytes:
    key = _mac(f"AWS4{keys.secret}".encode(), day)
    for part in (scope.region, scope.service, "aws4_request"):
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
