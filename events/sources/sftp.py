"""`sftp`: files that appear, change or go on an SFTP server, found by looking again and again.

Payload `{name, op, metadata}`: the file's full path, and 1 for new and changed files, 4 for
removed ones (with `eventType: WRITE` 2, for changed ones alone); `metadata` is null when unset.
What was there at the start is known and no event; what changes while the connection is away is
found afterwards. Files below subdirectories count, links are not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from crds import decode
from crds.eventsource_local import SFTPEventSource, WatchPathConfig
from events.secrets import MissingValue
from events.sources import queue_link, sftp_client, watch_path
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import Link
from events.sources.sftp_client import Listing, Login, Mark
from events.sources.watch_path import CREATE, REMOVE, WRITE

_MISSING = "the SSH client is missing: pip install 'headrace[sftp]'"
_KNOWN_HOSTS = "known_hosts"
_POLL = 10.0
_TYPES = {"CREATE": CREATE, "WRITE": WRITE, "REMOVE": REMOVE}
_UNSEEN = ("RENAME", "CHMOD")


@dataclass(slots=True)
class _Watch:
    """What is looked for, and what is known. `seen` is None before the first look."""

    directory: str
    matches: Callable[[str], bool]
    operation: int
    pause: float
    seen: dict[str, Mark] | None = field(default=None)


class Sftp:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Look and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), SFTPEventSource)
        watch = _watch(context.path, spec)
        for name, value in (("address", spec.address), ("username", spec.username)):
            if not value:
                raise SourceError(f"{context.path}.{name}", "is required")
        if not (spec.password or spec.ssh_key_secret):
            raise SourceError(context.path, "password or sshKeySecret is required")
        try:
            await sftp_client.package()
        except ImportError:
            raise SourceError(context.path, _MISSING, "MissingPackage") from None

        async def session(link: Link) -> None:
            await _session(link, spec, watch)

        await queue_link.keep(context, ready, session, lossy=True)


def _watch(path: str, spec: SFTPEventSource) -> _Watch:
    """The checked settings. Raises SourceError."""
    if spec.event_type in _UNSEEN:
        raise SourceError(f"{path}.eventType", f"SFTP does not tell of {spec.event_type}")
    if spec.event_type not in _TYPES:
        raise SourceError(f"{path}.eventType", f"must be one of {', '.join(_TYPES)}")
    where = spec.watch_path_config or WatchPathConfig()
    if not where.directory.startswith("/"):
        raise SourceError(f"{path}.watchPathConfig.directory", "must be an absolute path")
    pause = watch_path.pause(spec.poll_interval_duration, f"{path}.pollIntervalDuration", _POLL)
    matches = watch_path.matcher(f"{path}.watchPathConfig", where)
    return _Watch(where.directory, matches, _TYPES[spec.event_type], pause)


async def _session(link: Link, spec: SFTPEventSource, watch: _Watch) -> None:
    login = await _login(link, spec)
    try:
        async with sftp_client.connected(login) as (client, fingerprint):
            while True:
                listing = await sftp_client.files(client, watch.directory)
                if not link.is_connected:
                    unchecked = f"the server's key {fingerprint} is not checked: no known_hosts"
                    link.connected(unchecked if login.known_hosts is None else "")
                await _compare(link, watch, listing)
                await asyncio.sleep(watch.pause)
    except sftp_client.Refused as error:
        raise SourceError(f"{link.context.path}.{error.field}", str(error), "Forbidden") from None


async def _login(link: Link, spec: SFTPEventSource) -> Login:
    path = link.context.path
    address = await link.text(spec.address, f"{path}.address")
    host, port = _place(address, f"{path}.address")
    key, known = b"", None
    if spec.ssh_key_secret:
        key = await link.read(spec.ssh_key_secret, f"{path}.sshKeySecret") + b"\n"
    with contextlib.suppress(MissingValue):  # without it nothing is checked; the condition says so
        known = await link.read({**(spec.address or {}), "key": _KNOWN_HOSTS}, f"{path}.address")
    return Login(
        host,
        port,
        await link.text(spec.username, f"{path}.username"),
        await link.text(spec.password, f"{path}.password"),
        key,
        known,
    )


def _place(address: str, path: str) -> tuple[str, int]:
    """Host and port of `host`, `host:port` or `[address]:port`. Raises SourceError."""
    bare = address.strip().removeprefix("sftp://")
    if bare.startswith("["):
        host, _, rest = bare[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = bare.partition(":")
    if not host or not (port or "22").isdecimal() or not 0 < int(port or "22") < 65_536:
        raise SourceError(path, "the Secret's value must be host:port")
    return host, int(port or "22")


async def _compare(link: Link, watch: _Watch, listing: Listing) -> None:
    """Submit what is different; it is known once it was submitted."""
    if watch.seen is None:
        watch.seen = listing.files
        return
    for path, operation in _changes(watch.seen, listing):
        wanted = operation == watch.operation or (operation == WRITE and watch.operation == CREATE)
        if wanted and watch.matches(watch_path.relative(watch.directory, path)):
            await watch_path.submit(link.context, link.relay, path, watch.operation)
        if operation == REMOVE:
            del watch.seen[path]
        else:
            watch.seen[path] = listing.files[path]


def _changes(seen: dict[str, Mark], listing: Listing) -> Iterator[tuple[str, int]]:
    """Paths and what happened, in the order of their names."""
    for path in sorted(listing.files):
        if seen.get(path) != listing.files[path]:
            yield path, WRITE if path in seen else CREATE
    gone = sorted(path for path in seen if path not in listing.files)
    yield from ((path, REMOVE) for path in gone if not listing.hides(path))
