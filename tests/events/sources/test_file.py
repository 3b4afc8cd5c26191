"""`file` on a real file system, told by the kernel and by looking."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from events.sources import file
from events.sources.contract import SourceError
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving

BOTH = pytest.mark.parametrize("polling", [False, True], ids=["kernel", "polling"])


def spec(directory: Path, event_type: str, **more: Any) -> dict[str, Any]:
    where = {"directory": f"{directory}/", "pathRegexp": r"\.csv$"}
    return {"eventType": event_type, "watchPathConfig": where, **more}


@BOTH
@pytest.mark.parametrize("event_type", list(file.TYPES))
async def test_each_operation_is_told(tmp_path: Path, event_type: str, polling: bool) -> None:
    bus = WatchedBus()
    target, other = tmp_path / "a.csv", tmp_path / "a.txt"
    if event_type != "CREATE":
        target.write_text("old")
        other.write_text("old")
    async with serving({}) as served:
        given = spec(tmp_path, event_type, polling=polling, metadata={"x": "y"})
        await served.serve(bus, "file", "f", given)
        for path in (other, target):
            match event_type:
                case "CREATE":
                    path.touch()
                case "WRITE":
                    with path.open("a") as writer:
                        writer.write("new")
                case "REMOVE":
                    path.unlink()
                case "RENAME":
                    path.rename(tmp_path / f"{path.name}.moved")
                case _:
                    path.chmod(0o600 if path.stat().st_mode & 0o77 else 0o644)
        await bus.holds(1)
    operation = file.TYPES[event_type]
    assert bus.data() == [{"name": str(target), "op": operation, "metadata": {"x": "y"}}]
    assert bus.events()[0].type == "file"


@BOTH
async def test_a_file_moved_in_is_created_and_one_path_may_be_meant(
    tmp_path: Path, polling: bool
) -> None:
    bus = WatchedBus()
    watched = tmp_path / "in"
    watched.mkdir()
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("x")
    async with serving({}) as served:
        where = {"directory": str(watched), "path": "a.csv"}
        given = {"eventType": "CREATE", "watchPathConfig": where, "polling": polling}
        await served.serve(bus, "file", "f", given)
        for name in ("b.csv", "a.csv"):
            (tmp_path / name).rename(watched / name)
        await bus.holds(1)
    assert bus.data() == [{"name": f"{watched}/a.csv", "op": 1, "metadata": None}]


async def test_many_changes_keep_their_order_over_an_outage_of_the_bus(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with serving({}) as served:
        await served.serve(bus, "file", "f", spec(tmp_path, "CREATE"))
        bus.away = True
        for number in range(2000):
            (tmp_path / f"{number}.csv").touch()
        await bus.until(lambda: len(set(bus.attempts)) == 256)
        bus.away = False
        await bus.holds(2000)
    assert [data["name"] for data in bus.data()] == [f"{tmp_path}/{n}.csv" for n in range(2000)]


async def test_alike_changes_are_events_of_their_own(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with serving({}) as served:
        await served.serve(bus, "file", "f", spec(tmp_path, "REMOVE"))
        for _ in range(3):
            (tmp_path / "a.csv").touch()
            (tmp_path / "a.csv").unlink()
        await bus.holds(3)
    assert len({event.id for event in bus.events()}) == 3


async def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    bus = WatchedBus()
    async with serving({}) as served:
        await served.serve(bus, "file", "f", spec(tmp_path, "CREATE"))
        with open(os.fsencode(tmp_path) + b"/\xff<.csv", "wb"):
            pass
        await bus.holds(1)
    assert bus.data()[0]["name"] == f"{tmp_path}/�<.csv"


@BOTH
async def test_a_directory_that_goes_is_said(tmp_path: Path, polling: bool) -> None:
    watched = tmp_path / "in"
    watched.mkdir()
    async with serving({}) as served:
        given = spec(watched, "CREATE", polling=polling)
        await served.serve(WatchedBus(), "file", "f", given)
        watched.rmdir()
        [task] = served.tasks
        served.tasks.clear()
        with pytest.raises(SourceError, match=r"watchPathConfig\.directory: .*in") as caught:
            await task
    assert caught.value.reason == "Unavailable"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"eventType": "CREATED"}, "eventType: must be one of CREATE"),
        ({"watchPathConfig": {"directory": "in"}}, "watchPathConfig.directory: must be an abs"),
        ({"watchPathConfig": {"directory": "/"}}, "watchPathConfig: exactly one of path"),
        ({"watchPathConfig": {"directory": "/", "path": "/a"}}, "watchPathConfig.path: must be"),
        (
            {"watchPathConfig": {"directory": "/", "path": "a/b"}},
            "watchPathConfig.path: .* not watched",
        ),
        ({"watchPathConfig": {"directory": "/", "pathRegexp": "("}}, "watchPathConfig.pathRegexp"),
        (
            {"watchPathConfig": {"directory": "/none/there", "path": "a"}},
            "watchPathConfig.directory: /none/there: No such file",
        ),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=rf"spec\.file\.f\.{words}"):
            await served.serve(WatchedBus(), "file", "f", {"eventType": "CREATE", **wrong})
