"""Shared access signatures of Azure Event Hubs and Service Bus, and their connection strings.

Semantics: Azure documentation, "Shared Access Signatures" of both services. Pure: the caller
gives the moment. Called by the Azure triggers and sources.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

_GOOD_FOR = 600.0
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?\Z", re.ASCII)


class BadConnection(ValueError):
    """A connection string or host that is none; never shows a key."""


@dataclass(frozen=True, slots=True)
class Connection:
    """`base` is the URL requests go to, without a slash at its end; `entity` may be empty."""

    base: str
    policy: str
    key: str = field(repr=False)
    entity: str = ""


def parse(text: str) -> Connection:
    """The parts of `Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…`.

    `UseDevelopmentEmulator=true` means plain HTTP. Raises BadConnection.
    """
    parts: dict[str, str] = {}
    for part in text.strip().split(";"):
        name, equals, value = part.partition("=")
        if equals:
            parts[name.strip().lower()] = value.strip()
    wanted = ("endpoint", "sharedaccesskeyname", "sharedaccesskey")
    if any(not parts.get(name) for name in wanted):
        raise BadConnection("must have Endpoint, SharedAccessKeyName and SharedAccessKey")
    try:
        host = urlsplit(parts["endpoint"]).netloc
    except ValueError:
        raise BadConnection("Endpoint is no URL") from None
    secure = parts.get("usedevelopmentemulator", "").lower() != "true"
    return Connection(
        base_url(host, secure=secure),
        parts["sharedaccesskeyname"],
        parts["sharedaccesskey"],
        parts.get("entitypath", ""),
    )


def base_url(host: str, *, secure: bool = True) -> str:
    """The URL of a namespace's host. Raises BadConnection."""
    if not _HOST.match(host):
        raise BadConnection(f"{host!r} is no host name")
    return f"{'https' if secure else 'http'}://{host}"


def token(resource: str, policy: str, key: str, now: float) -> str:
    """The `Authorization` of requests to `resource` (a URL), good for ten minutes."""
    expires = str(int(now + _GOOD_FOR))
    audience = quote(resource.lower(), safe="")
    digest = hmac.digest(key.encode(), f"{audience}\n{expires}".encode(), "sha256")
    signature = quote(base64.b64encode(digest), safe="")
    name = quote(policy, safe="")
    return f"SharedAccessSignature sr={audience}&sig={signature}&se={expires}&skn={name}"
