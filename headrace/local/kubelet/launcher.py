"""The kubelet's end of the zygote: start a run, learn that it ended. Never blocks the loop.

Invariant: a request is answered once, by the shim it made; if the zygote dies first, every
request under way fails with LaunchError and the zygote is started again for the next one. What
runs is not touched by that. The zygote's end is noticed by its pidfd, as shims (that of a long
`kubectl exec`) hold the socket of the answers open beyond it; a run's end is noticed by its
shim's pidfd, so that it makes no difference whose child the shim is.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.local.kubelet.errors import LaunchError

ROOT = Path(__file__).resolve().parents[3]
HEADER = struct.Struct("!I")
ANSWER_SECONDS = 60.0
LOST = "LaunchLost"  # the reason when nobody can say whether a run was started
_CODE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "import runpy; runpy.run_module('headrace.local.kubelet.zygote', run_name='__main__')"
)

Message = dict[str, Any]


class Launcher:
    """One zygote and the requests to it. Open before use, close at the end."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[Message]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._replies: socket.socket | None = None
        self._life = -1  # the zygote's pidfd
        self._sending = asyncio.Lock()
        self._deaf = False  # the zygote has died

    async def open(self) -> None:
        """Start the zygote."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        hear, tell = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests, self._replies = ours, hear
        self._deaf = False
        ours.setblocking(False)
        hear.setblocking(False)
        command = [sys.executable, "-S", "-E", "-c", _CODE, str(ROOT)]
        command += [str(theirs.fileno()), str(tell.fileno())]
        self._process = await asyncio.to_thread(_start, command, theirs, tell)
        self._life = os.pidfd_open(self._process.pid)
        loop = asyncio.get_running_loop()
        loop.add_reader(hear, self._hear)
        loop.add_reader(self._life, self._died)

    async def close(self) -> None:
        """End the zygote; runs go on."""
        loop = asyncio.get_running_loop()
        for opened in (self._replies, self._requests):
            if opened is not None:
                loop.remove_reader(opened)
                opened.close()
        self._requests = self._replies = None
        if self._life >= 0:
            loop.remove_reader(self._life)
            os.close(self._life)
            self._life = -1
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_reap, process)
        for number in list(self._answers):
            self._tell(number, {"id": number, "error": "the kubelet stops", "reason": "Stopped"})

    async def request(
        self, spec: Message, descriptors: Sequence[int] = ()
    ) -> tuple[int, asyncio.Queue[Message]]:
        """Ask for a shim; its answers come through the queue. Call `forget` when done with it."""
        number = next(self._ids)
        answers: asyncio.Queue[Message] = asyncio.Queue(8)
        body = json.dumps({**spec, "id": number}).encode()
        try:
            async with self._sending:
                await self._living()
                self._answers[number] = answers
                await self._send(body, descriptors)
        except OSError as error:
            self._answers.pop(number, None)
            raise LaunchError(LOST, f"the process starter is gone: {error}") from error
        return number, answers

    def forget(self, number: int) -> None:
        """No more answers wanted."""
        self._answers.pop(number, None)

    async def can_isolate(self) -> bool:
        """Whether the kernel gives a process mounts of its own here."""
        try:
            await self._asked({"kind": "probe"})
        except LaunchError:
            return False
        return True

    async def start(self, spec: Message) -> Message:
        """Start a run; the start record. Raises LaunchError with the reason word."""
        return await self._asked({**spec, "kind": "run"})

    async def _asked(self, spec: Message) -> Message:
        number, answers = await self.request(spec)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await answers.get()
        except TimeoutError as error:
            raise LaunchError(LOST, "the process starter did not answer") from error
        finally:
            self.forget(number)
        if "error" in answer:
            raise LaunchError(answer.get("reason", LOST), answer["error"])
        return answer

    async def _living(self) -> None:
        """See to it that there is a zygote."""
        process = self._process
        if process is None or self._requests is None or self._deaf or process.poll() is not None:
            await self.close()
            await self.open()

    async def _send(self, body: bytes, descriptors: Sequence[int]) -> None:
        requests = self._requests
        assert requests is not None
        loop = asyncio.get_running_loop()
        header = HEADER.pack(len(body))
        if descriptors:
            socket.send_fds(requests, [header], list(descriptors))
            await loop.sock_sendall(requests, body)
        else:
            await loop.sock_sendall(requests, header)
            await loop.sock_sendall(requests, body)

    def _hear(self) -> None:
        assert self._replies is not None
        for _ in range(64):
            try:
                data = self._replies.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            message = json.loads(data)
            self._tell(message["id"], message)

    def _died(self) -> None:
        """The zygote has ended: what it said before counts, the rest is lost."""
        self._hear()
        self._lose()

    def _lose(self) -> None:
        loop = asyncio.get_running_loop()
        self._deaf = True
        loop.remove_reader(self._life)
        if self._replies is not None:
            loop.remove_reader(self._replies)
        for number in list(self._answers):
            lost = {"id": number, "error": "the process starter died"}
            self._tell(number, {**lost, "reason": LOST, "exitCode": 137})

    def _tell(self, number: int, message: Message) -> None:
        answers = self._answers.get(number)
        if answers is not None:
            with contextlib.suppress(asyncio.QueueFull):
                answers.put_nowait(message)


def _start(
    command: list[str], requests: socket.socket, replies: socket.socket
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and code
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(requests.fileno(), replies.fileno()),
            start_new_session=True,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        )
    finally:
        requests.close()
        replies.close()


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def gone(pid: int) -> None:
    """Return when the process has ended (at once when it is not there)."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        loop.remove_reader(descriptor)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
