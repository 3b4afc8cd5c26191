"""The shim: one small process per container run, which outlives headrace.

It is forked by the zygote, moves into the container's root, starts the container's process in a
session of its own, writes its log, watches its memory, and leaves two records in the run's
folder: `start` (who runs; created exclusively, so that a run is started once at most) and `exit`
(how it ended; appears whole, by rename). SIGTERM is passed on to the process group, SIGUSR1
kills everything below, SIGUSR2 closes the container's stdin. When the main process has ended, what
it left behind is killed, as in a container. Standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from headrace.local.kubelet import descendants, privateroot, syscalls
from headrace.local.kubelet.logwriter import LogWriter

Spec = dict[str, Any]
CAPTURE_LIMIT = 256 * 1024 + 1
WATCH_MS = 100
DRAIN_SECONDS = 1.0
STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Fenced(Exception):
    """Somebody else has claimed this run."""


def main(spec: Spec, replies: socket.socket, descriptors: Sequence[int]) -> NoReturn:
    """Supervise one run; never returns."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = 0
    try:
        Shim(spec, replies).run()
    except Fenced:
        _reply(replies, {"id": spec["id"], "error": "fenced", "reason": "Fenced"})
    except OSError as error:
        _reply(replies, {"id": spec["id"], "error": str(error), "reason": "CreateContainerError"})
        status = 1
    os._exit(status)


def _reply(replies: socket.socket, message: Spec) -> None:
    with contextlib.suppress(OSError):  # headrace is gone: it will find the records
        replies.send(json.dumps(message).encode())
    replies.close()


class Shim:
    """The state of one supervised run."""

    def __init__(self, spec: Spec, replies: socket.socket) -> None:
        self._spec = spec
        self._replies = replies
        self._child = 0
        self._status: int | None = None
        self._oom = False
        self._started = 0.0
        self._captured = bytearray()
        self._stdin = -1

    def run(self) -> None:
        spec = self._spec
        os.makedirs(spec["folder"], mode=0o700, exist_ok=True)
        os.makedirs(spec["logs"], mode=0o750, exist_ok=True)
        self._folder = os.open(spec["folder"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        claim = self._claim()
        logs = os.open(spec["logs"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._log = LogWriter(logs, spec["log"], spec["logBytes"], spec["logFiles"])
        syscalls.become_subreaper()
        wake = self._catch_signals()
        stdin = self._open_stdin()
        try:
            if spec["root"] is not None:
                syscalls.new_mount_namespace()
                privateroot.build(privateroot.from_json(spec["root"]))
        except OSError as error:
            self._failed("CreateContainerError", f"cannot set up the container's files: {error}")
            return
        streams = self._spawn(claim, stdin)
        if streams is not None:
            self._supervise(wake, streams)

    def _claim(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open("start", flags, 0o600, dir_fd=self._folder)
        except FileExistsError:
            raise Fenced from None

    def _catch_signals(self) -> int:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(writer)
        return reader

    def _open_stdin(self) -> int:
        if not self._spec["stdin"]:
            return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        with contextlib.suppress(FileExistsError):
            os.mkfifo("stdin", 0o600, dir_fd=self._folder)
        reader = os.open("stdin", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._folder)
        self._stdin = os.open("stdin", os.O_WRONLY | os.O_CLOEXEC, dir_fd=self._folder)
        os.set_blocking(reader, True)
        return reader

    # -- starting -----------------------------------------------------------------------------

    def _spawn(self, claim: int, stdin: int) -> dict[int, str] | None:
        """Start the process; None when that failed (which is then recorded)."""
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = os.pipe2(os.O_CLOEXEC)
        go_read, go_write = os.pipe2(os.O_CLOEXEC)
        bad_read, bad_write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            os.close(go_write)
            become(self._spec, (stdin, out_write, err_write), go_read, bad_write)
        for descriptor in (out_write, err_write, go_read, bad_write, stdin):
            os.close(descriptor)
        self._child = pid
        self._started = time.time()
        record = {
            "pid": pid,
            "ticks": descendants.start_ticks(pid),
            "shim": os.getpid(),
            "shimTicks": descendants.start_ticks(os.getpid()),
            "startedAt": self._started,
        }
        os.write(claim, json.dumps(record).encode() + b"\n")
        os.close(claim)
        os.close(go_write)
        problem = _read_all(bad_read)
        if problem:
            os.waitpid(pid, 0)
            self._failed("StartError", problem.decode(errors="replace"))
            return None
        _reply(self._replies, {"id": self._spec["id"], **record})
        return {out_read: "stdout", err_read: "stderr"}

    def _failed(self, reason: str, problem: str) -> None:
        self._log.close()
        self._record({"exitCode": 128, "signal": 0, "oom": False, "reason": reason}, problem)
        message = {"id": self._spec["id"], "error": problem, "reason": reason}
        _reply(self._replies, message)

    # -- supervising --------------------------------------------------------------------------

    def _supervise(self, wake: int, streams: dict[int, str]) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        for descriptor in streams:
            poll.register(descriptor, select.POLLIN)
        limit = int(self._spec["memory"])
        ended_at = 0.0
        deadline = 0.0
        while self._status is None or streams:
            timeout = WATCH_MS if limit and self._status is None else None
            if self._status is not None:
                timeout = max(0, int((deadline - time.monotonic()) * 1000))
                if not timeout:
                    break  # something outside the container holds the pipe
            for descriptor, _ in poll.poll(timeout):
                if descriptor == wake:
                    self._signalled(os.read(wake, 64))
                elif not self._read(descriptor, streams[descriptor]):
                    poll.unregister(descriptor)
                    os.close(descriptor)
                    del streams[descriptor]
            if limit and self._status is None:
                self._watch_memory(limit)
            if self._status is not None and not ended_at:
                ended_at = time.time()
                deadline = time.monotonic() + DRAIN_SECONDS
                self._kill_rest()
        self._finish(ended_at)

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGTERM and self._status is None:
                self._terminate()
            elif number == signal.SIGUSR1:
                descendants.kill_all(os.getpid())
            elif number == signal.SIGUSR2 and self._stdin >= 0:
                os.close(self._stdin)
                self._stdin = -1
        self._reap()

    def _terminate(self) -> None:
        """SIGTERM to the process group; of a sandbox, to what runs in it, not to itself."""
        if not self._spec["wrapped"]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child, signal.SIGTERM)
            return
        for pid in descendants.below(self._child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._child:
                self._status = status

    def _kill_rest(self) -> None:
        for _ in range(100):
            if not descendants.kill_all(os.getpid()):
                return
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
            self._reap()

    def _read(self, descriptor: int, stream: str) -> bool:
        data = os.read(descriptor, 65536)
        if not data:
            return False
        self._log.write(stream, data)
        if self._spec["capture"] and stream == "stdout":
            self._captured += data
            if len(self._captured) > 4 * CAPTURE_LIMIT:
                del self._captured[:-CAPTURE_LIMIT]
        return True

    def _watch_memory(self, limit: int) -> None:
        if descendants.resident(descendants.below(os.getpid())) > limit:
            self._oom = True
            descendants.kill_all(os.getpid())

    # -- ending -------------------------------------------------------------------------------

    def _finish(self, ended_at: float) -> None:
        self._log.close()
        if self._spec["capture"]:
            self._write("result", bytes(self._captured[-CAPTURE_LIMIT:]))
        status = self._status or 0
        code = os.waitstatus_to_exitcode(status)
        number = -code if code < 0 else 0
        exit_code = 128 + number if number else code
        if number or exit_code == 137:
            self._oom = self._oom or self._killed_by_kernel()
        fields = {"exitCode": exit_code, "signal": number, "oom": self._oom}
        self._record(fields, "", ended_at)

    def _killed_by_kernel(self) -> bool:
        events = self._spec["memoryEvents"]
        if not events:
            return False
        try:
            with open(events) as file:
                return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in file)
        except OSError:
            return False

    def _record(self, fields: Spec, problem: str, ended_at: float = 0.0) -> None:
        now = ended_at or time.time()
        record = {"startedAt": self._started, "finishedAt": now, "error": problem, **fields}
        self._write("exit", json.dumps(record).encode())

    def _write(self, name: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(f".{name}", flags, 0o600, dir_fd=self._folder)
        os.write(file, content)
        os.close(file)
        os.rename(f".{name}", name, src_dir_fd=self._folder, dst_dir_fd=self._folder)


def become(spec: Spec, standard: Sequence[int], go: int, bad: int) -> NoReturn:
    """Turn this forked child into the container's process once `go` closes; `bad` gets why not."""
    try:
        if go >= 0:
            os.read(go, 1)
        if spec.get("session", True):
            os.setsid()
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
        for signal_number in range(1, signal.NSIG):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(signal_number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.umask(0o022)
        _enter_group(spec.get("cgroup", ""))
        _become_user(spec)
        os.chdir(spec["cwd"] or "/")
        os.execve(find(spec["argv"][0], spec), spec["argv"], spec["env"])  # noqa: S606
    except OSError as error:
        os.write(bad, explain(spec, error).encode())
    os._exit(128)


def explain(spec: Spec, error: OSError) -> str:
    """Why the process did not start, in the words of a container runtime."""
    name = spec["argv"][0]
    if error.errno == errno.ENOENT and error.filename == (spec["cwd"] or "/"):
        return f"chdir to cwd ({json.dumps(error.filename)}) failed: no such file or directory"
    if error.errno == errno.ENOENT:
        where = "no such file or directory" if "/" in name else "executable file not found in $PATH"
        return f"exec: {json.dumps(name)}: {where}"
    return f"exec: {json.dumps(name)}: {(error.strerror or str(error)).lower()}"


def find(name: str, spec: Spec) -> str:
    """The file that `name` means, by the container's PATH."""
    if "/" in name:
        return name
    for folder in spec["env"].get("PATH", STANDARD_PATH).split(":"):
        path = os.path.join(folder or ".", name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise FileNotFoundError(errno.ENOENT, "not found", name)


def _enter_group(group: str) -> None:
    if group:
        with open(f"{group}/cgroup.procs", "w") as file:
            file.write("0")


def _become_user(spec: Spec) -> None:
    if os.geteuid() != 0:
        return
    if spec.get("gid") is not None:
        os.setgroups([spec["gid"]])
        os.setgid(spec["gid"])
    if spec.get("uid") is not None:
        os.setuid(spec["uid"])


def _read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 4096):
        pieces.append(piece)
    os.close(descriptor)
    return b"".join(pieces)
