"""The NATS client library, with two doors it does not have. Used by source, trigger and bus."""

from __future__ import annotations

from typing import Any

import nats.errors
from nats.aio.client import Client


class StrictClient(Client):
    """Signs with the key that `public` names, and encrypts where TLS is asked for.

    The library encrypts only where the server asks for it: whoever pretends to be one that does
    not would get the login in plain text. Here the connection ends before that.
    """

    def __init__(self, public: str = "") -> None:
        super().__init__()
        if public:
            self._public_nkey = public

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self.options.get("tls") is not None:
            if not (info.get("tls_required") or info.get("tls_available")):
                raise nats.errors.Error("the server offers no TLS")
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)
