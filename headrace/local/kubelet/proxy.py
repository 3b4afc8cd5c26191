"""`Proxy`: the kubelet's answers to logs, exec and attach, as the API server asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path

from headrace.local.apiserver.nodeproxy import LogOptions, NodeError, NoSuchContainer, Streams
from headrace.local.kubelet import executing, logreader
from headrace.local.kubelet.actor import Actor
from headrace.local.kubelet.containerstate import ContainerState
from headrace.local.kubelet.logreader import Entry
from headrace.local.kubelet.records import Folders, RunPaths
from headrace.local.kubelet.tools import Tools
from kube.cluster import Object
from kube.informers import Informer

BATCH = 512


class Proxy:
    """Implements `NodeProxy`."""

    def __init__(
        self,
        folders: Folders,
        pods: Informer,
        actors: Mapping[str, Actor],
        tools: Callable[[], Tools | None],
    ) -> None:
        self._folders = folders
        self._pods = pods
        self._actors = actors
        self._tools = tools

    async def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Log text; raises NodeError before the first piece when there is none to read."""
        found = self._pod(namespace, pod)
        _declared(found, options.container)
        paths = await self._run_of(found, options)
        left = options.limit_bytes
        async for piece in self._pieces(found, paths, options):
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            yield piece
            if left is not None and left <= 0:
                return

    async def exec(
        self, namespace: str, pod: str, container: str, command: Sequence[str], streams: Streams
    ) -> int:
        """Run a command in a running container; its exit code."""
        tools = self._tools()
        if tools is None:
            raise NodeError("the kubelet is not running")
        return await executing.run(
            tools, self._running(namespace, pod, container), command, streams
        )

    async def attach(self, namespace: str, pod: str, container: str, streams: Streams) -> int:
        """A running container's own output from now on, and its stdin where it has one."""
        state = self._running(namespace, pod, container)
        assert state.paths is not None
        paths = state.paths
        feeding = asyncio.ensure_future(_feed(paths, streams))
        try:
            async for entries in logreader.follow(
                paths, lambda: state.record is None or state.paths is not paths, from_end=True
            ):
                for entry in entries:
                    sink = streams.stderr if entry.stream == b"stderr" else streams.stdout
                    await sink(entry.rendered(timestamps=False))
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await feeding
        return state.ended.exit_code if state.ended else 0

    # -- finding ------------------------------------------------------------------------------

    def _pod(self, namespace: str, name: str) -> Object:
        found = self._pods.get(namespace, name)
        if found is None:
            raise NodeError(f'pods "{name}" not found')
        return found

    def _running(self, namespace: str, pod: str, container: str) -> ContainerState:
        found = self._pod(namespace, pod)
        _declared(found, container)
        actor = self._actors.get(found["metadata"]["uid"])
        state = actor.state(container) if actor is not None else None
        if state is None or not state.is_running:
            phase = (found.get("status") or {}).get("phase")
            if phase in {"Succeeded", "Failed"}:
                raise NodeError(
                    f"cannot exec into a container in a completed pod; current phase is {phase}"
                )
            raise NodeError(f'container "{container}" in pod "{pod}" is not running')
        return state

    async def _run_of(self, pod: Object, options: LogOptions) -> RunPaths:
        """The newest run, or the one before it; by the log files, which outlive everything."""
        name = options.container
        folder = self._folders.pod_logs(pod) / name
        last = await asyncio.to_thread(_newest_log, folder)
        if options.previous:
            actor = self._actors.get(pod["metadata"]["uid"])
            state = actor.state(name) if actor is not None else None
            wanted = None if last is None else last - 1
            if state is not None and state.last is not None and not state.is_running:
                wanted = last if state.ended is None else wanted
            if wanted is None or wanted < 0:
                raise NoSuchContainer(
                    f'previous terminated container "{name}" in pod "{pod["metadata"]["name"]}" '
                    "not found"
                )
            return self._folders.run(pod, name, wanted)
        if last is None:
            reason = _waiting_reason(pod, name)
            raise NodeError(
                f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: '
                f"{reason}"
            )
        return self._folders.run(pod, name, last)

    # -- reading ------------------------------------------------------------------------------

    async def _pieces(
        self, pod: Object, paths: RunPaths, options: LogOptions
    ) -> AsyncIterator[bytes]:
        if options.tail_lines is not None and not options.follow and options.since is None:
            lines = await asyncio.to_thread(
                logreader.tail, paths, options.tail_lines, timestamps=options.timestamps
            )
            if lines:
                yield b"".join(lines)
            return
        if not options.follow:
            entries = logreader.entries(paths)
            skip = 0
            if options.tail_lines is not None:
                chosen = await asyncio.to_thread(
                    lambda: sum(1 for _ in _since(logreader.entries(paths), options))
                )
                skip = max(0, chosen - options.tail_lines)
            chosen_entries = _since(entries, options)
            while piece := await asyncio.to_thread(_batch, chosen_entries, options, skip):
                skip = 0
                if piece != b"\0":
                    yield piece
            return
        async for piece in self._followed(pod, paths, options):
            yield piece

    async def _followed(
        self, pod: Object, paths: RunPaths, options: LogOptions
    ) -> AsyncIterator[bytes]:
        uid = pod["metadata"]["uid"]

        def ended() -> bool:
            actor = self._actors.get(uid)
            state = actor.state(options.container) if actor is not None else None
            if state is None:
                return True
            return state.paths is not None and (
                state.paths.attempt != paths.attempt or not state.is_running
            )

        first = True
        async for entries in logreader.follow(paths, ended):
            kept = list(_since(iter(entries), options))
            if first and options.tail_lines is not None:
                kept = kept[-options.tail_lines :] if options.tail_lines else []
            first = False
            if kept:
                yield b"".join(e.rendered(timestamps=options.timestamps) for e in kept)


def _since(entries: Iterator[Entry], options: LogOptions) -> Iterator[Entry]:
    if options.since is None:
        yield from entries
        return
    for entry in entries:
        if logreader.moment(entry.stamp) >= options.since:
            yield entry


def _surplus(paths: RunPaths, options: LogOptions) -> int:
    """How many of the chosen lines come before the tail."""
    chosen = sum(1 for _ in _since(logreader.entries(paths), options))
    return max(0, chosen - (options.tail_lines or 0))


def _batch(entries: Iterator[Entry], options: LogOptions, skip: int) -> bytes:
    """The next lines; empty at the end."""
    for _ in range(skip):
        next(entries, None)
    out = []
    for entry in entries:
        out.append(entry.rendered(timestamps=options.timestamps))
        if len(out) >= BATCH:
            break
    return b"".join(out)


def _newest_log(folder: Path) -> int | None:
    numbers = [int(p.stem) for p in folder.glob("*.log") if p.stem.isdigit()]
    return max(numbers, default=None)


def _declared(pod: Object, container: str) -> None:
    spec = pod["spec"]
    names = {
        c["name"] for c in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    }
    if container not in names:
        raise NoSuchContainer(
            f"container {container} is not valid for pod {pod['metadata']['name']}"
        )


def _waiting_reason(pod: Object, container: str) -> str:
    status = pod.get("status") or {}
    for entry in (
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ):
        if entry["name"] == container:
            return str(
                ((entry.get("state") or {}).get("waiting") or {}).get("reason")
                or "ContainerCreating"
            )
    return "ContainerCreating"


async def _feed(paths: RunPaths, streams: Streams) -> None:
    """Pass the client's input to the container's stdin."""
    fifo = paths.folder / "stdin"
    if streams.stdin is None or not fifo.exists():
        return
    descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        async for data in streams.stdin:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:
                    await asyncio.sleep(0.01)
    finally:
        os.close(descriptor)
