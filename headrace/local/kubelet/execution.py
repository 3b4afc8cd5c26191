"""A further process in a running container (`kubectl exec`, exec probes, hooks).

Forked by the zygote: joins the container's namespaces, starts the command on the three streams it
was given, and answers twice: that it runs, and how it ended. Dies with nobody: the kubelet kills
its process group when the client has gone. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import termios
from collections.abc import Sequence
from typing import Any, NoReturn

from headrace.local.kubelet import descendants, shim, syscalls

Spec = dict[str, Any]


def main(spec: Spec, replies: socket.socket, descriptors: Sequence[int]) -> NoReturn:
    """Run one command; never returns."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        _join(spec)
        syscalls.become_subreaper()
        code = _run(spec, replies, descriptors)
    except OSError as error:
        _send(replies, {"id": spec["id"], "error": str(error), "exitCode": 128})
        os._exit(1)
    descendants.kill_all(os.getpid())
    _send(replies, {"id": spec["id"], "exitCode": code})
    os._exit(0)


def _join(spec: Spec) -> None:
    pid = spec["join"]
    if not pid or descendants.start_ticks(pid) != spec["joinTicks"]:
        if pid:
            raise ProcessLookupError("the container is not running")
        return
    if spec.get("inner"):
        pid = next(iter(descendants.below(pid)), pid)  # the first process of a sandbox
    opened = []
    for name, kind in syscalls.NAMESPACES:
        if os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}"):
            opened.append((os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind))
    if spec["env"] is None:
        spec["env"] = _environment(pid)
    for descriptor, kind in opened:
        syscalls.enter(descriptor, kind)
        os.close(descriptor)


def _environment(pid: int) -> dict[str, str]:
    """The variables that the container's first process was started with."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        entries = (os.fsdecode(entry).partition("=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in entries}


def _run(spec: Spec, replies: socket.socket, descriptors: Sequence[int]) -> int:
    bad_read, bad_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        if spec.get("tty"):
            os.setsid()
            fcntl.ioctl(descriptors[0], termios.TIOCSCTTY, 0)
        standard = [*descriptors, *[descriptors[-1]] * (3 - len(descriptors))]
        _session_keeping(spec, standard, bad_write)
    os.close(bad_write)
    for descriptor in descriptors:
        os.close(descriptor)
    problem = b""
    while piece := os.read(bad_read, 4096):
        problem += piece
    if problem:
        os.waitpid(pid, 0)
        _send(replies, {"id": spec["id"], "error": problem.decode(), "exitCode": 128})
        os._exit(1)
    ticks = descendants.start_ticks(pid)
    _send(replies, {"id": spec["id"], "pid": pid, "ticks": ticks, "shim": os.getpid()})
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


def _session_keeping(spec: Spec, standard: Sequence[int], bad: int) -> NoReturn:
    with contextlib.suppress(OSError):
        for descriptor in standard:
            os.set_inheritable(descriptor, True)
    shim.become({**spec, "session": not spec.get("tty")}, standard, -1, bad)


def _send(replies: socket.socket, message: Spec) -> None:
    with contextlib.suppress(OSError):
        replies.send(json.dumps(message).encode())
