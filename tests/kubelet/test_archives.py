"""Archives never write outside of their target."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from headrace.local.kubelet import archives


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("../evil"), b"x")],
        [(tarfile.TarInfo("a/../../evil"), b"x")],
        [(link("a", "/etc"), b""), (tarfile.TarInfo("a/evil"), b"x")],
        [(link("a", "../.."), b"")],
        [(link("a", "../../evil", tarfile.LNKTYPE), b"")],
        [(link("dev", "", tarfile.CHRTYPE), b"")],
    ],
)
def test_what_would_leave_the_target_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    part = archive(tmp_path / "part", *members)
    with pytest.raises(OSError, match="cannot unpack it"):
        archives.unpack(part, tmp_path / "target", "tgz", 1000)
    assert not (tmp_path / "evil").exists()


def test_folders_files_and_links_come_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("content")
    (source / "sub" / "file").chmod(0o755)
    (source / "link").symlink_to("sub/file")
    archives.pack(source, tmp_path / "packed", "tgz", "source")
    archives.unpack(tmp_path / "packed", tmp_path / "target", "tgz", 1000)
    assert (tmp_path / "target" / "link").read_text() == "content"
    assert (tmp_path / "target" / "sub" / "file").stat().st_mode & 0o777 == 0o755


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    part = archive(tmp_path / "part", (tarfile.TarInfo("big"), b"0" * 2000))
    with pytest.raises(OSError, match="more than 1000 bytes"):
        archives.unpack(part, tmp_path / "target", "tgz", 1000)
