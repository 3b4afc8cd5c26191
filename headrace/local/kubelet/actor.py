"""One pod on this node, from its admission to its end.

The actor prepares volumes and inputs, runs init containers in order, then the others together,
ends what must end (deadline, deletion, sidecars of a finished workflow pod), collects outputs, and
reports. It starts anything only through runners, which find what an earlier process started.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from headrace.local.kubelet import capture, logreader, ordering, status, volumes
from headrace.local.kubelet.assembly import Assembly
from headrace.local.kubelet.capture import Outcome, Plan
from headrace.local.kubelet.containerstate import ContainerState, Role, Waiting
from headrace.local.kubelet.errors import CaptureError, KubeletError
from headrace.local.kubelet.records import RunPaths
from headrace.local.kubelet.references import References
from headrace.local.kubelet.reporter import Reporter
from headrace.local.kubelet.runner import Runner
from headrace.local.kubelet.runtime import Container
from headrace.local.kubelet.status import Verdict
from headrace.local.kubelet.tools import Tools
from kube import crashpoints, resources
from kube.cluster import Object
from kube.errors import Conflict, KubeError, NotFound

DEADLINE = "Pod was active on the node longer than the specified deadline"
SIDECAR_GRACE = 30.0
DELETE_SECONDS = 30.0
FIRST_PAUSE, MOST_PAUSE = 1.0, 15.0


class Actor:
    """See the module. `run` returns when the pod has ended and everybody has been told."""

    def __init__(self, pod: Object, tools: Tools) -> None:
        self.object = pod
        self.stopping = asyncio.Event()
        self._tools = tools
        self._log = structlog.get_logger("kubelet").bind(pod=_key(pod))
        self._started_at = _start_time(pod) or tools.clock.now()
        self._folder = tools.folders.pod(pod["metadata"]["uid"])
        self._plan = capture.plan_of(pod)
        self._captured: dict[str, str] = {}
        self._verdict = Verdict()
        self._stop_verdict = Verdict()
        self._kill_at = float("inf")
        self._forgotten = False
        self._last: dict[str, Any] = pod.get("status") or {}
        self.states = _states(pod)
        self._runners = {s.name: Runner(self, s, _policy(pod, s), tools) for s in self.states}
        self._reporter = Reporter(tools.cluster, pod, self._patch, tools.writes)
        self._assembly = Assembly(tools, self._folder, self._plan)
        self._respecified = asyncio.Event()

    # -- what others ask ----------------------------------------------------------------------

    def update(self, pod: Object) -> None:
        """The pod object changed."""
        before, self.object = self.object, pod
        if _deadline_of(before) != _deadline_of(pod):
            self._respecified.set()
        self._seen_deletion()

    def vanish(self) -> None:
        """The pod object is gone: end at once, tell nobody."""
        self._forgotten = True
        self._reporter.gone = True
        self._reporter.close()
        self.stop(0.0, Verdict())

    def stop(self, grace: float, verdict: Verdict) -> None:
        """End every container within `grace` seconds; an earlier end wins, the first reason too."""
        now = asyncio.get_running_loop().time()
        self._kill_at = min(self._kill_at, now + grace)
        if not self.stopping.is_set():
            self._stop_verdict = verdict
            self.stopping.set()

    def changed(self, *, urgent: bool = False) -> None:
        """A container's state changed."""
        self._reporter.changed(urgent=urgent)

    async def assemble(self, state: ContainerState, paths: RunPaths) -> Container:
        """Everything for one run of a container. Raises ConfigError."""
        return await self._assembly.container(self.object, state, paths)

    def state(self, name: str) -> ContainerState | None:
        """A container of the pod."""
        return next((s for s in self.states if s.name == name), None)

    # -- living -------------------------------------------------------------------------------

    async def run(self) -> None:
        """The pod's whole life."""
        async with asyncio.TaskGroup() as group:
            reporting = group.create_task(self._reporter.run())
            guards = [group.create_task(self._deadline()), group.create_task(self._stopper())]
            self.changed()
            self._seen_deletion()
            try:
                await self._live(group)
                self._end()
            finally:
                for guard in guards:
                    guard.cancel()
            self._reporter.close()
            await reporting
            crashpoints.reached("kubelet.reported")
        await self._leave()

    async def _live(self, group: asyncio.TaskGroup) -> None:
        if not await self._prepared():
            return
        background = []
        for state in self.states:
            if state.role is Role.MAIN:
                continue
            runner = self._runners[state.name]
            if state.role is Role.SIDECAR:
                background.append(group.create_task(runner.run()))
                await runner.first_start.wait()
            else:
                await runner.run()
                if not state.ended or state.ended.exit_code:
                    break
            if self.stopping.is_set():
                break
        else:
            for state in self.states:
                if state.role is Role.MAIN:
                    state.state = state.state if state.ended else status.CREATING
            await self._mains(group)
        await self._end_all(Role.SIDECAR)
        for task in background:
            await task
        if self._plan and not self._forgotten:
            await self._capture(self._plan)

    async def _mains(self, group: asyncio.TaskGroup) -> None:
        """Run the main containers; a workflow pod is over when its own ones are."""
        mains = {s.name: s for s in self.states if s.role is Role.MAIN}
        waits = ordering.dependencies_of(self.object)
        tasks: dict[str, asyncio.Task[None]] = {}
        for name, state in mains.items():
            needs = waits.get(name, ())
            # Read when the task runs: by then all of them are there.
            tasks[name] = group.create_task(self._after(state, needs, mains, tasks))
        own = capture.main_names(self.object)
        if own:
            await asyncio.gather(*(t for name, t in tasks.items() if name in own))
            await self._end_all(Role.MAIN)
        await asyncio.gather(*tasks.values())

    async def _after(
        self,
        state: ContainerState,
        needs: Sequence[str],
        mains: Mapping[str, ContainerState],
        tasks: Mapping[str, asyncio.Task[None]],
    ) -> None:
        wanted = {need: (mains[need], tasks[need]) for need in needs}
        await ordering.after(state, wanted, self._runners[state.name].run)

    async def _prepared(self) -> bool:
        """Volumes and inputs are there; False when the pod must end before that."""
        pause = FIRST_PAUSE
        while not self.stopping.is_set():
            try:
                await self._prepare()
                return True
            except CaptureError as error:
                self._tools.recorder.tell(self.object, "Failed", error.message, warning=True)
                self._verdict = Verdict("Failed", "", error.message)
                return False
            except KubeletError as error:
                self._tools.recorder.tell(self.object, error.reason, error.message, warning=True)
                self._waits(Waiting("ContainerCreating", error.message))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.stopping.wait()
            pause = min(MOST_PAUSE, pause * 2)
        return False

    async def _prepare(self) -> None:
        tools = self._tools
        references = References(tools.cluster, self.object["metadata"]["namespace"])
        if self.object["spec"].get("volumes"):
            places = await asyncio.to_thread(volumes.remembered, self._folder)
            if places is None:
                await asyncio.to_thread(_make, self._folder)
                store = volumes.Volumes(tools.folders.claims, tools.policy, tools.capacity.amount)
                places = await store.set_up(self.object, self._folder, references)
            self._assembly.places = places
        if self._plan and self._plan.inputs:
            self._assembly.inputs = await capture.staged(
                self._plan, self._folder, self._assembly.main_binds(self.object), tools.policy
            )

    def _waits(self, reason: Waiting) -> None:
        for state in self.states:
            if not state.ended and not state.is_running:
                state.state = reason
        self.changed(urgent=True)

    # -- ending -------------------------------------------------------------------------------

    async def _end_all(self, role: Role) -> None:
        """Stop what still runs of a role, last started first."""
        now = asyncio.get_running_loop().time()
        until = now + min(SIDECAR_GRACE, self._grace())

        def left() -> float:
            return min(until, self._kill_at) - asyncio.get_running_loop().time()

        runners = [self._runners[s.name] for s in reversed(self.states) if s.role is role]
        await asyncio.gather(*(runner.stop(left) for runner in runners))

    async def _stopper(self) -> None:
        """Carry out `stop`."""
        await self.stopping.wait()

        def left() -> float:
            return self._kill_at - asyncio.get_running_loop().time()

        mains = [r for r in self._runners.values() if r.state.role is not Role.SIDECAR]
        sidecars = [r for r in self._runners.values() if r.state.role is Role.SIDECAR]
        await asyncio.gather(*(runner.stop(left) for runner in mains))
        await asyncio.gather(*(runner.stop(left) for runner in sidecars))

    async def _deadline(self) -> None:
        """End the pod at its deadline, which may be set or moved while it runs."""
        while True:
            self._respecified.clear()
            seconds = _deadline_of(self.object)
            moved = asyncio.ensure_future(self._respecified.wait())
            waits: set[asyncio.Future[Any]] = {moved}
            if seconds is not None:
                due = self._tools.clock.sleep_until(self._started_at + float(seconds))
                waits.add(asyncio.ensure_future(due))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if not moved.done():
                    break
            finally:
                for wait in waits:
                    wait.cancel()
        self.stop(self._grace(), Verdict("Failed", "DeadlineExceeded", DEADLINE))

    def _grace(self) -> float:
        value = self.object["spec"].get("terminationGracePeriodSeconds")
        return 30.0 if value is None else float(value)

    def _seen_deletion(self) -> None:
        meta = self.object["metadata"]
        if meta.get("deletionTimestamp"):
            self.stop(float(meta.get("deletionGracePeriodSeconds") or 0), Verdict())

    def _end(self) -> None:
        """Decide the final phase."""
        if self._stop_verdict.phase:
            self._verdict = self._stop_verdict
        if not self._verdict.phase:
            inits_well = all(
                s.ended and s.ended.exit_code == 0 for s in self.states if s.role is Role.INIT
            )
            mains_well = all(
                s.ended and s.ended.exit_code == 0 for s in self.states if s.role is Role.MAIN
            )
            well = inits_well and mains_well
            self._verdict = Verdict("Succeeded" if well else "Failed")

    async def _capture(self, plan: Plan) -> None:
        main = next(iter(capture.main_names(self.object)), "")
        state = self.state(main)
        if state is None or state.ended is None or state.paths is None:
            return
        binds = self._assembly.binds_of(state, self.object)
        outcome: Outcome = await capture.collected(plan, state, binds, self._tools)
        self._captured = {
            capture.OUTPUTS: outcome.as_json(state.ended.exit_code, capture.room_in(self.object))
        }
        if outcome.error:
            self._tools.recorder.tell(self.object, "CaptureFailed", outcome.error, warning=True)

    async def _leave(self) -> None:
        """Clean up; a pod that was being deleted goes away now."""
        for state in self.states:
            if state.paths is not None:
                await self._tools.runtime.clean_up(state.paths)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        meta = self.object["metadata"]
        if self._forgotten or not meta.get("deletionTimestamp"):
            return
        try:
            async with asyncio.timeout(DELETE_SECONDS):
                await self._tools.cluster.delete(
                    resources.PODS,
                    meta["namespace"],
                    meta["name"],
                    uid=meta["uid"],
                    grace_seconds=0,
                )
        except (NotFound, Conflict):
            return
        except (KubeError, TimeoutError) as error:
            self._log.warning("pod not removed", error=str(error))

    # -- reporting ----------------------------------------------------------------------------

    def _patch(self) -> Object:
        seen = {**self.object, "status": self._last}
        self._last = status.build(
            seen, self.states, self._verdict, self._started_at, self._tools.clock.now()
        )
        patch: Object = {"status": self._last}
        if self._captured:
            patch["metadata"] = {"annotations": self._captured}
        return patch


def _states(pod: Object) -> list[ContainerState]:
    spec = pod["spec"]
    first = status.INITIALIZING if spec.get("initContainers") else status.CREATING
    found = []
    for container in spec.get("initContainers") or ():
        role = Role.SIDECAR if container.get("restartPolicy") == "Always" else Role.INIT
        found.append(ContainerState(container, role, status.INITIALIZING))
    found += [ContainerState(c, Role.MAIN, first) for c in spec["containers"]]
    return found


def _policy(pod: Object, state: ContainerState) -> str:
    policy = str(pod["spec"].get("restartPolicy") or "Always")
    if state.role is Role.SIDECAR:
        return "Always"
    if state.role is Role.INIT and policy == "Always":
        return "OnFailure"
    return policy


def _start_time(pod: Object) -> float | None:
    text = (pod.get("status") or {}).get("startTime")
    return logreader.moment(text.encode()) if text else None


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _key(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _deadline_of(pod: Object) -> Any:
    return pod["spec"].get("activeDeadlineSeconds")
