"""Where Pulsar's WebSocket API is, and how a topic is called there.

Semantics: Pulsar's WebSocket API, version 2. Called by the `pulsar` source and trigger, because
Pulsar's own client library is heavy and the API needs none.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_NAME = re.compile(r"[^\s/?#\x00-\x1f]+\Z")
# Where the same host's WebSocket API is, by scheme and port of the binary protocol.
_WEB = {("pulsar", 6650): ("http", 8080), ("pulsar+ssl", 6651): ("https", 8443)}
_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def address(url: str) -> str:
    """The API as an HTTP URL without a path. Raises ValueError."""
    what = "must be ws://host:port, or pulsar:// with the usual port"
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port
    except ValueError:
        raise ValueError(what) from None
    if not host or found.username or found.query or found.path.strip("/"):
        raise ValueError(what)
    shown = f"[{host}]" if ":" in host else host
    if scheme := _SCHEMES.get(found.scheme):
        return f"{scheme}://{shown}:{port}" if port else f"{scheme}://{shown}"
    usual = 6651 if found.scheme == "pulsar+ssl" else 6650
    web = _WEB.get((found.scheme, port or usual))
    if web is None:
        raise ValueError(what)
    return f"{web[0]}://{shown}:{web[1]}"


def topic(name: str) -> str:
    """The topic's path: `persistent/tenant/namespace/name`. Raises ValueError."""
    domain, separator, rest = name.partition("://")
    if not separator:
        domain, rest = "persistent", name
    parts = rest.split("/")
    if len(parts) == 1:
        parts = ["public", "default", *parts]
    usable = domain in ("persistent", "non-persistent") and len(parts) == 3
    if not usable or not all(_NAME.match(p) and p not in (".", "..") for p in parts):
        raise ValueError(f"{name!r} is no topic")
    return "/".join([domain, *(quote(part, safe="") for part in parts)])
