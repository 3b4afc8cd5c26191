"""The headers that say who asks: tokens, rotated token files, and delegated exec/OIDC users."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

from kube.kubeconfig import Access, ConfigError

FRESH = 60.0  # seconds that a token file is believed


class Credentials:
    """Of one access. `headers()` is cheap; it reads files or runs plugins only when needed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._token = access.token
        self._read_at = float("-inf")
        self._delegate: Any = None

    async def headers(self) -> dict[str, str]:
        """The Authorization header, or nothing. Raises ConfigError."""
        access = self._access
        if access.delegated is not None:
            return await self._delegated()
        if access.token_file is not None and time.monotonic() - self._read_at > FRESH:
            try:
                self._token = (await asyncio.to_thread(access.token_file.read_text)).strip()
            except OSError as error:
                raise ConfigError(f"cannot read token file {access.token_file}") from error
            self._read_at = time.monotonic()
        if self._token:
            return {"Authorization": f"Bearer {self._token}"}
        if access.basic is not None:
            pair = base64.b64encode(":".join(access.basic).encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    async def _delegated(self) -> dict[str, str]:
        """Exec plugins and OIDC: the official client knows how to ask and when to ask again."""
        from kubernetes.aio import client, config

        if self._delegate is None:
            paths, context = self._access.delegated
            delegate = client.Configuration()
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=":".join(map(str, paths)),
                context=context,
                client_configuration=delegate,
            )
            self._delegate = delegate
        token = await self._delegate.get_api_key_with_prefix("authorization")
        return {"Authorization": token} if token else {}
