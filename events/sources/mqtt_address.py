"""Where a URL says an MQTT broker is. Called by the sources that speak MQTT."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from events.sources.contract import SourceError

_PLAIN = {"tcp", "mqtt"}
_ENCRYPTED = {"ssl", "tls", "mqtts", "mqtt+ssl", "tcps"}


class Address(NamedTuple):
    """User and password are empty when the URL has none."""

    host: str
    port: int
    encrypted: bool
    user: str
    password: str


class Ports(NamedTuple):
    """Where brokers listen when the URL does not say."""

    plain: int = 1883
    encrypted: int = 8883


def parse(url: str, path: str, ports: Ports | None = None) -> Address:
    """Where `url` points; a bare `host:port` is plain MQTT. Raises SourceError."""
    try:
        parts = urlsplit(url if "://" in url else f"tcp://{url}")
        port = parts.port
    except ValueError as error:
        raise SourceError(path, str(error)) from None
    scheme = parts.scheme.lower()
    if scheme not in _PLAIN | _ENCRYPTED:
        known = ", ".join(sorted(_PLAIN | _ENCRYPTED))
        raise SourceError(path, f"{scheme}:// is not served, only {known}")
    if not parts.hostname:
        raise SourceError(path, "names no host")
    encrypted, usual = scheme in _ENCRYPTED, ports or Ports()
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = port or (usual.encrypted if encrypted else usual.plain)
    return Address(parts.hostname, port, encrypted, user, password)
