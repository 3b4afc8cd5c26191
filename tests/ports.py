"""TCP ports for servers that a test starts, stops and starts again."""

from __future__ import annotations

import random
import socket

# Below the range from which systems take the ports of outgoing connections (Linux: 32768 to
# 60999): nobody takes the port of a server while it is down.
_FIRST, _LAST = 15_000, 32_000
_RANDOM = random.SystemRandom()  # tests run in several processes, with the same seed


def free_port() -> int:
    """A port that nothing listens on."""
    while True:
        port = _RANDOM.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
