"""A closed loop of POSTs over kept connections, in a process of its own: small enough not to be
what is measured. Run: `python -m benchmarks.http_load PORT PATH CONNECTIONS SECONDS [RATE]`.

Prints JSON: `accepted` (200s), `refused`, `seconds`, `p50` and `p99` in milliseconds. With RATE the
requests of all connections are spread evenly, so many a second.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import deque

BODY = b'{"order":%8d,"total":12.50,"pad":"' + b"x" * 976 + b'"}'


class Load:
    """One run."""

    def __init__(self, port: int, path: str, connections: int) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        size = len(BODY % 0)
        self._head = f"{head}Content-Length: {size}\r\n\r\n".encode()
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            opened = socket.create_connection(("127.0.0.1", port))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[opened.fileno()] = opened
            self._poll.register(opened.fileno(), select.EPOLLIN)
        self._sent: dict[int, float] = {}
        self._count = 0
        self.took: list[float] = []
        self.refused = 0
        self.words = ""

    def run(self, seconds: float, rate: float) -> float:
        """Until the time is over and the last answer has come; how long that was."""
        clock = time.perf_counter
        began = clock()
        end = began + seconds
        idle = deque(self._sockets)  # each in its turn: none is idle for so long that it is closed
        while True:
            now = clock()
            while idle and now < end and (not rate or self._count < (now - began) * rate):
                self._send(idle.popleft(), now)
            if not self._sent and now >= end:
                return now - began
            for number, _ in self._poll.poll(0.001 if rate else 1.0):
                if self._receive(number, clock()):
                    idle.append(number)

    def _send(self, number: int, now: float) -> None:
        self._count += 1
        self._sent[number] = now
        self._sockets[number].sendall(self._head + BODY % self._count)

    def _receive(self, number: int, now: float) -> bool:
        answer = self._sockets[number].recv(4096)
        if not answer:
            raise SystemExit("the server closed a connection")
        if answer.startswith(b"HTTP/1.1 200"):
            self.took.append(now - self._sent.pop(number))
        else:
            self.refused += 1
            self.words = answer[:300].decode("latin-1")
            del self._sent[number]
        return True


def main(port: str, path: str, connections: str, seconds: str, rate: str = "0") -> None:
    """See the module."""
    load = Load(int(port), path, int(connections))
    lasted = load.run(float(seconds), float(rate))
    took = sorted(load.took)
    found = {
        "accepted": len(took),
        "refused": load.refused,
        "words": load.words,
        "seconds": lasted,
        "p50": took[len(took) // 2] * 1000 if took else 0.0,
        "p99": took[len(took) * 99 // 100] * 1000 if took else 0.0,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
