"""The processes below a process: finding, measuring and killing them. Standard library only."""

from __future__ import annotations

import contextlib
import os
import signal

PAGE = os.sysconf("SC_PAGE_SIZE")


def start_ticks(pid: int) -> int | None:
    """When the process started, in ticks since boot; None when there is none (or a zombie).

    Together with the pid this names one process for ever (within one boot).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def below(pid: int) -> list[int]:
    """All descendants of `pid`, parents before children."""
    found: list[int] = []
    todo = [pid]
    while todo:
        parent = todo.pop()
        try:
            with open(f"/proc/{parent}/task/{parent}/children", "rb") as file:
                children = [int(word) for word in file.read().split()]
            others = [t for t in os.listdir(f"/proc/{parent}/task") if t != str(parent)]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for thread in others:  # a thread's children are listed at the thread
            with (
                contextlib.suppress(FileNotFoundError, ProcessLookupError),
                open(f"/proc/{parent}/task/{thread}/children", "rb") as file,
            ):
                children += [int(word) for word in file.read().split()]
        found += children
        todo += children
    return found


def resident(pids: list[int]) -> int:
    """Bytes of memory that the processes hold, shared pages of files left out."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                fields = file.read().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += (int(fields[1]) - int(fields[2])) * PAGE
    return total


def kill_all(pid: int) -> bool:
    """SIGKILL every descendant of `pid`; whether there was one."""
    found = below(pid)
    for child in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    return bool(found)
