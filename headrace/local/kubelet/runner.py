"""One container from its first start to its last end: starting, restarting, stopping, adopting.

The runner changes its ContainerState and tells the pod; it never looks at other containers.
A run that an earlier headrace process started is taken over by its records, never started twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from headrace.local.kubelet import launcher, terminationmessage
from headrace.local.kubelet.containerstate import (
    ContainerState,
    Running,
    Terminated,
    Waiting,
)
from headrace.local.kubelet.errors import ConfigError, LaunchError
from headrace.local.kubelet.probes import Probes
from headrace.local.kubelet.records import Exit, RunPaths, Start, start_of
from headrace.local.kubelet.runtime import Container
from headrace.local.kubelet.tools import Tools
from kube import crashpoints
from kube.cluster import Object

CONFIG_PAUSE, MOST_CONFIG_PAUSE = 1.0, 10.0
CLAIM_SECONDS = 2.0
LAUNCH_PAUSE = 0.05
LOST = "The container could not be located when the pod was terminated"
UNKNOWN = Exit(137, 0, False, 0.0, 0.0, "ContainerStatusUnknown", LOST)
Assemble = Callable[[ContainerState, RunPaths], Awaitable[Container]]


class Pod(Protocol):
    """What a runner needs from its pod."""

    object: Object
    stopping: asyncio.Event

    def changed(self, *, urgent: bool = False) -> None:
        """The container's state changed."""
        ...

    async def assemble(self, state: ContainerState, paths: RunPaths) -> Container:
        """Everything for one run. Raises ConfigError."""
        ...


class Runner:
    """See the module. `policy` is the restart policy that holds for this container."""

    def __init__(self, pod: Pod, state: ContainerState, policy: str, tools: Tools) -> None:
        self.state = state
        self._pod = pod
        self._policy = policy
        self._tools = tools
        self._stopped = asyncio.Event()  # this container shall not run (again)
        self.first_start = asyncio.Event()  # it has started once, or never will
        self._left: Callable[[], float] | None = None  # the seconds that `stop` leaves
        self._unhealthy = ""
        self._ended = asyncio.Event()
        self._ended.set()

    # -- running ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the container has ended for good."""
        adopt = self._tools.folders.last_attempt(self._pod.object, self.state.name) is not None
        try:
            while True:
                ended = await self._once(adopt=adopt)
                adopt = False
                if ended is None or not self._restarts(ended):
                    return
                self.state.last = ended
                if not await self._back_off(ended):
                    return
                self.state.restarts += 1
        finally:
            self.first_start.set()

    async def _once(self, *, adopt: bool) -> Terminated | None:
        """One run; None when it was stopped before it began."""
        found = await self._adopted() if adopt else None
        if found is None:
            found = await self._started()
        if found is None:
            return None
        if isinstance(found, Start):
            self._ended.clear()
            try:
                found = await self._running(found)
            finally:
                self._ended.set()
        crashpoints.reached("kubelet.exited")
        if found.code == 137 and not found.oom and self.state.paths is not None:
            oom = await self._tools.runtime.was_oom_killed(self.state.paths)
            found = replace(found, oom=oom)
        return self._over(found)

    async def _started(self) -> Start | Exit | None:
        pause = CONFIG_PAUSE
        folders = self._tools.folders
        while not self._no_more():
            last = folders.last_attempt(self._pod.object, self.state.name)
            paths = folders.run(self._pod.object, self.state.name, 0 if last is None else last + 1)
            try:
                container = await self._pod.assemble(self.state, paths)
            except ConfigError as error:
                self._tools.recorder.tell(
                    self._pod.object, "Failed", f"Error: {error.message}", warning=True
                )
                self.state.state = Waiting(error.reason, error.message)
                self._pod.changed(urgent=True)
                await self._wait(pause)
                pause = min(MOST_CONFIG_PAUSE, pause * 2)
                continue
            self.state.paths = paths
            found = await self._launch(container) or await self._adopted()
            if found is not None:
                return found
            await self._wait(LAUNCH_PAUSE)  # the zygote died before it began: again, elsewhere
        return None

    async def _launch(self, container: Container) -> Start | Exit | None:
        """None when it is not known what became of the request."""
        tools = self._tools
        now = tools.clock.now()
        try:
            spec = tools.runtime.run_spec(container)
            answer = await tools.launcher.start(
                {
                    "cwd": "",
                    "root": None,
                    "memory": 0,
                    "memoryEvents": "",
                    "wrapped": False,
                    "uid": None,
                    "gid": None,
                    **spec,
                    "folder": str(container.paths.folder),
                    "logs": str(container.paths.logs),
                    "log": container.paths.log.name,
                    "logBytes": tools.policy.log_bytes,
                    "logFiles": tools.policy.log_files,
                    "stdin": container.stdin,
                    "capture": container.capture,
                }
            )
        except LaunchError as error:
            if error.reason == launcher.LOST:
                return None
            tools.recorder.tell(self._pod.object, "Failed", f"Error: {error.message}", warning=True)
            return Exit(128, 0, False, now, now, error.reason, error.message)
        return start_of(answer)

    async def _running(self, start: Start) -> Exit:
        state = self.state
        assert state.paths is not None
        state.record = start
        state.container_id = self._container_id(state.paths)
        state.state = Running(start.started_at)
        self._unhealthy = ""
        probes = Probes(self._pod.object, state, self._tools, self._pod.changed, self._fail)
        state.started, state.ready = not probes.has_startup, not probes.has_readiness
        crashpoints.reached("kubelet.started")
        started = f"Started container {state.name}"
        self._tools.recorder.tell(self._pod.object, "Started", started)
        self._pod.changed()
        self.first_start.set()
        watching = asyncio.ensure_future(probes.run())
        late = None if self._left is None else asyncio.ensure_future(self._end_run(self._left))
        try:
            await launcher.gone(start.shim)
        finally:
            for beside in (watching, late):
                if beside is not None:
                    beside.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await beside
        return await self._collected(state.paths, start)

    async def _collected(self, paths: RunPaths, start: Start) -> Exit:
        """The exit record; without one, what is left is killed and reported lost."""
        found = paths.exit()
        if found is not None:
            return found
        _kill(start.pid, start.ticks)
        now = self._tools.clock.now()
        return Exit(137, 0, False, start.started_at, now, UNKNOWN.reason, UNKNOWN.error)

    def _over(self, found: Exit) -> Terminated:
        state = self.state
        assert state.paths is not None
        message = found.error or terminationmessage.read(state.spec, state.paths, found.code)
        reason = found.reason or (
            "OOMKilled" if found.oom else "Error" if found.code else "Completed"
        )
        if not message and self._unhealthy:
            message = self._unhealthy
        ended = Terminated(
            found.code,
            reason,
            message,
            0,
            found.started_at,
            found.finished_at,
            state.container_id or self._container_id(state.paths),
        )
        state.container_id = ended.container_id
        state.state, state.record = ended, None
        state.ready = state.started = False
        self._pod.changed()
        return ended

    def _container_id(self, paths: RunPaths) -> str:
        uid = self._pod.object["metadata"]["uid"]
        return f"{self._tools.runtime.name}://{uid}-{self.state.name}-{paths.attempt}"

    # -- adopting -----------------------------------------------------------------------------

    async def _adopted(self) -> Start | Exit | None:
        """The newest run on disk, if it ever began."""
        folders = self._tools.folders
        last = folders.last_attempt(self._pod.object, self.state.name)
        assert last is not None
        paths = folders.run(self._pod.object, self.state.name, last)
        start = paths.start()
        if start is None and not paths.fence():
            start = await self._claimed(paths)
        if start is None:
            found = paths.exit()
            if found is None:
                return None  # nothing was ever executed
            self.state.paths = paths
            return found
        self.state.paths = paths
        if start.alive():
            return start
        return await self._collected(paths, start)

    async def _claimed(self, paths: RunPaths) -> Start | None:
        """A shim has claimed the run: it writes its record, or has died before it began."""
        loop = asyncio.get_running_loop()
        until = loop.time() + CLAIM_SECONDS
        while loop.time() < until:
            found = paths.start()
            if found is not None or paths.exit() is not None:
                return found
            await asyncio.sleep(0.02)
        return None

    # -- restarting ---------------------------------------------------------------------------

    def _no_more(self) -> bool:
        return self._stopped.is_set() or self._pod.stopping.is_set()

    def _restarts(self, ended: Terminated) -> bool:
        if self._no_more():
            return False
        match self._policy:
            case "Always":
                return True
            case "OnFailure":
                return ended.exit_code != 0
            case _:
                return False

    async def _back_off(self, ended: Terminated) -> bool:
        """Wait before the next run; False when there shall be none."""
        seconds = self._tools.policy.backoff.before(self.state.restarts)
        if seconds:
            meta = self._pod.object["metadata"]
            text = (
                f"back-off {seconds:g}s restarting failed container={self.state.name} "
                f"pod={meta['name']}_{meta['namespace']}({meta['uid']})"
            )
            self.state.state = Waiting("CrashLoopBackOff", text)
            self._pod.changed()
            await self._wait(seconds)
        if self._no_more():
            self.state.state = ended
            return False
        return True

    async def _wait(self, seconds: float) -> None:
        """Until then, or until the container or the pod shall stop."""
        waits = {
            asyncio.ensure_future(self._stopped.wait()),
            asyncio.ensure_future(self._pod.stopping.wait()),
        }
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # -- stopping -----------------------------------------------------------------------------

    async def stop(self, grace: Callable[[], float]) -> None:
        """SIGTERM, then SIGKILL to everything once `grace()` seconds are over (asked anew)."""
        self._stopped.set()
        self._left = grace
        await self._end_run(grace)

    async def _end_run(self, grace: Callable[[], float]) -> None:
        record = self.state.record
        if record is None:
            return  # it may be starting just now: `_running` sees that it was stopped
        if grace() > 0:
            await self._before_stop(grace())
            _signal(record, signal.SIGTERM)
            while (left := grace()) > 0 and not self._ended.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, 0.5)):
                        await self._ended.wait()
        while not self._ended.is_set():
            _signal(record, signal.SIGUSR1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._ended.wait()

    async def _before_stop(self, seconds: float) -> None:
        hook = (self.state.spec.get("lifecycle") or {}).get("preStop")
        if not hook:
            return
        probes = Probes(self._pod.object, self.state, self._tools, self._pod.changed, self._fail)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                problem = await probes.handle(hook)
                if problem:
                    self._tools.recorder.tell(
                        self._pod.object, "FailedPreStopHook", problem, warning=True
                    )

    def _fail(self, message: str) -> None:
        """A probe or hook has decided that this run must end (and may start again)."""
        record = self.state.record
        if record is None:
            return
        self._unhealthy = message
        grace = int(self._pod.object["spec"].get("terminationGracePeriodSeconds", 30))
        _signal(record, signal.SIGTERM)
        loop = asyncio.get_running_loop()
        loop.call_later(grace, _signal, record, signal.SIGUSR1)


def _signal(record: Start, number: signal.Signals) -> None:
    if record.alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.shim, number)


def _kill(pid: int, ticks: int) -> None:
    from headrace.local.kubelet import descendants

    if descendants.start_ticks(pid) == ticks:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
