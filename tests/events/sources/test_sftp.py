"""`sftp` against asyncssh's SFTP server: what changed, login, the server's key, interruptions."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from events.sources import sftp_client
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
USER_KEY = asyncssh.generate_private_key("ssh-ed25519")


class _Login(asyncssh.SSHServer):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("u", self._server.password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "u" and key == USER_KEY.convert_to_public()


@dataclass(slots=True)
class Server:
    """Serves `root` as the whole tree; the watched directory is /in. `looks` counts listings."""

    root: Path
    port: int
    password: str = "secret"
    looks: int = 0
    closed: set[bytes] = field(default_factory=set)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.root / "in"

    async def looked(self) -> None:
        """Wait until a look that began after this call is over."""
        wanted = self.looks + 2
        await eventually(lambda: self.looks >= wanted)

    def factory(self) -> type[asyncssh.SFTPServer]:
        server = self

        class Rooted(asyncssh.SFTPServer):
            def __init__(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
                super().__init__(chan, chroot=os.fsencode(server.root))

            async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
                if path in server.closed:
                    raise asyncssh.SFTPPermissionDenied("no")
                if path == b"/in":
                    server.looks += 1
                async for entry in super().scandir(path):
                    yield entry

        return Rooted


@asynccontextmanager
async def sftp(folder: Path) -> AsyncIterator[Server]:
    server = Server(folder, ports.free_port())
    server.folder.mkdir()
    listener = await asyncssh.listen(
        "127.0.0.1",
        server.port,
        server_host_keys=[HOST_KEY],
        server_factory=lambda: _Login(server),
        sftp_factory=server.factory(),
    )
    try:
        yield server
    finally:
        for connection in server.connections:
            connection.abort()
        listener.close()
        await listener.wait_closed()


def secrets(server: Server, **more: str) -> dict[str, dict[str, str]]:
    given = {
        "address": f"127.0.0.1:{server.port}",
        "username": "u",
        "password": "secret\n",
        "key": USER_KEY.export_private_key().decode(),
    }
    return {"sftp": {**given, **more}}


def known_hosts(server: Server, key: asyncssh.SSHKey = HOST_KEY) -> str:
    public = key.export_public_key().decode()
    return f"[127.0.0.1]:{server.port} {public}"


def spec(**more: Any) -> dict[str, Any]:
    given = {
        "eventType": "CREATE",
        "watchPathConfig": {"directory": "/in", "pathRegexp": ".*"},
        "pollIntervalDuration": "20ms",
        "address": {"name": "sftp", "key": "address"},
        "username": {"name": "sftp", "key": "username"},
        "password": {"name": "sftp", "key": "password"},
    }
    return {k: v for k, v in {**given, **more}.items() if v is not None}


async def test_a_new_file_is_an_event_and_an_old_one_is_none(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        (server.folder / "old").write_text("x")
        await served.serve(bus, "sftp", "e", spec())
        (server.folder / "new & fresh").write_text("x")
        await bus.holds(1)
        await server.looked()
    [event] = bus.events()
    assert event.data == b'{"name":"/in/new \\u0026 fresh","op":1,"metadata":null}'
    assert (event.type, event.subject) == ("sftp", "e")


async def test_files_below_subdirectories_and_metadata(tmp_path: Path) -> None:
    bus = WatchedBus()
    where = {"directory": "/in/", "pathRegexp": r"^2026/.*\.csv$"}
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec(watchPathConfig=where, metadata={"a": "b"}))
        (server.folder / "2026/may").mkdir(parents=True)
        (server.folder / "x.csv").write_text("")
        (server.folder / "2026/x.txt").write_text("")
        (server.folder / "2026/may/x.csv").write_text("")
        assert await bus.holds(1) == [
            {"name": "/in/2026/may/x.csv", "op": 1, "metadata": {"a": "b"}}
        ]


async def test_one_path_is_watched_alone(tmp_path: Path) -> None:
    bus = WatchedBus()
    where = {"directory": "/in", "path": "a.b"}
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec(watchPathConfig=where))
        (server.folder / "axb").write_text("")
        await server.looked()
        (server.folder / "a.b").write_text("")
        assert [d["name"] for d in await bus.holds(1)] == ["/in/a.b"]


@pytest.mark.parametrize(
    ("kind", "seen"),
    [("CREATE", [1, 1, 1]), ("WRITE", [2]), ("REMOVE", [4])],
)
async def test_changes_are_told_apart(tmp_path: Path, kind: str, seen: list[int]) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec(eventType=kind))
        path = server.folder / "a"
        path.write_text("1")
        await server.looked()
        path.write_text("22")
        await server.looked()
        path.unlink()
        await server.looked()
        (server.folder / "b").symlink_to("nowhere")
        await server.looked()
    assert [d["op"] for d in bus.data()] == seen


async def test_a_file_that_comes_back_alike_is_another_event(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec())
        path, away = server.folder / "a", tmp_path / "away"
        path.write_text("1")
        await bus.holds(1)
        path.rename(away)
        await server.looked()
        away.rename(path)
        await bus.holds(2)


async def test_changes_of_an_interruption_are_found_afterwards(tmp_path: Path) -> None:
    bus, notes = WatchedBus(), list[str]()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec(), notes=notes)
        server.connections[-1].abort()
        (server.folder / "meanwhile").write_text("")
        assert [d["name"] for d in await bus.holds(1)] == ["/in/meanwhile"]
        assert len(server.connections) >= 2
    assert any(note.startswith("reconnecting: ") for note in notes)


async def test_a_directory_that_may_not_be_read_hides_its_files(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        (server.folder / "sub").mkdir()
        (server.folder / "sub/a").write_text("")
        await served.serve(bus, "sftp", "e", spec(eventType="REMOVE"))
        server.closed.add(b"/in/sub")
        await server.looked()
        server.closed.clear()
        await server.looked()
        (server.folder / "sub/a").unlink()
        assert [d["name"] for d in await bus.holds(1)] == ["/in/sub/a"]


async def test_a_name_that_is_no_text_is_an_event_too(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec())
        strange = os.fsencode(server.folder) + b"/\xff"
        os.mkdir(strange)
        with open(strange + b"/x", "wb"):
            pass
        assert [d["name"] for d in await bus.holds(1)] == ["/in/\ufffd/x"]


async def test_a_key_instead_of_a_password(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        key = {"name": "sftp", "key": "key"}
        await served.serve(bus, "sftp", "e", spec(sshKeySecret=key, password=None))
        (server.folder / "a").write_text("")
        await bus.holds(1)


async def test_a_rotated_password_is_used(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        await served.serve(bus, "sftp", "e", spec())
        server.password = "new"
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["sftp"]["password"] = "new"
        await served.services.secrets.refresh()
        await eventually(lambda: len(server.connections) == 2)
        (server.folder / "a").write_text("")
        await bus.holds(1)


async def test_the_servers_key_is_checked_when_it_is_known(tmp_path: Path) -> None:
    async with sftp(tmp_path) as server:
        notes = list[str]()
        async with serving(secrets(server, known_hosts=known_hosts(server))) as served:
            await served.serve(WatchedBus(), "sftp", "e", spec(), notes=notes)
        assert notes[0] == ""
        async with serving(secrets(server)) as served:
            await served.serve(WatchedBus(), "sftp", "e", spec(), notes=notes)
        assert "is not checked: no known_hosts" in notes[-1]
        assert HOST_KEY.get_fingerprint() in notes[-1]


@pytest.mark.parametrize("known", ["", "other", "nonsense"])
async def test_an_unknown_key_of_the_server_is_refused(tmp_path: Path, known: str) -> None:
    async with sftp(tmp_path) as server:
        other = asyncssh.generate_private_key("ssh-ed25519")
        text = known_hosts(server, other) if known == "other" else known
        async with serving(secrets(server, known_hosts=text)) as served:
            with pytest.raises(SourceError, match=r"spec\.sftp\.e\.address: .*known_hosts"):
                await served.serve(WatchedBus(), "sftp", "e", spec())


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"password": "wrong"}, r"e\.username: the server refuses the login"),
        ({"key": "nonsense"}, r"e\.sshKeySecret: is no private key"),
        ({"address": "host:many"}, r"e\.address: the Secret's value must be host:port"),
        ({"address": ""}, r"e\.address: the Secret's value must be host:port"),
    ],
)
async def test_a_wrong_secret_is_named(tmp_path: Path, held: dict[str, str], words: str) -> None:
    async with sftp(tmp_path) as server, serving(secrets(server, **held)) as served:
        key = {"name": "sftp", "key": "key"} if "key" in held else None
        with pytest.raises(SourceError, match=words):
            await served.serve(WatchedBus(), "sftp", "e", spec(sshKeySecret=key))


async def test_a_directory_that_may_not_be_read_at_all_is_named(tmp_path: Path) -> None:
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        server.closed.add(b"/in")
        with pytest.raises(SourceError, match=r"watchPathConfig\.directory: may not be read"):
            await served.serve(WatchedBus(), "sftp", "e", spec())


async def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp_client, "MOST", 3)
    async with sftp(tmp_path) as server, serving(secrets(server)) as served:
        for n in range(4):
            (server.folder / f"{n}").write_text("")
        with pytest.raises(SourceError, match=r"directory: holds more than 3 files"):
            await served.serve(WatchedBus(), "sftp", "e", spec())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"eventType": "CHMOD"}, r"eventType: SFTP does not tell of CHMOD"),
        ({"eventType": "create"}, r"eventType: must be one of"),
        ({"watchPathConfig": None}, r"watchPathConfig\.directory: must be an absolute"),
        ({"watchPathConfig": {"directory": "/a"}}, r"exactly one of path and pathRegexp"),
        ({"watchPathConfig": {"directory": "/a", "path": "/b"}}, r"path: must be relative"),
        ({"watchPathConfig": {"directory": "/a", "pathRegexp": "("}}, r"pathRegexp: "),
        ({"pollIntervalDuration": "often"}, r"pollIntervalDuration: "),
        ({"pollIntervalDuration": "0s"}, r"pollIntervalDuration: is too short"),
        ({"address": None}, r"address: is required"),
        ({"username": None}, r"username: is required"),
        ({"password": None}, r"password or sshKeySecret is required"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=words):
            await served.serve(WatchedBus(), "sftp", "e", spec(**wrong))


async def test_a_missing_client_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    async with serving({}) as served:
        with pytest.raises(SourceError, match=r"pip install 'headrace\[sftp\]'"):
            await served.serve(WatchedBus(), "sftp", "e", spec())
