"""Writing a container's log file in the CRI form, with rotation. Runs in a shim.

A line is `<RFC 3339 with nanoseconds> stdout|stderr F|P <text>`; P marks a piece of a line that
goes on (longer than 16 KiB, or output that ended without a newline). `0.log` is the current file;
a full one is renamed to `0.log.1`, the one before to `0.log.2`, up to `files` in all.
Standard library only.
"""

from __future__ import annotations

import os
import time

PIECE = 16 * 1024


class LogWriter:
    """One container run's log. `folder` is an open directory, so that it works in any root."""

    def __init__(self, folder: int, name: str, most_bytes: int, files: int) -> None:
        self._folder = folder
        self._name = name
        self._most = most_bytes
        self._files = max(1, files)
        self._rest = {"stdout": b"", "stderr": b""}
        self._second = -1
        self._prefix = ""
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._name, flags, 0o640, dir_fd=self._folder)
        self._size = os.fstat(self._file).st_size

    def write(self, stream: str, data: bytes) -> None:
        """Log what came from `stream`; an unfinished line is kept until its end comes."""
        stamp = self._stamp()
        full = b"%s %s F " % (stamp, stream.encode())
        part = b"%s %s P " % (stamp, stream.encode())
        *lines, rest = (self._rest[stream] + data).split(b"\n")
        out: list[bytes] = []
        for line in lines:
            while len(line) > PIECE:
                out += (part, line[:PIECE], b"\n")
                line = line[PIECE:]
            out += (full, line, b"\n")
        while len(rest) > PIECE:
            out += (part, rest[:PIECE], b"\n")
            rest = rest[PIECE:]
        self._rest[stream] = rest
        if out:
            self._append(b"".join(out))

    def close(self) -> None:
        """Write unfinished lines and close."""
        for stream, rest in self._rest.items():
            if rest:
                self._append(b"%s %s P %s\n" % (self._stamp(), stream.encode(), rest))
        self._rest = {"stdout": b"", "stderr": b""}
        os.close(self._file)

    def _append(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            return  # a full disk must not stop the container
        self._size += len(data)
        if self._size >= self._most:
            self._rotate()

    def _rotate(self) -> None:
        os.close(self._file)
        for number in range(self._files - 1, 0, -1):
            older = self._name if number == 1 else f"{self._name}.{number - 1}"
            try:
                os.rename(
                    older,
                    f"{self._name}.{number}",
                    src_dir_fd=self._folder,
                    dst_dir_fd=self._folder,
                )
            except FileNotFoundError:
                continue
        if self._files == 1:
            os.unlink(self._name, dir_fd=self._folder)
        self._open()

    def _stamp(self) -> bytes:
        second, nanos = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return b"%s.%09dZ" % (self._prefix.encode(), nanos)
