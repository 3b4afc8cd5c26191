"""The zygote: a small Python process that forks a shim for every request, in a millisecond.

Started by the launcher with `python -S -E`, it imports nothing but the standard library and the
few modules of this folder that a shim needs. It holds no state: when headrace dies its socket
closes and it ends, while the shims it forked go on.
Requests: four bytes of length (with up to three file descriptors), then JSON. Shims answer for
themselves, one datagram each.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import sys
from typing import Any

from headrace.local.kubelet import execution, shim, syscalls

HEADER = struct.Struct("!I")


def serve(requests: socket.socket, replies: socket.socket) -> None:
    """Fork for every request until the other side is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # shims are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        header, descriptors, _, _ = socket.recv_fds(requests, HEADER.size, 3)
        if not header:
            return
        body = _exactly(requests, HEADER.unpack(header)[0])
        if os.fork() == 0:
            requests.close()
            _child(body, replies, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _child(body: bytes, replies: socket.socket, descriptors: list[int]) -> None:
    try:
        spec = json.loads(body)
        match spec["kind"]:
            case "run":
                shim.main(spec, replies, descriptors)
            case "exec":
                execution.main(spec, replies, descriptors)
            case _:
                _probe(spec, replies)
    finally:
        os._exit(1)


def _probe(spec: dict[str, Any], replies: socket.socket) -> None:
    """Can this process have mounts of its own?"""
    answer = {"id": spec["id"]}
    try:
        syscalls.new_mount_namespace()
    except OSError as error:
        answer |= {"error": str(error), "reason": "NoNamespace"}
    replies.send(json.dumps(answer).encode())


def _exactly(source: socket.socket, size: int) -> bytes:
    pieces = []
    while size:
        piece = source.recv(min(size, 1 << 20))
        if not piece:
            os._exit(0)
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2])))
