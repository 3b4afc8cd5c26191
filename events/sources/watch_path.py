"""What the sources that watch directories share: operations, which paths are meant, the event.

Called by `file`, `sftp` and `hdfs`.
"""

from __future__ import annotations

from collections.abc import Callable

from crds.eventsource_local import WatchPathConfig
from events.sources import http_body, queue_payload
from events.sources.contract import SourceContext, SourceError
from events.sources.queue_relay import Relay
from lang import duration, regex
from lang.errors import LangError

_SHORTEST = 0.01
CREATE, WRITE, REMOVE, RENAME, CHMOD = 1, 2, 4, 8, 16
TYPES = {"CREATE": CREATE, "WRITE": WRITE, "REMOVE": REMOVE, "RENAME": RENAME, "CHMOD": CHMOD}


def matcher(path: str, where: WatchPathConfig) -> Callable[[str], bool]:
    """Whether a path relative to the directory is meant. Raises SourceError."""
    if bool(where.path) == bool(where.path_regexp):
        raise SourceError(path, "exactly one of path and pathRegexp is required")
    if where.path.startswith("/"):
        raise SourceError(f"{path}.path", "must be relative to the directory")
    if where.path:
        return where.path.__eq__
    try:
        return regex.compile(where.path_regexp).search
    except LangError as error:
        raise SourceError(f"{path}.pathRegexp", error.message) from None


def pause(text: str, path: str, default: float) -> float:
    """Seconds between two looks, as `text` (a Go duration) says. Raises SourceError."""
    if not text:
        return default
    try:
        found = duration.parse_go(text)
    except LangError as error:
        raise SourceError(path, error.message) from None
    if found < _SHORTEST:
        raise SourceError(path, "is too short")
    return found


def relative(directory: str, path: str) -> str:
    """`path` below `directory`, as `matcher` wants it."""
    return shown(path.removeprefix(directory.rstrip("/")).lstrip("/"))


def shown(path: str) -> str:
    """Without the bytes that are no UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


async def submit(context: SourceContext, relay: Relay, path: str, operation: int) -> None:
    """One change as an event: `{name, op, metadata}`."""
    # A file may come, go and come back alike: each time it is another event.
    metadata = context.spec.get("metadata")
    extra = http_body.marshal(metadata) if metadata else b"null"
    name = queue_payload.text(shown(path))
    data = b'{"name":%b,"op":%d,"metadata":%b}' % (name, operation, extra)
    await relay.submit(data, queue_payload.arrival_id(context, data))
