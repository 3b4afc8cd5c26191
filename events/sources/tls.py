"""TLS of listeners and clients from Secrets. Keys touch the disk only as a private, short-lived
file, because the TLS library reads no other form."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import weakref
from collections.abc import Mapping
from typing import Any

import structlog

from events.secrets import Secrets
from events.sources.contract import SourceError

_CHECK_SECONDS = 2.0
_log = structlog.get_logger("events.sources.tls")


class Certificate:
    """What a listener presents, as `serverCertSecret` and `serverKeySecret` of `webhook` say."""

    def __init__(
        self, secrets: Secrets, namespace: str, webhook: Mapping[str, Any], path: str
    ) -> None:
        self._secrets = secrets
        self._namespace = namespace
        self._pair = webhook.get("serverCertSecret"), webhook.get("serverKeySecret")
        self._path = path
        self._loaded: tuple[bytes, bytes] = (b"", b"")

    async def context(self) -> ssl.SSLContext | None:
        """The listener's TLS, None without the two. Raises MissingValue, SourceError."""
        certificate, key = self._pair
        if certificate is None and key is None:
            return None
        if certificate is None or key is None:
            raise SourceError(self._path, "serverCertSecret and serverKeySecret belong together")
        field = f"{self._path}.serverCertSecret"
        chain = await self._secrets.value(self._namespace, certificate, field)
        private = await self._secrets.value(self._namespace, key, f"{self._path}.serverKeySecret")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            await asyncio.to_thread(load, context, chain, private)
        except ssl.SSLError as error:
            raise SourceError(field, f"no usable certificate and key ({error.reason})") from None
        self._loaded = chain, private
        return context

    async def keep_fresh(
        self, place: weakref.ref[ssl.SSLContext], every: float = _CHECK_SECONDS
    ) -> None:
        """Load what the Secrets hold when it changes, until nobody uses the context any more. New
        connections get it; a pair that does not fit is left out, and what was is kept."""
        while True:
            await asyncio.sleep(every)
            context = place()
            if context is None:
                return
            chain, private = (
                self._secrets.cached(self._namespace, reference or {}) for reference in self._pair
            )
            if chain and private and (chain, private) != self._loaded:
                self._loaded = chain, private
                await self._reload(context, chain, private)
            del context

    async def _reload(self, context: ssl.SSLContext, chain: bytes, private: bytes) -> None:
        try:
            # In a context of its own first: a half loaded pair would refuse every connection.
            await asyncio.to_thread(load, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), chain, private)
            await asyncio.to_thread(load, context, chain, private)
        except ssl.SSLError as error:
            _log.warning("certificate_not_loaded", field=self._path, error=error.reason)
        else:
            _log.info("certificate_loaded", field=self._path)


def load(context: ssl.SSLContext, chain: bytes, private: bytes) -> None:
    """Make `context` present `chain`. Raises ssl.SSLError."""
    with tempfile.NamedTemporaryFile(prefix="headrace-tls-") as file:  # made 0600
        file.write(chain.rstrip() + b"\n" + private)
        file.flush()
        context.load_cert_chain(file.name)
