"""Pods outlive the kubelet; its successor finds them, or says that they are lost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from kube import resources
from tests.kubelet.cluster import Machine, container, is_running, pod, terminated

WAIT = "echo started >> {0}/runs; until [ -e {0}/go ]; do sleep 0.02; done; echo done; exit 4"


def _mounted(folder: Path, name: str = "main") -> dict[str, object]:
    return {
        "volumes": [{"name": "v", "hostPath": {"path": str(folder)}}],
        "main": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    }


async def _started(folder: Path) -> None:
    async with asyncio.timeout(40):
        while not (folder / "runs").exists():
            await asyncio.sleep(0.01)


async def _up(machine: Machine, folder: Path) -> None:
    await machine.up(policy={"host_paths": (str(folder),)})


async def test_a_running_pod_is_adopted_and_not_started_again(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    machine = Machine(tmp_path / "m")
    try:
        await _up(machine, shared)
        await machine.create(pod("long", WAIT.format("/v"), **_mounted(shared)))
        await machine.until("long", is_running)
        await _started(shared)
        await machine.down()
        await _up(machine, shared)
        found = await machine.get("long")
        assert found["status"]["phase"] == "Running"
        (shared / "go").touch()
        found = await machine.ended("long")
        assert terminated(found)["exitCode"] == 4
        assert container(found)["restartCount"] == 0
        assert (shared / "runs").read_text() == "started\n"
        assert await machine.logs("long") == "done\n"
    finally:
        await machine.close()


async def test_what_ended_meanwhile_is_collected(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    machine = Machine(tmp_path / "m")
    try:
        await _up(machine, shared)
        await machine.create(pod("short", WAIT.format("/v"), **_mounted(shared)))
        await _started(shared)
        await machine.down()
        (shared / "go").touch()
        folder = next((tmp_path / "m" / "kubelet" / "pods").glob("*/containers/main/0"))
        async with asyncio.timeout(40):
            while not (folder / "exit").exists():
                await asyncio.sleep(0.01)
        await _up(machine, shared)
        assert terminated(await machine.ended("short"))["exitCode"] == 4
        assert (shared / "runs").read_text() == "started\n"
    finally:
        await machine.close()


async def test_a_killed_shim_means_lost_and_its_process_is_killed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    machine = Machine(tmp_path / "m")
    try:
        await _up(machine, shared)
        await machine.create(pod("lost", WAIT.format("/v"), **_mounted(shared)))
        await _started(shared)
        state = next(iter(machine.kubelet._actors.values())).state("main")
        assert state is not None
        async with asyncio.timeout(40):
            while state.record is None:
                await asyncio.sleep(0.01)
        record = state.record
        await machine.down()
        os.kill(record.shim, signal.SIGKILL)
        await _up(machine, shared)
        found = await machine.ended("lost")
        assert terminated(found)["reason"] == "ContainerStatusUnknown"
        assert terminated(found)["exitCode"] == 137
        async with asyncio.timeout(40):
            while Path(f"/proc/{record.pid}/cmdline").exists():
                await asyncio.sleep(0.01)
    finally:
        await machine.close()


async def test_a_pod_deleted_meanwhile_is_ended_and_its_files_go(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    machine = Machine(tmp_path / "m")
    try:
        await _up(machine, shared)
        await machine.create(pod("gone", WAIT.format("/v"), **_mounted(shared)))
        await machine.until("gone", is_running)
        await machine.down()
        await machine.cluster.delete(resources.PODS, "default", "gone", grace_seconds=0)
        pods = tmp_path / "m" / "kubelet" / "pods"
        assert list(pods.iterdir())
        await _up(machine, shared)
        async with asyncio.timeout(40):
            while list(pods.iterdir()):
                await asyncio.sleep(0.01)
    finally:
        await machine.close()


async def test_a_run_whose_start_was_never_recorded_starts_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "m")
    try:
        await machine.prepare()
        created = await machine.create(pod("fresh", "echo ran"))
        folder = tmp_path / "m" / "kubelet" / "pods" / created["metadata"]["uid"]
        (folder / "containers" / "main" / "0").mkdir(parents=True)
    except Exception:
        await machine.close()
        raise
    try:
        await machine.up()
        found = await machine.ended("fresh")
        assert found["status"]["phase"] == "Succeeded"
        assert await machine.logs("fresh") == "ran\n"
        assert container(found)["restartCount"] == 0
    finally:
        await machine.close()


async def test_a_zygote_that_dies_while_a_command_runs_is_replaced(tmp_path: Path) -> None:
    """A shim that has the answers' socket open hides the zygote's end from its reader."""
    machine = Machine(tmp_path / "m")
    (shared := tmp_path / "shared").mkdir()
    try:
        await _up(machine, shared)
        await machine.create(pod("before", "sleep 1000", **_mounted(shared)))
        await machine.until("before", is_running)
        session = asyncio.ensure_future(
            machine.exec("before", "sh", "-c", "touch /v/runs; sleep 1000")
        )
        await _started(shared)
        os.kill(machine.kubelet._launcher._process.pid, signal.SIGKILL)
        await machine.create(pod("after", "echo ok"))
        assert (await machine.ended("after"))["status"]["phase"] == "Succeeded"
        await machine.cluster.delete(resources.PODS, "default", "before", grace_seconds=0)
        await machine.gone("before")
        await session
    finally:
        await machine.close()


async def test_a_dead_zygote_is_replaced(machine: Machine) -> None:
    await machine.create(pod("before", "sleep 1000"))
    await machine.until("before", is_running)
    zygote = machine.kubelet._launcher._process
    os.kill(zygote.pid, signal.SIGKILL)
    await machine.create(pod("after", "echo ok"))
    assert (await machine.ended("after"))["status"]["phase"] == "Succeeded"
    assert is_running(await machine.get("before"))
    await machine.cluster.delete(resources.PODS, "default", "before", grace_seconds=0)
    await machine.gone("before")
