"""A trigger's object kept in a file of the machine that headrace runs on.

One process serves the Sensors of every namespace, so what a Sensor's author may read of its
files is the operator's word (`OpenFiles`). Links lead nowhere but into the open folders, and only
regular files are read: a pipe would never end.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from events.triggers.contract import TriggerFailed
from events.triggers.open_files import OpenFiles

_PATH = "source.file.path"


def fault(spec: Mapping[str, Any]) -> str | None:
    """What is missing."""
    path = str(spec.get("path") or "")
    if not path.startswith("/") or "\0" in path:
        return f"{_PATH}: must be an absolute path"
    return None


async def fetch(files: OpenFiles, spec: Mapping[str, Any], cap: int) -> bytes:
    """The file, at most `cap` bytes. Raises TriggerFailed."""
    problem = fault(spec)
    if problem is not None:
        raise TriggerFailed(problem, permanent=True)
    return await asyncio.to_thread(_read, str(spec["path"]), files, cap)


def _read(path: str, files: OpenFiles, cap: int) -> bytes:
    try:
        found = Path(path).resolve(strict=True)
        if not files.holds(found):
            raise _closed(path)
        # The resolved path holds no link; one that is put there meanwhile is not followed.
        handle = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise TriggerFailed(f"{_PATH}: {path} is no regular file", permanent=True)
        with os.fdopen(handle, "rb") as file:
            raw = file.read(cap + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if not files.holds(Path(os.path.normpath(path))):
            raise _closed(path) from None  # nor does anybody learn what is not there
        raise TriggerFailed(f"{_PATH}: {path}: {error.strerror}") from None
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "is a loop of links"
        raise TriggerFailed(f"{_PATH}: {path}: {why}") from None
    if len(raw) > cap:
        raise TriggerFailed(f"{_PATH}: {path} is larger than {cap} bytes", permanent=True)
    return raw


def _closed(path: str) -> TriggerFailed:
    what = f"{_PATH}: {path} is in no folder that is open to triggers (--trigger-files)"
    return TriggerFailed(what, permanent=True)
