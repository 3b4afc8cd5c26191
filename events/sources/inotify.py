"""Changes of the entries of one directory, as the Linux kernel tells them.

A thin door to inotify(7) through libc. Names are bytes as the file system has them. Called by the
file source, which falls back to looking again and again where there is no inotify.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

MODIFY, ATTRIB = 0x2, 0x4
MOVED_FROM, MOVED_TO = 0x40, 0x80
CREATE, DELETE = 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
_ONLYDIR = 0x01000000
_ALL = MODIFY | ATTRIB | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
_HEAD = struct.Struct("iIII")
_READ = 64 * 1024


class Change(NamedTuple):
    """`name` is empty when the directory itself is meant."""

    mask: int
    name: bytes


def is_available() -> bool:
    """Whether the C library has inotify."""
    return hasattr(_libc(), "inotify_init1")


class Watch:
    """`async with Watch(directory) as watch: ... await watch.changes()`. Raises OSError."""

    def __init__(self, directory: str) -> None:
        self._directory = os.fsencode(directory)
        self._file = -1
        self._readable = asyncio.Event()

    async def __aenter__(self) -> Watch:
        libc = _libc()
        self._file = _checked(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            _checked(libc.inotify_add_watch(self._file, self._directory, _ALL | _ONLYDIR))
        except OSError:
            os.close(self._file)
            raise
        asyncio.get_running_loop().add_reader(self._file, self._readable.set)
        return self

    async def __aexit__(self, *exc: object) -> None:
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)

    async def changes(self) -> list[Change]:
        """What happened since the last call, in order; waits for something to happen."""
        while True:
            await self._readable.wait()
            self._readable.clear()
            try:
                raw = os.read(self._file, _READ)
            except BlockingIOError:
                continue
            if len(raw) > _READ // 2:
                self._readable.set()  # there may be more
            return list(_split(raw))


def _split(raw: bytes) -> Iterator[Change]:
    at = 0
    while at < len(raw):
        _, mask, _, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        yield Change(mask, raw[at : at + length].rstrip(b"\0"))
        at += length


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
