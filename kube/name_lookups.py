"""Addresses of host names, looked up in threads of their own.

A name whose server does not answer holds a thread for many seconds. In the event loop's default
pool a few of them would stall everything else that needs a thread; here they only stall each
other, and everybody who asks for the same name waits for the same answer.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_THREADS = 32

Addresses = list[tuple[Any, ...]]
"""As of `socket.getaddrinfo`."""


class NameLookups:
    """See the module. One for each policy; its threads begin with the first name."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")
        self._running: dict[tuple[str, int, int], asyncio.Future[Addresses]] = {}

    async def addresses(self, host: str, port: int, family: int = 0) -> Addresses:
        """The stream addresses of `host`. Raises OSError."""
        key = (host, port, family)
        running = self._running.get(key)
        if running is None:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(
                self._pool, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM
            )
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))
        try:
            return await asyncio.shield(running)
        except UnicodeError:  # a name that IDNA has no form for
            raise socket.gaierror(socket.EAI_NONAME, "this is no host name") from None
