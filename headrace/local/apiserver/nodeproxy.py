"""The seam to whatever runs pods: logs, exec and attach, which the API server passes on.

The local kubelet implements `NodeProxy`; the server only speaks HTTP and WebSocket around it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Sink = Callable[[bytes], Awaitable[None]]


class NodeError(Exception):
    """It cannot be done now; the text is for the user (`container "x" is waiting to start`)."""


class NoSuchContainer(NodeError):
    """The pod has no such container, or no earlier one for `previous`."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """As of the `log` sub-resource. `since` is in seconds since the epoch."""

    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    since: float | None = None
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Streams:
    """A command's standard streams. `stdin` None: it has none. Sinks may be awaited slowly."""

    stdin: AsyncIterator[bytes] | None
    stdout: Sink
    stderr: Sink
    tty: bool = False


class NodeProxy(Protocol):
    """What runs the pods of this cluster."""

    def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Log text in pieces, whole lines; with `follow` until the container has ended.

        Raises NodeError before the first piece when there is nothing to read from.
        """
        ...

    async def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str], streams: Streams
    ) -> int:
        """Run a command beside a running container; its exit code. Raises NodeError."""
        ...

    async def attach(self, namespace: str, pod: str, container: str, streams: Streams) -> int:
        """Follow a running container's own streams until it ends; its exit code."""
        ...
