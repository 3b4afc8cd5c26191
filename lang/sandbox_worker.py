"""The other side of `sandbox`: reads requests from standard input, answers on standard output.

Runs alone in a process with limits. It trusts nothing of a program, and kills itself by an alarm
should its parent be gone.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
from typing import Any

from lang.errors import ErrorKind, LangError

_HEADER = struct.Struct(">I")
_ADDRESS_SPACE = 1 << 30


def serve() -> None:
    """Answer until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.environ.clear()  # what the interpreter itself put there
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a program prints goes nowhere
    _write(output, b"{}")
    while True:
        header = _read(_HEADER.size)
        if header is None:
            return
        request = _read(_HEADER.unpack(header)[0])
        if request is None:
            return
        signal.setitimer(signal.ITIMER_REAL, 60.0)
        _write(output, _answer(json.loads(request)))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(request: dict[str, Any]) -> bytes:
    try:
        result = _evaluate(request)
        data = json.dumps({"result": result}).encode()
        if len(data) > request["result"]:
            raise LangError(ErrorKind.LIMIT, "the result is too large")
    except LangError as error:
        data = json.dumps({"kind": error.kind.value, "error": error.message}).encode()
    except MemoryError:
        data = json.dumps({"kind": "limit", "error": "out of memory"}).encode()
    except RecursionError:
        data = json.dumps({"kind": "limit", "error": "nested too deeply"}).encode()
    except Exception as error:  # the library's own: the worker goes on
        text = f"the program failed: {type(error).__name__}"
        data = json.dumps({"kind": "value", "error": text}).encode()
    return data


def _evaluate(request: dict[str, Any]) -> Any:
    if request["language"] == "jq":
        from lang import jq_worker

        return jq_worker.outputs(request["program"], request["data"], request["action"])
    from lang import lua_worker

    return lua_worker.evaluate(request["program"], request["data"], request["action"])


def _read(size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(0, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(_HEADER.pack(len(data)) + data)
    while view:
        view = view[os.write(descriptor, view) :]
