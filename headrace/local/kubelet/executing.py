"""Running a further command in a running container: for `kubectl exec`, probes and hooks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from typing import Any

from headrace.local.apiserver.nodeproxy import NodeError, Sink, Streams
from headrace.local.kubelet import descendants
from headrace.local.kubelet.containerstate import ContainerState
from headrace.local.kubelet.errors import LaunchError
from headrace.local.kubelet.tools import Tools

MOST_OUTPUT = 64 * 1024
PIECE = 32 * 1024


async def output(tools: Tools, state: ContainerState, command: Sequence[str]) -> tuple[int, bytes]:
    """Exit code and the beginning of what the command printed."""
    kept = bytearray()

    async def keep(data: bytes) -> None:
        kept.extend(data[: MOST_OUTPUT - len(kept)])

    try:
        code = await run(tools, state, command, Streams(None, keep, keep))
    except NodeError as error:
        return 128, str(error).encode()
    return code, bytes(kept)


async def run(tools: Tools, state: ContainerState, command: Sequence[str], streams: Streams) -> int:
    """Run until it ends; its exit code. Cancelling kills it. Raises NodeError."""
    record, paths = state.record, state.paths
    if record is None or paths is None:
        raise NodeError(f'container "{state.name}" is not running')
    spec = tools.runtime.exec_spec(state.name, paths, record, command)
    pipes = _Pipes(streams)
    try:
        number, answers = await tools.launcher.request(
            {
                "join": 0,
                "joinTicks": 0,
                "env": None,
                "cwd": str(state.spec.get("workingDir") or ""),
                **spec,
                "kind": "exec",
                "tty": streams.tty,
            },
            pipes.theirs,
        )
    except LaunchError as error:
        pipes.close()
        raise NodeError(error.message) from error
    finally:
        pipes.close_theirs()
    try:
        return await _served(pipes, answers)
    finally:
        tools.launcher.forget(number)
        pipes.close()


async def _served(pipes: _Pipes, answers: asyncio.Queue[dict[str, Any]]) -> int:
    first = await answers.get()
    if "error" in first:
        raise NodeError(f"failed to exec in container: {first['error']}")
    pumps = [asyncio.ensure_future(pump) for pump in pipes.pumps()]
    feeding = asyncio.ensure_future(pipes.feed())
    try:
        last = await answers.get()
        await asyncio.wait(pumps, timeout=5.0)
        return int(last["exitCode"])
    except asyncio.CancelledError:
        _kill(first)
        raise
    finally:
        for task in (feeding, *pumps):
            task.cancel()
        await asyncio.gather(feeding, *pumps, return_exceptions=True)


def _kill(first: dict[str, Any]) -> None:
    if descendants.start_ticks(first["pid"]) == first["ticks"]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(first["pid"], signal.SIGKILL)


class _Pipes:
    """The ends of a command's streams: `theirs` for it, ours read and written by the loop."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._ours: list[int] = []
        self.theirs: list[int] = []
        self._stdin = -1
        if streams.tty:
            ours, theirs = os.openpty()
            self._ours, self.theirs = [ours], [theirs, theirs, theirs]
            self._reads: list[tuple[int, Sink]] = [(ours, streams.stdout)]
            self._stdin = ours
        else:
            self._reads = []
            if streams.stdin is None:
                self.theirs.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
            else:
                theirs, self._stdin = os.pipe2(os.O_CLOEXEC)
                self.theirs.append(theirs)
                self._ours.append(self._stdin)
            for sink in (streams.stdout, streams.stderr):
                ours, theirs = os.pipe2(os.O_CLOEXEC)
                self._ours.append(ours)
                self.theirs.append(theirs)
                self._reads.append((ours, sink))
        for descriptor in self._ours:
            os.set_blocking(descriptor, False)

    def close_theirs(self) -> None:
        for descriptor in set(self.theirs):
            os.close(descriptor)
        self.theirs = []

    def close(self) -> None:
        self.close_theirs()
        for descriptor in self._ours:
            os.close(descriptor)
        self._ours = []

    def pumps(self) -> list[Any]:
        return [_pump(descriptor, sink) for descriptor, sink in self._reads]

    async def feed(self) -> None:
        """Write the client's stdin; close it when the client does."""
        source: AsyncIterator[bytes] | None = self._streams.stdin
        if source is None:
            return
        async for data in source:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(self._stdin, view) :]
                except BlockingIOError:
                    await _ready(self._stdin, writing=True)
                except OSError:
                    return  # the command does not read any more
        if self._streams.tty:
            with contextlib.suppress(OSError):
                os.write(self._stdin, b"\x04")
        else:
            self._ours.remove(self._stdin)
            os.close(self._stdin)


async def _pump(descriptor: int, sink: Sink) -> None:
    while True:
        try:
            data = os.read(descriptor, PIECE)
        except BlockingIOError:
            await _ready(descriptor, writing=False)
            continue
        except OSError:  # a terminal whose other side is closed
            return
        if not data:
            return
        await sink(data)


async def _ready(descriptor: int, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add = loop.add_writer if writing else loop.add_reader
    remove = loop.remove_writer if writing else loop.remove_reader

    def now() -> None:
        if not ready.done():
            ready.set_result(None)

    add(descriptor, now)
    try:
        await ready
    finally:
        remove(descriptor)
