"""Writing the files of ConfigMap, Secret, projected and downward API volumes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from headrace.local.kubelet.errors import ConfigError


class Content(NamedTuple):
    """One file: a relative path, its bytes and its mode."""

    path: str
    data: bytes
    mode: int


def checked(path: str) -> str:
    """A path that stays inside. Raises ConfigError."""
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise ConfigError(f"{path!r} must be a relative path without '..'")
    return path


def inside(folder: Path, name: str) -> Path:
    """`folder/name` for a single name. Raises ConfigError."""
    if name in {"", ".", ".."} or "/" in name:
        raise ConfigError(f"{name!r} is not a volume name")
    return folder / name


def fill(folder: Path, content: Iterable[Content]) -> None:
    """Make `folder` hold exactly the given files. Each appears whole."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    folder.chmod(0o755)
    for item in content:
        path = folder / checked(item.path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        temporary = path.with_name(f".{path.name}.new")
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, item.data)
            os.fchmod(descriptor, item.mode & 0o777)
        finally:
            os.close(descriptor)
        temporary.replace(path)
