"""One connection to an SFTP server, and what files a directory there holds.

The server is not trusted: names with a slash are left out, depth and number of files are capped,
links are not followed. Needs the extra `sftp`. Called by the `sftp` source.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from events.sources.queue_link import ConnectionLost

if TYPE_CHECKING:
    from asyncssh import SFTPClient

_CONNECT_SECONDS = 10.0
_LOGIN_SECONDS = 20.0
_LIST_SECONDS = 120.0
_KEEP_ALIVE = 30
_DEEPEST = 64
MOST = 200_000


class Mark(NamedTuple):
    """What tells two states of a file apart. `modified` in seconds."""

    modified: int
    size: int


class Refused(Exception):
    """The server or its key is not as configured. `field` names what a user can mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Login:
    """`known_hosts` None: any key of the server is taken."""

    host: str
    port: int
    user: str
    password: str
    key: bytes
    known_hosts: bytes | None


@dataclass(slots=True)
class Listing:
    """Files below the directory by full path, and directories that may not be read."""

    files: dict[str, Mark] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def hides(self, path: str) -> bool:
        """Whether `path` may be there though it was not seen."""
        return any(path.startswith(f"{place}/") for place in self.closed)


async def package() -> Any:
    """The SSH package, which not everyone installs. Raises ImportError."""
    return await asyncio.to_thread(importlib.import_module, "asyncssh")


@asynccontextmanager
async def connected(login: Login) -> AsyncIterator[tuple[SFTPClient, str]]:
    """The session, and the fingerprint of the server's key. Raises Refused, ConnectionLost."""
    ssh = await package()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS + _LOGIN_SECONDS):
            connection = await ssh.connect(login.host, login.port, **_options(ssh, login))
    except ssh.HostKeyNotVerifiable:
        raise Refused("address", "the server's key is not in known_hosts") from None
    except ssh.PermissionDenied:
        raise Refused("username", "the server refuses the login") from None
    except ssh.Error as error:
        raise ConnectionLost(error.reason) from None
    try:
        key = connection.get_server_host_key()
        async with asyncio.timeout(_LOGIN_SECONDS):
            # Names are any bytes: what is no UTF-8 must come back to the server unchanged.
            client = await connection.start_sftp_client(path_errors="surrogateescape")
        yield client, key.get_fingerprint() if key else ""
    except ssh.Error as error:
        raise ConnectionLost(error.reason) from None
    finally:
        connection.abort()


def _options(ssh: Any, login: Login) -> dict[str, Any]:
    """Nothing of the machine's own SSH settings counts: no agent, no files, no Kerberos."""
    try:
        keys = [ssh.import_private_key(login.key)] if login.key else None
    except (ssh.KeyImportError, ssh.KeyEncryptionError):
        raise Refused("sshKeySecret", "is no private key without passphrase") from None
    try:
        known = None
        if login.known_hosts is not None:  # an empty one trusts nobody
            known = ssh.import_known_hosts(login.known_hosts.decode())
    except (ValueError, UnicodeDecodeError):
        raise Refused("address", "the Secret's known_hosts are no known_hosts lines") from None
    return {
        "username": login.user,
        "password": login.password or None,
        "client_keys": keys,
        "known_hosts": known,
        "agent_path": None,
        "config": None,
        "gss_host": None,
        "connect_timeout": _CONNECT_SECONDS,
        "login_timeout": _LOGIN_SECONDS,
        "keepalive_interval": _KEEP_ALIVE,
    }


async def files(client: SFTPClient, directory: str) -> Listing:
    """All files below `directory`. Raises Refused, ConnectionLost, TimeoutError."""
    ssh = await package()
    listing, waiting = Listing(), [(directory.rstrip("/") or "/", 0)]
    async with asyncio.timeout(_LIST_SECONDS):
        while waiting:
            place, depth = waiting.pop()
            try:
                found = await _folder(client, place, listing, ssh)
            except ssh.SFTPPermissionDenied:
                if not depth:
                    raise Refused("watchPathConfig.directory", "may not be read") from None
                listing.closed.append(place)
                continue
            except ssh.SFTPNoSuchFile:
                if not depth:
                    raise ConnectionLost(f"directory {directory} does not exist") from None
                continue  # removed since its parent was read
            if depth < _DEEPEST:
                waiting.extend((each, depth + 1) for each in found)
    return listing


async def _folder(client: SFTPClient, place: str, listing: Listing, ssh: Any) -> list[str]:
    """Put one directory's files into `listing`; its directories."""
    found = []
    below = place.rstrip("/")
    async for entry in client.scandir(place):
        name, attrs = str(entry.filename), entry.attrs
        if name in (".", "..", "") or "/" in name:
            continue
        path = f"{below}/{name}"
        if attrs.type == ssh.FILEXFER_TYPE_DIRECTORY:
            found.append(path)
            continue
        if len(listing.files) >= MOST:
            raise Refused("watchPathConfig.directory", f"holds more than {MOST} files")
        listing.files[path] = Mark(attrs.mtime or 0, attrs.size or 0)
    return found
