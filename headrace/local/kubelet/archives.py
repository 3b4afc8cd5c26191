"""Packing and unpacking artifacts: tar with gzip, zip, or as they are. Blocks; use in threads.

Unpacking follows Argo: an archive with one entry becomes that entry, one with more a folder; what
is no archive although one was expected stays as it is. Nothing is ever written outside the target.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

LEVEL = 1  # gzip: artifacts stay on this machine or go over a fast network


def pack(source: Path, target: Path, archive: str, name: str) -> None:
    """Make `target` an archive that holds `source` under `name`; symlinks stay symlinks."""
    if archive == "zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
            if source.is_dir():
                for path in sorted(source.rglob("*")):
                    if not path.is_symlink():
                        made.write(path, f"{name}/{path.relative_to(source)}")
            else:
                made.write(source, name)
        return
    with tarfile.open(target, "w:gz", compresslevel=LEVEL) as tar:
        tar.add(source, arcname=name)


def unpack(part: Path, target: Path, archive: str, most: int) -> None:
    """Turn the fetched `part` into `target`. Raises OSError; `most` bytes at the most."""
    if part.is_dir() or archive == "none":
        _move(part, target)
        return
    folder = part.with_name(part.name + ".d")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unpacked = _unzip(part, folder, most) if archive == "zip" else _untar(part, folder, most)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise OSError(f"cannot unpack it: {error}") from error
    if not unpacked:
        _move(part, target)
        return
    entries = list(folder.iterdir())
    _move(entries[0] if len(entries) == 1 else folder, target)
    shutil.rmtree(folder, ignore_errors=True)
    part.unlink(missing_ok=True)


def _untar(part: Path, folder: Path, most: int) -> bool:
    try:
        tar = tarfile.open(part, "r:gz")  # noqa: SIM115 - closed below
    except tarfile.ReadError:
        return False
    with tar:
        total = 0
        folder.mkdir(mode=0o755)
        for member in tar:
            total += max(0, member.size)
            if total > most:
                raise OSError(f"it unpacks to more than {most} bytes")
            _extract(tar, member, folder)
    return True


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one entry below `folder`: files, folders and links that stay inside, no owners.

    The standard library's own filter is not in every Python 3.11.
    """
    root = folder.resolve()
    path = root / member.name.lstrip("/")
    if ".." in path.parts or not path.parent.resolve().is_relative_to(root):
        raise tarfile.TarError(f"{member.name!r} would be outside of the target")
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        path.mkdir(mode=0o755, exist_ok=True)
    elif member.issym():
        end = (path.parent / member.linkname).resolve()
        if os.path.isabs(member.linkname) or not end.is_relative_to(root):
            raise tarfile.TarError(f"{member.name!r} is a link to outside of the target")
        path.symlink_to(member.linkname)
    elif member.islnk():
        end = (root / member.linkname).resolve()
        if not end.is_relative_to(root):
            raise tarfile.TarError(f"{member.name!r} is a link to outside of the target")
        path.hardlink_to(end)
    elif member.isfile():
        _write(tar, member, path)
    else:
        raise tarfile.TarError(f"{member.name!r} is no file, folder or link")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    path.unlink(missing_ok=True)
    with content, path.open("xb") as written:
        shutil.copyfileobj(content, written)
    path.chmod(member.mode & 0o755 | 0o600)
    os.utime(path, (member.mtime, member.mtime))


def _unzip(part: Path, folder: Path, most: int) -> bool:
    with zipfile.ZipFile(part) as opened:
        if sum(info.file_size for info in opened.infolist()) > most:
            raise OSError(f"it unpacks to more than {most} bytes")
        folder.mkdir(mode=0o755)
        for info in opened.infolist():
            path = Path(opened.extract(info, folder))
            mode = stat.S_IMODE(info.external_attr >> 16)
            if mode and not path.is_dir():
                path.chmod(mode & 0o777)
    return True


def _move(source: Path, target: Path) -> None:
    """Replace `target`; a folder that is there already (a volume's) gets the entries."""
    if target.is_dir() and source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        return
    shutil.move(source, target)


def set_mode(path: Path, mode: int, recurse: bool) -> None:
    """chmod, on everything below too if asked for; symlinks are left alone."""
    path.chmod(mode & 0o7777)
    if recurse and path.is_dir():
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                below = Path(folder) / name
                if not below.is_symlink():
                    below.chmod(mode & 0o7777)
