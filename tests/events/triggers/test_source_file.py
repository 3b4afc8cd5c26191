"""A trigger's object from a file: only what the operator has opened, and regular files only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from events.triggers import source
from events.triggers.contract import TriggerFailed
from events.triggers.open_files import OpenFiles
from tests.events.triggers import firing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    opened = tmp_path / "open"
    (opened / "closed").mkdir(parents=True)
    (opened / "a.yaml").write_text("kind: Pod\n")
    (opened / "closed/own.yaml").write_text("kind: Config\n")
    (tmp_path / "secret.yaml").write_text("kind: Config\n")
    return opened


async def read(path: Path | str, *folders: Path, closed: Path | None = None) -> object:
    files = OpenFiles(folders, (closed,) if closed else ())
    return await source.fetch(firing.context(files=files), {"file": {"path": str(path)}})


async def test_a_file_of_an_open_folder_is_read(folder: Path) -> None:
    none = folder / "none"
    assert await read(folder / "a.yaml", none, folder) == {"kind": "Pod"}
    (folder / "link.yaml").symlink_to("a.yaml")
    assert await read(folder / "link.yaml", none, folder) == {"kind": "Pod"}
    assert await read(folder / "a.yaml", Path("/")) == {"kind": "Pod"}


async def test_nothing_is_open_that_is_not_opened(folder: Path) -> None:
    with pytest.raises(TriggerFailed, match="is in no folder that is open") as failed:
        await read(folder / "a.yaml")
    assert failed.value.permanent


async def test_what_is_closed_stays_so_within_an_open_folder(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("closed/own.yaml")
    for name in ("closed/own.yaml", "link.yaml", "x/../closed/own.yaml"):
        with pytest.raises(TriggerFailed, match="is in no folder that is open"):
            await read(folder / name, Path("/"), closed=folder / "closed")


@pytest.mark.parametrize(
    "way", ["../secret.yaml", "x/../../secret.yaml", "out.yaml", "way/secret.yaml", "../none.yaml"]
)
async def test_no_way_leads_out_of_it(folder: Path, way: str) -> None:
    (folder / "x").mkdir()
    (folder / "out.yaml").symlink_to("../secret.yaml")
    (folder / "way").symlink_to("..")
    with pytest.raises(TriggerFailed, match="is in no folder that is open"):
        await read(f"{folder}/{way}", folder)


@pytest.mark.parametrize("path", ["/proc/self/environ", "/etc/passwd", "/dev/zero", "/not/there"])
async def test_files_of_the_machine_are_closed(folder: Path, path: str) -> None:
    with pytest.raises(TriggerFailed, match="is in no folder that is open"):
        await read(path, folder)


async def test_a_pipe_and_a_folder_are_no_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for path in (folder / "pipe", folder):
        with pytest.raises(TriggerFailed, match=r"source\.file\.path: .* is no regular file"):
            await read(path, folder)


async def test_a_long_file_and_a_missing_one_are_named(folder: Path) -> None:
    (folder / "long.yaml").write_text("#" * 600_000)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    for name, words in {
        "long.yaml": "is larger than 524288 bytes",
        "none.yaml": "No such file or directory",
        "loop.yaml": "loop|[Tt]oo many",
    }.items():
        with pytest.raises(TriggerFailed, match=rf"source\.file\.path: .*({words})"):
            await read(folder / name, folder)
