"""Reading the log files that shims write: all of it, the tail, since a moment, following.

Reads in pieces in a thread; follows by looking at the file's size, since the writer is another
process. A rotated file is finished before its successor is begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from headrace.local.kubelet.records import RunPaths

PIECE = 256 * 1024
LOOK = 0.05  # seconds between looks while following


class Entry(NamedTuple):
    """One line of a log file: when, from which stream, whether it is whole, its text."""

    stamp: bytes
    stream: bytes
    whole: bool
    text: bytes

    def rendered(self, *, timestamps: bool) -> bytes:
        """As `kubectl logs` shows it."""
        end = b"\n" if self.whole else b""
        return (self.stamp + b" " if timestamps else b"") + self.text + end


def parse(line: bytes) -> Entry | None:
    """One line without its newline; None for what is no CRI line."""
    parts = line.split(b" ", 3)
    if len(parts) < 4:
        return None
    return Entry(parts[0], parts[1], parts[2].startswith(b"F"), parts[3])


def moment(stamp: bytes) -> float:
    """Seconds since the epoch of a line's timestamp."""
    whole, _, fraction = stamp.decode().rstrip("Z").partition(".")
    parsed = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    return parsed + float(f"0.{fraction or 0}")


def files(paths: RunPaths) -> list[Path]:
    """The log files of a run, oldest first."""
    rotated = [p for p in paths.logs.glob(f"{paths.log.name}.*") if p.suffix[1:].isdigit()]
    rotated.sort(key=lambda p: -int(p.suffix[1:]))
    return [*rotated, *([paths.log] if paths.log.exists() else [])]


def entries(paths: RunPaths) -> Iterator[Entry]:
    """Every line there is now. Blocks; use in a thread."""
    for path in files(paths):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                entry = parse(line.rstrip(b"\n"))
                if entry is not None:
                    yield entry


def tail(paths: RunPaths, lines: int, *, timestamps: bool = False) -> list[bytes]:
    """The last lines, rendered. Reads backwards, so a large log costs no more than a small one."""
    kept: deque[bytes] = deque(maxlen=max(lines, 0))
    if not lines:
        return []
    found: list[bytes] = []
    for path in reversed(files(paths)):
        found = _last_lines(path, lines - len(found)) + found
        if len(found) >= lines:
            break
    for line in found:
        entry = parse(line)
        if entry is not None:
            kept.append(entry.rendered(timestamps=timestamps))
    return list(kept)


def _last_lines(path: Path, lines: int) -> list[bytes]:
    data = b""
    try:
        with path.open("rb") as file:
            at = file.seek(0, os.SEEK_END)
            while at > 0 and data.count(b"\n") <= lines:
                step = min(PIECE, at)
                at -= step
                file.seek(at)
                data = file.read(step) + data
    except FileNotFoundError:
        return []
    return data.splitlines()[-lines:]


async def follow(
    paths: RunPaths, ended: Callable[[], bool], *, from_end: bool = False
) -> AsyncIterator[list[Entry]]:
    """Entries as they come, until `ended()` and everything is read.

    `from_end` skips what is there already.
    """
    file = None
    rest = b""
    try:
        while True:
            over = ended()  # asked before reading: what was written before the end is read
            if file is None:
                with contextlib.suppress(FileNotFoundError):
                    file = paths.log.open("rb", buffering=0)
                    if from_end:
                        file.seek(0, os.SEEK_END)
            data = await asyncio.to_thread(file.read, PIECE) if file is not None else b""
            if data:
                *lines, rest = (rest + data).split(b"\n")
                found = [e for line in lines if (e := parse(line)) is not None]
                if found:
                    yield found
                continue
            if file is not None and _replaced(file.fileno(), paths.log):
                file.close()
                file, from_end = None, False
                continue
            if over:
                return
            await asyncio.sleep(LOOK)
    finally:
        if file is not None:
            file.close()


def _replaced(descriptor: int, path: Path) -> bool:
    """Whether the log was rotated and the open file has been read to its end."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return now.st_ino != here.st_ino and os.lseek(descriptor, 0, os.SEEK_CUR) >= here.st_size
