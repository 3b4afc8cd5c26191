"""TLS of the connections a source makes to its broker, as a TLSConfig says.

Called by the queue sources. Values come through the reader the caller gives, so that a rotated
Secret is noticed by whoever keeps the connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from crds.events_shared import TLSConfig
from events.sources import tls
from events.sources.contract import SourceError

ENABLED = TLSConfig(enabled=True)
"""For a URL that asks for TLS where no TLSConfig says how."""

Reader = Callable[[Mapping[str, Any], str], Awaitable[bytes]]
"""The value of a Secret's key, by its selector and the field's path."""


def check(config: TLSConfig | None, path: str) -> None:
    """Raises SourceError when nothing in `config` says what is wanted."""
    if config is None or config.insecure_skip_verify:
        return
    pair = bool(config.client_cert_secret), bool(config.client_key_secret)
    if pair[0] != pair[1]:
        raise SourceError(path, "clientCertSecret and clientKeySecret belong together")
    if not (config.ca_cert_secret or pair[0] or config.enabled):
        raise SourceError(path, "caCertSecret, a client certificate, or enabled is required")


async def context(read: Reader, config: TLSConfig | None, path: str) -> ssl.SSLContext | None:
    """What to connect with; None without a TLSConfig. Raises SourceError, MissingValue."""
    check(config, path)
    if config is None:
        return None
    made = await asyncio.to_thread(ssl.create_default_context)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.ca_cert_secret:
        authority = await read(config.ca_cert_secret, f"{path}.caCertSecret")
        try:
            made.load_verify_locations(cadata=authority.decode())
        except (ssl.SSLError, UnicodeDecodeError):
            raise SourceError(f"{path}.caCertSecret", "is no PEM certificate") from None
    if config.client_cert_secret and config.client_key_secret:
        chain = await read(config.client_cert_secret, f"{path}.clientCertSecret")
        private = await read(config.client_key_secret, f"{path}.clientKeySecret")
        try:
            await asyncio.to_thread(tls.load, made, chain, private)
        except ssl.SSLError as error:
            raise SourceError(
                f"{path}.clientCertSecret", f"no usable certificate and key ({error.reason})"
            ) from None
    if config.insecure_skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
