"""TLS of listeners and clients from Secrets. Keys touch the disk only as a private, short-lived
file, because the TLS library reads no other form."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any

from events.secrets import Secrets
from events.sources.contract import SourceError


async def server_context(
    secrets: Secrets, namespace: str, webhook: Mapping[str, Any], path: str
) -> ssl.SSLContext | None:
    """The listener's TLS as `serverCertSecret`/`serverKeySecret` say; None without them.

    Raises MissingValue, SourceError.
    """
    certificate, key = webhook.get("serverCertSecret"), webhook.get("serverKeySecret")
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise SourceError(path, "serverCertSecret and serverKeySecret belong together")
    chain = await secrets.value(namespace, certificate, f"{path}.serverCertSecret")
    private = await secrets.value(namespace, key, f"{path}.serverKeySecret")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        await asyncio.to_thread(load, context, chain, private)
    except ssl.SSLError as error:
        raise SourceError(
            f"{path}.serverCertSecret", f"no usable certificate and key ({error.reason})"
        ) from None
    return context


def load(context: ssl.SSLContext, chain: bytes, private: bytes) -> None:
    """Make `context` present `chain`. Raises ssl.SSLError."""
    with tempfile.NamedTemporaryFile(prefix="headrace-tls-") as file:  # made 0600
        file.write(chain.rstrip() + b"\n" + private)
        file.flush()
        context.load_cert_chain(file.name)
