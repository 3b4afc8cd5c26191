"""A worker process for the languages whose libraries cannot be stopped from inside: jq and Lua.

Owns the process: started when first needed, kept warm, killed when a program exceeds its wall
time, started anew for the next one. The worker has an address-space limit, an empty environment
and a root folder as its place, so a program that loops in C, or swallows every error with `pcall`,
ends all the same. The only part of this house that touches the system
(docs/decisions/008-script-worker.md).
Callers: `jq`, `lua`; from an event loop they are called in a thread.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from typing import IO, Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits

_HEADER = struct.Struct(">I")
_START_TIME = 20.0  # seconds; a cold start loads Python and the library


@functools.cache
def available(module: str) -> bool:
    """Whether the library of a language is installed."""
    return importlib.util.find_spec(module) is not None


class Sandbox:
    """One worker. Calls from several threads wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, language: str, action: str, program: str, data: Any, limits: Limits) -> Any:
        """The answer of the worker: `{"result": …}` or `{"kind", "error"}`.

        Raises LangError(LIMIT) after `limits.wall` seconds or where the worker ran out of memory.
        """
        request = {
            "language": language,
            "action": action,
            "program": program,
            "data": data,
            "wall": limits.wall,
            "result": limits.result,
        }
        with self._lock:
            process = self._running()
            try:
                answer = _exchange(process, json.dumps(request).encode(), limits.wall)
            except TimeoutError:
                self._end()
                text = f"the {language} program ran longer than {limits.wall:g} s"
                raise LangError(ErrorKind.LIMIT, text) from None
            except (OSError, EOFError):
                self._end()
                text = f"the {language} program used up its memory"
                raise LangError(ErrorKind.LIMIT, text) from None
        return json.loads(answer)

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, "-I", "-c", _BOOT, _import_path()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
        )
        self._process = process
        try:
            _receive(process, time.monotonic() + _START_TIME)
        except (TimeoutError, OSError, EOFError):
            self._end()
            raise LangError(ErrorKind.UNAVAILABLE, "the script worker did not start") from None
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


_BOOT = (
    "import sys; sys.path[:0] = sys.argv[1].split(':'); "
    "from lang import sandbox_worker; sandbox_worker.serve()"
)


def _import_path() -> str:
    """Where this package and its libraries are; the worker is started isolated."""
    return ":".join(dict.fromkeys(path for path in sys.path if path and ":" not in path))


def _exchange(process: subprocess.Popen[bytes], request: bytes, wall: float) -> bytes:
    assert process.stdin is not None
    deadline = time.monotonic() + wall
    _send(process.stdin, _HEADER.pack(len(request)) + request, deadline)
    return _receive(process, deadline)


def _send(stream: IO[bytes], data: bytes, deadline: float) -> None:
    view = memoryview(data)
    descriptor = stream.fileno()
    while view:
        _wait(descriptor, deadline, write=True)
        view = view[os.write(descriptor, view[:65536]) :]


def _receive(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    (size,) = _HEADER.unpack(_read(descriptor, _HEADER.size, deadline))
    return _read(descriptor, size, deadline)


def _read(descriptor: int, size: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while size:
        _wait(descriptor, deadline, write=False)
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _wait(descriptor: int, deadline: float, *, write: bool) -> None:
    left = deadline - time.monotonic()
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT if write else select.POLLIN)
    if left <= 0 or not poller.poll(left * 1000):
        raise TimeoutError


shared = Sandbox()
atexit.register(shared.close)


def run(language: str, action: str, program: str, data: Any, limits: Limits | None = None) -> Any:
    """The result of a program in the shared worker. Raises LangError."""
    limits = limits or DEFAULT_LIMITS
    if len(program.encode(errors="replace")) > limits.source:
        raise LangError(ErrorKind.LIMIT, f"the {language} program is too long", 0)
    answer = shared.ask(language, action, program, data, limits)
    if "error" in answer:
        raise LangError(ErrorKind(answer["kind"]), answer["error"])
    return answer["result"]
