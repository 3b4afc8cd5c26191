"""`file`: files of a directory that appear, change or go.

Payload `{name, op, metadata}`: the full path, the operation as a bit (CREATE 1, WRITE 2, REMOVE 4,
RENAME 8, CHMOD 16), null without metadata. The kernel tells of the changes; with `polling` the
directory is looked at every 100 ms. Subdirectories are not watched. What happens while nobody
watches is not seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from crds import decode
from crds.eventsource_local import FileEventSource, WatchPathConfig
from events.sources import inotify, watch_path
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_relay import Relay
from events.sources.watch_path import CHMOD, CREATE, REMOVE, RENAME, TYPES, WRITE

_BITS = (
    (inotify.CREATE | inotify.MOVED_TO, CREATE),
    (inotify.MODIFY, WRITE),
    (inotify.DELETE, REMOVE),
    (inotify.MOVED_FROM, RENAME),
    (inotify.ATTRIB, CHMOD),
)
_GONE = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT | inotify.IGNORED
_POLL = 0.1
_DRAIN = 5.0


class _Seen(NamedTuple):
    """What tells one state of a file from the next."""

    inode: int
    modified: int
    size: int
    mode: int


@dataclass(frozen=True, slots=True)
class _Watch:
    directory: str
    matches: Callable[[str], bool]
    operation: int


class File:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Watch and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), FileEventSource)
        watch = _watch(context.path, spec)
        field = f"{context.path}.watchPathConfig.directory"
        changes = _polled if spec.polling or not inotify.is_available() else _told
        relay = Relay(context, ready)
        try:
            async with contextlib.aclosing(changes(watch.directory, ready)) as found:
                async for name, operation in found:
                    if operation == watch.operation and watch.matches(name):
                        await watch_path.submit(
                            context, relay, f"{watch.directory}/{name}", operation
                        )
        except OSError as error:
            why = error.strerror or str(error)
            raise SourceError(field, f"{watch.directory}: {why}", "Unavailable") from None
        finally:
            await relay.drain(_DRAIN)
            await relay.close()
        raise SourceError(field, f"{watch.directory} is gone", "Unavailable")


def _watch(path: str, spec: FileEventSource) -> _Watch:
    """The checked settings. Raises SourceError."""
    if spec.event_type not in TYPES:
        raise SourceError(f"{path}.eventType", f"must be one of {', '.join(TYPES)}")
    where = spec.watch_path_config or WatchPathConfig()
    if not where.directory.startswith("/"):
        raise SourceError(f"{path}.watchPathConfig.directory", "must be an absolute path")
    if "/" in where.path.strip("/"):
        what = "must be a file's name: subdirectories are not watched"
        raise SourceError(f"{path}.watchPathConfig.path", what)
    matches = watch_path.matcher(f"{path}.watchPathConfig", where)
    return _Watch(where.directory.rstrip("/"), matches, TYPES[spec.event_type])


async def _told(directory: str, ready: ReadySignal) -> AsyncGenerator[tuple[str, int], None]:
    """Names and operations as the kernel tells them. Raises OSError; ends with the directory."""
    async with inotify.Watch(directory or "/") as watch:
        ready()
        while True:
            for mask, name in await watch.changes():
                if mask & inotify.OVERFLOW:
                    ready("the kernel dropped changes: there were too many at once")
                if mask & _GONE:
                    return
                for bits, operation in _BITS:
                    if name and mask & bits:
                        yield _shown(name), operation


async def _polled(directory: str, ready: ReadySignal) -> AsyncGenerator[tuple[str, int], None]:
    """Names and operations by comparing what is there. Raises OSError."""
    seen = await asyncio.to_thread(_look, directory or "/")
    ready()
    while True:
        await asyncio.sleep(_POLL)
        now = await asyncio.to_thread(_look, directory or "/")
        for name, operation in _differences(seen, now):
            yield name, operation
        seen = now


def _look(directory: str) -> dict[str, _Seen]:
    found = {}
    with os.scandir(os.fsencode(directory)) as entries:
        for entry in entries:
            try:
                state = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone since the directory was read
            mode = stat.S_IMODE(state.st_mode)
            seen = _Seen(state.st_ino, state.st_mtime_ns, state.st_size, mode)
            found[_shown(entry.name)] = seen
    return found


def _differences(before: dict[str, _Seen], now: dict[str, _Seen]) -> Iterator[tuple[str, int]]:
    """In the order of the names; a file of a new name whose inode was known was renamed."""
    new = {seen.inode for name, seen in now.items() if name not in before}
    for name in sorted(before.keys() - now.keys()):
        yield name, RENAME if before[name].inode in new else REMOVE
    for name in sorted(now):
        old, seen = before.get(name), now[name]
        if old is None or old.inode != seen.inode:
            yield name, CREATE
            continue
        if (old.modified, old.size) != (seen.modified, seen.size):
            yield name, WRITE
        if old.mode != seen.mode:
            yield name, CHMOD


def _shown(name: bytes) -> str:
    """As JSON can carry it."""
    return name.decode("utf-8", "replace")
