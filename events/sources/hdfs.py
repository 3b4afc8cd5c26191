"""`hdfs`: files that appear, change, go or get another name in HDFS, found by looking again.

Payload `{name, op, metadata}` as of the `file` source: the full path (for RENAME the new one), the
operation as a bit, null without metadata. What is there at the first look is known and no event;
what changes while no NameNode answers is found afterwards. Files in subdirectories count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from crds import decode
from crds.eventsource_local import HDFSEventSource
from events.sources import hdfs_client, queue_link, watch_path
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.hdfs_client import Faulty, Listing, Mark, NameNode, TooMany
from events.sources.queue_link import ConnectionLost, Link
from events.sources.watch_path import CHMOD, CREATE, REMOVE, RENAME, TYPES, WRITE

_INTERVAL = 60.0
_PORT = 8020
_KERBEROS = (
    "krbCCacheSecret",
    "krbKeytabSecret",
    "krbUsername",
    "krbRealm",
    "krbConfigConfigMap",
    "krbServicePrincipalName",
)
_ELSEWHERE = ("StandbyException", "RetriableException", "SafeModeException")


@dataclass(slots=True)
class _Watch:
    """What is looked for, and what is known. `seen` is None before the first look."""

    directory: str
    matches: Callable[[str], bool]
    operation: int
    pause: float
    places: list[tuple[str, int]]
    seen: dict[str, Mark] | None = None


class Hdfs:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Look and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), HDFSEventSource)
        watch = _watch(context, spec)

        async def session(link: Link) -> None:
            await _session(link, spec.hdfs_user, watch)

        await queue_link.keep(context, ready, session, lossy=True)


def _watch(context: SourceContext, spec: HDFSEventSource) -> _Watch:
    """The checked settings. Raises SourceError."""
    path = context.path
    for field in _KERBEROS:
        if context.spec.get(field):
            raise SourceError(f"{path}.{field}", "Kerberos is not served; use hdfsUser")
    if not spec.hdfs_user:
        raise SourceError(f"{path}.hdfsUser", "is required")
    if not spec.addresses:
        raise SourceError(f"{path}.addresses", "is required")
    if spec.type not in TYPES:
        raise SourceError(f"{path}.type", f"must be one of {', '.join(TYPES)}")
    if not spec.directory.startswith("/"):
        raise SourceError(f"{path}.directory", "must be an absolute path")
    pause = watch_path.pause(spec.check_interval, f"{path}.checkInterval", _INTERVAL)
    matches = watch_path.matcher(path, spec)
    places = [_place(text, f"{path}.addresses[{n}]") for n, text in enumerate(spec.addresses)]
    return _Watch(spec.directory, matches, TYPES[spec.type], pause, places)


def _place(address: str, path: str) -> tuple[str, int]:
    """Host and port of `host[:port]`. Raises SourceError."""
    host, _, port = address.removeprefix("hdfs://").partition(":")
    if not host or "/" in host or not (port or "1").isdecimal() or not 0 < int(port or 1) < 65_536:
        raise SourceError(path, f"{address!r} is not host:port")
    return host, int(port or _PORT)


async def _session(link: Link, user: str, watch: _Watch) -> None:
    """With the first NameNode that answers as the active one."""
    problems, field = [], f"{link.context.path}.directory"
    for host, port in watch.places:
        try:
            async with hdfs_client.connected(host, port, user) as node:
                await _look(link, node, watch)
        except Faulty as error:
            if error.kind == "AccessControlException":
                raise SourceError(
                    f"{link.context.path}.directory", str(error), "Forbidden"
                ) from None
            problems.append(f"{host}:{port}: {error}")
            if error.kind not in _ELSEWHERE:
                break
        except TooMany as error:
            raise SourceError(field, str(error)) from None
        except (ConnectionLost, OSError, TimeoutError) as error:
            problems.append(f"{host}:{port}: {str(error) or type(error).__name__}")
    raise ConnectionLost("; ".join(problems))


async def _look(link: Link, node: NameNode, watch: _Watch) -> None:
    """Until the connection ends."""
    said: str | None = None
    while True:
        listing = await _listed(link, node, watch)
        if watch.seen and (listing is None or not watch.seen.keys() <= listing.files.keys()):
            # A file that moves while directories are read one after the other may be in none.
            listing = await _listed(link, node, watch)
        note = f"{watch.directory} is not there" if listing is None else ""
        if note != said:
            link.connected(note)
            said = note
        await _compare(link, watch, listing or Listing())
        await asyncio.sleep(watch.pause)


async def _listed(link: Link, node: NameNode, watch: _Watch) -> Listing | None:
    """None when the directory went since the first look. Raises SourceError when it was never
    there."""
    listing = await hdfs_client.files(node, watch.directory)
    if listing is not None:
        _drop_old_names(watch.seen or {}, listing)
    elif watch.seen is None:
        raise SourceError(f"{link.context.path}.directory", f"{watch.directory} is not there")
    return listing


def _drop_old_names(seen: Mapping[str, Mark], listing: Listing) -> None:
    """A file has one name: one that moved while directories were read may stand under both."""
    fresh = {mark.inode for path, mark in listing.files.items() if path not in seen}
    old = [p for p, mark in listing.files.items() if mark.inode in fresh and p in seen]
    for path in old:
        del listing.files[path]


async def _compare(link: Link, watch: _Watch, listing: Listing) -> None:
    """Submit what is different; it is known once it was submitted."""
    if watch.seen is None:
        watch.seen = listing.files
        return
    for path, operation in changes(watch.seen, listing):
        if operation == watch.operation and watch.matches(
            watch_path.relative(watch.directory, path)
        ):
            await watch_path.submit(link.context, link.relay, path, operation)
        if path in listing.files:
            watch.seen[path] = listing.files[path]
    hidden = {path: mark for path, mark in watch.seen.items() if listing.hides(path)}
    watch.seen = {**listing.files, **hidden}


def changes(seen: Mapping[str, Mark], listing: Listing) -> Iterator[tuple[str, int]]:
    """Paths and what happened, in the order of their names; what is gone comes last."""
    now, moved = listing.files, set()
    gone = {path: mark for path, mark in seen.items() if path not in now}
    before = {mark.inode: path for path, mark in gone.items()}
    for path in sorted(now):
        last = seen.get(path)
        if last is None and now[path].inode in before:
            moved.add(before[now[path].inode])
            yield path, RENAME
        elif last is None:
            yield path, CREATE
        elif last[:3] != now[path][:3]:
            yield path, WRITE
        elif last.mode != now[path].mode:
            yield path, CHMOD
    for path in sorted(gone.keys() - moved):
        if not listing.hides(path):
            yield path, REMOVE
