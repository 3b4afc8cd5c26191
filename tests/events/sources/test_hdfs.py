"""`hdfs` against a real NameNode: every operation, pages, kills, a standby, permissions."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from events import protobuf
from events.sources import queue_link
from events.sources.contract import SourceError
from events.sources.hdfs import _drop_old_names, changes
from events.sources.hdfs_client import Listing, Mark
from tests import ports
from tests.events.sources.namenode import namenode
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving


def spec(*ports_: int, **more: Any) -> dict[str, Any]:
    return {
        "addresses": [f"127.0.0.1:{port}" for port in ports_],
        "hdfsUser": "reader",
        "type": "CREATE",
        "checkInterval": "20ms",
        "directory": "/in",
        "pathRegexp": "",
        **({} if "path" in more else {"pathRegexp": "."}),
        **more,
    }


async def test_every_operation_becomes_an_event() -> None:
    bus = WatchedBus()
    async with namenode() as server, serving({}) as served:
        await server.make("/in/deep/er")
        # Each event has looks of its own: what it is to notice was there before all of them.
        await server.touch("/in/old", "/in/deep/er/old", "/in/moving", "/in/going", "/in/mode")
        kinds = ("CREATE", "WRITE", "REMOVE", "RENAME", "CHMOD")
        for kind in kinds:
            given = spec(server.port, type=kind, metadata={"x": "y"} if kind == "CREATE" else None)
            await served.serve(bus, "hdfs", kind.lower(), given)
        only = spec(server.port, path="deep/er/new 4", filter={"expression": "op == 1"})
        await served.serve(bus, "hdfs", "only", only)
        names = [f"/in/deep/er/new {n}" for n in range(12)]  # more than two pages
        await server.bring(*names)
        await bus.holds(13)
        await server.set_time("/in/old", 1_700_000_000_000)
        await bus.holds(14)
        await server.bring("/in/deep/er/old")  # replaced by another file of its name
        await bus.holds(15)
        await server.rename("/in/moving", "/in/deep/moved")
        await bus.holds(16)
        await server.chmod("/in/mode", 0o600)
        await bus.holds(17)
        await server.remove("/in/going")
        await bus.holds(18)
        await server.remove("/in/deep")
        await bus.holds(18 + 14)
    found = [(event.subject, data) for event, data in zip(bus.events(), bus.data(), strict=True)]
    made: list[dict[str, Any]] = [{"name": name, "op": 1, "metadata": {"x": "y"}} for name in names]
    created = [data for subject, data in found if subject == "create"]  # in one look, or in two
    assert sorted(created, key=lambda data: data["name"]) == sorted(made, key=lambda d: d["name"])
    assert [data["name"] for subject, data in found if subject == "only"] == [names[4]]
    plain = {"metadata": None}
    assert [(subject, data) for subject, data in found[13:18]] == [
        ("write", {"name": "/in/old", "op": 2, **plain}),
        ("write", {"name": "/in/deep/er/old", "op": 2, **plain}),
        ("rename", {"name": "/in/deep/moved", "op": 8, **plain}),
        ("chmod", {"name": "/in/mode", "op": 16, **plain}),
        ("remove", {"name": "/in/going", "op": 4, **plain}),
    ]
    assert {data["op"] for _, data in found[18:]} == {4}
    assert {event.type for event in bus.events()} == {"hdfs"}


async def test_what_changes_while_no_name_node_answers_is_found_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_link, "_LONGEST_AWAY", 0.1)
    monkeypatch.setattr(queue_link.Pauses, "of", lambda *_: queue_link.Pauses(0.01, steps=2))
    bus, notes = WatchedBus(), list[str]()
    async with namenode() as server, serving({}) as served, standby() as other:
        await server.make("/in")
        await served.serve(bus, "hdfs", "e", spec(other, server.port), notes=notes)
        await server.touch("/in/one")
        await bus.holds(1)
        await server.broker.kill()
        await eventually(lambda: any("StandbyException" in note for note in notes))
        await server.broker.start()
        await server.touch("/in/two")
        await bus.until(lambda: len(bus.store.log) == 2, 40)
    assert [data["name"] for data in bus.data()] == ["/in/one", "/in/two"]


async def test_what_may_not_be_read_or_is_not_there_is_named() -> None:
    bus = WatchedBus()
    async with namenode() as server, serving({}) as served:
        await server.make("/closed", "/in/closed")
        await server.touch("/in/closed/hidden", "/in/going")
        await server.chmod("/closed", 0o700)
        with pytest.raises(SourceError, match=r"spec\.hdfs\.e\.directory: AccessControl") as caught:
            await served.serve(bus, "hdfs", "e", spec(server.port, directory="/closed"))
        assert caught.value.reason == "Forbidden"
        with pytest.raises(SourceError, match="/none is not there"):
            await served.serve(bus, "hdfs", "e", spec(server.port, directory="/none"))
        await served.serve(bus, "hdfs", "made", spec(server.port))
        await served.serve(bus, "hdfs", "gone", spec(server.port, type="REMOVE"))
        await server.chmod("/in/closed", 0o700)  # a place below is left out, and its files stay
        await server.touch("/in/seen")
        await bus.holds(1)
        await server.remove("/in/going")
        await bus.holds(2)
    assert [data["name"] for data in bus.data()] == ["/in/seen", "/in/going"]


async def test_a_directory_that_goes_and_comes_back_is_looked_at_on() -> None:
    bus, notes = WatchedBus(), list[str]()
    async with namenode() as server, serving({}) as served:
        await server.make("/in")
        await server.touch("/in/old")
        await served.serve(bus, "hdfs", "made", spec(server.port), notes=notes)
        await served.serve(bus, "hdfs", "gone", spec(server.port, type="REMOVE"))
        await server.remove("/in")
        await bus.holds(1)
        await eventually(lambda: notes[-1] == "/in is not there")
        await server.bring("/fresh")
        await server.make("/next")
        await server.rename("/fresh", "/next/new")
        await server.rename("/next", "/in")
        await bus.holds(2)
        await eventually(lambda: notes[-1] == "")
    assert [(data["name"], data["op"]) for data in bus.data()] == [("/in/old", 4), ("/in/new", 1)]


@asynccontextmanager
async def standby() -> AsyncIterator[int]:
    """A NameNode that is not the active one; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = protobuf.encode(
            [(1, 1), (2, 1), (3, 9), (4, "org.apache.hadoop.ipc.StandbyException"), (5, "standby")]
        )
        await reader.read(64)
        body = protobuf.delimited(head)
        writer.write(struct.pack("!I", len(body)) + body)
        await writer.drain()
        writer.close()

    port = ports.free_port()
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        yield port


MARK = Mark(1, 10, 5, 0o644)


@pytest.mark.parametrize(
    ("seen", "now", "found"),
    [
        ({"/a": MARK}, {"/a": MARK}, []),
        ({}, {"/b": MARK, "/a": MARK._replace(inode=2)}, [("/a", 1), ("/b", 1)]),
        ({"/a": MARK}, {"/a": MARK._replace(inode=2)}, [("/a", 2)]),
        ({"/a": MARK}, {"/a": MARK._replace(size=6, mode=0)}, [("/a", 2)]),
        ({"/a": MARK}, {"/a": MARK._replace(mode=0)}, [("/a", 16)]),
        ({"/a": MARK}, {"/b": MARK._replace(modified=11)}, [("/b", 8)]),
        ({"/a": MARK}, {"/a": MARK._replace(inode=2), "/b": MARK}, [("/a", 2), ("/b", 1)]),
        ({"/a": MARK, "/c/d": MARK._replace(inode=3)}, {}, [("/a", 4)]),
    ],
)
def test_changes(seen: dict[str, Mark], now: dict[str, Mark], found: list[tuple[str, int]]) -> None:
    assert list(changes(seen, Listing(now, ["/c"]))) == found


def test_a_file_that_moved_while_directories_were_read_has_its_new_name() -> None:
    listing = Listing({"/a": MARK, "/b/c": MARK, "/d": MARK._replace(inode=2)})
    seen = {"/a": MARK}
    _drop_old_names(seen, listing)
    assert list(changes(seen, listing)) == [("/b/c", 8), ("/d", 1)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"addresses": []}, "addresses: is required"),
        ({"addresses": ["a:b"]}, r"addresses\[0\]: 'a:b' is not host:port"),
        ({"hdfsUser": ""}, "hdfsUser: is required"),
        ({"krbKeytabSecret": {"name": "a", "key": "b"}}, "krbKeytabSecret: Kerberos is not served"),
        ({"krbRealm": "ACME"}, "krbRealm: Kerberos is not served"),
        ({"type": "OPEN"}, "type: must be one of CREATE, WRITE, REMOVE, RENAME, CHMOD"),
        ({"directory": "in"}, "directory: must be an absolute path"),
        ({"path": "a", "pathRegexp": "b"}, ": exactly one of path and pathRegexp"),
        ({"checkInterval": "often"}, "checkInterval: "),
        ({"checkInterval": "1ms"}, "checkInterval: is too short"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    where = r"spec\.hdfs\.e" if words.startswith(":") else r"spec\.hdfs\.e\."
    async with serving({}) as served:
        with pytest.raises(SourceError, match=where + words):
            await served.serve(WatchedBus(), "hdfs", "e", {**spec(1), **wrong})
