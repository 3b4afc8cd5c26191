"""Where nats-server puts atomic batches together: in memory instead of on disk.

The server stages a batch in the folder `batches` of its stream, then commits it to the stream's
own files, and forgets everything staged when it starts. On disk the staging costs four synced
writes a batch, several times what the commit costs. So `batches` is made a link into a tmpfs,
where this machine has one. What is durable stays the same: the commit is synced as before.

Called by `NatsServer`, which owns the store and is the only one that runs a server on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - the tmpfs of Linux; our folder in it is private
_ROOM = 32 << 20  # bytes that must be free there: a few of the largest batches


class Staging:
    """The folder in memory of one store, and the links that lead there."""

    def __init__(self, store: Path, memory: Path = _MEMORY) -> None:
        self._store = store
        name = hashlib.sha256(str(store).encode()).hexdigest()[:16]
        self._folder = memory / f"headrace-{os.geteuid()}-{name}"
        self.usable = False

    def prepare(self) -> None:
        """Make the folder, empty; to be called while no server runs on the store."""
        with contextlib.suppress(OSError):
            self.usable = self._make()

    def link(self) -> None:
        """Lead every stream there that does not yet stage in memory. Cheap when all do."""
        if not self.usable:
            return
        for stream in self._store.glob("jetstream/*/streams/*"):
            place = stream / "batches"
            if place.is_symlink():
                continue
            with contextlib.suppress(OSError):  # a batch is being staged: next time
                self._lead(place)

    def remove(self) -> None:
        """Give the memory back; to be called when no server runs any more."""
        if self.usable:
            self.usable = False
            shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self) -> bool:
        free = os.statvfs(self._folder.parent)
        if free.f_bavail * free.f_frsize < _ROOM:
            return False
        if not self._ours():
            self._folder.mkdir(mode=0o700)
        for left in self._folder.iterdir():  # by a headrace that was killed
            shutil.rmtree(left, ignore_errors=True)
        return self._ours()

    def _ours(self) -> bool:
        """Whether the folder is there and nobody else can put anything into it."""
        try:
            found = os.lstat(self._folder)
        except FileNotFoundError:
            return False
        private = found.st_uid == os.geteuid() and not found.st_mode & 0o077
        return stat.S_ISDIR(found.st_mode) and private

    def _lead(self, place: Path) -> None:
        target = self._folder / hashlib.sha256(str(place).encode()).hexdigest()[:16]
        target.mkdir(mode=0o700, exist_ok=True)
        if place.exists():
            place.rmdir()  # only while it is empty
        place.symlink_to(target)
