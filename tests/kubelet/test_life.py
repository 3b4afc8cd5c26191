"""Init containers, sidecars, restarts, deadlines, deletion, probes, memory."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import pytest

from kube import resources
from kube.cluster import Object
from tests.kubelet.cluster import Machine, condition, container, is_running, pod, terminated


def _shell(name: str, script: str, **more: Any) -> Object:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script], **more}


async def _delete(machine: Machine, name: str, grace: int | None = None) -> None:
    await machine.cluster.delete(resources.PODS, "default", name, grace_seconds=grace)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_init_containers_run_in_order_and_stop_at_a_failure(machine: Machine) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    inits = [_shell(n, f"echo {n} >> /v/order", **mount) for n in ("one", "two")]
    volumes = [{"name": "v", "emptyDir": {}}]
    await machine.create(
        pod("good", "cat /v/order", initContainers=inits, volumes=volumes, main=mount)
    )
    found = await machine.ended("good")
    assert await machine.logs("good") == "one\ntwo\n"
    assert [c["name"] for c in found["status"]["initContainerStatuses"]] == ["one", "two"]
    inits = [_shell("bad", "exit 7"), _shell("never", "true")]
    await machine.create(pod("bad", "true", initContainers=inits))
    found = await machine.ended("bad")
    assert found["status"]["phase"] == "Failed"
    assert terminated(found, "bad")["exitCode"] == 7
    assert container(found)["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert condition(found, "Initialized")["reason"] == "ContainersNotInitialized"


async def test_a_restartable_init_container_runs_beside_and_ends_with_the_pod(
    machine: Machine,
) -> None:
    sidecar = _shell(
        "side", "trap 'exit 0' TERM; while :; do sleep 0.05; done", restartPolicy="Always"
    )
    await machine.create(pod("side", "true", initContainers=[sidecar]))
    found = await machine.ended("side")
    assert found["status"]["phase"] == "Succeeded"
    assert terminated(found, "side")["exitCode"] in {0, 143}


async def test_sidecars_of_a_workflow_pod_end_with_main(machine: Machine) -> None:
    body = pod("wf", "true", annotations={"headrace.dev/capture": "{}"})
    # Some of them are still starting when main has ended already.
    names = [f"helper-{n}" for n in range(8)]
    body["spec"]["containers"] += [_shell(name, "sleep 1000") for name in names]
    await machine.create(body)
    found = await machine.ended("wf")
    assert terminated(found)["exitCode"] == 0
    for name in names:
        assert terminated(found, name)["exitCode"] in {0, 143}


async def test_on_failure_restarts_until_it_works(machine: Machine) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    script = "echo run; echo x >> /v/n; test $(wc -l < /v/n) -ge 3"
    await machine.create(
        pod(
            "again",
            script.replace("$(", "$$("),
            restartPolicy="OnFailure",
            volumes=[{"name": "v", "emptyDir": {}}],
            main=mount,
        )
    )
    found = await machine.ended("again")
    assert found["status"]["phase"] == "Succeeded"
    entry = container(found)
    assert entry["restartCount"] == 2
    assert entry["lastState"]["terminated"]["exitCode"] == 1
    assert await machine.logs("again", previous=True) == "run\n"


async def test_always_backs_off(machine: Machine) -> None:
    await machine.create(pod("crash", "exit 1", restartPolicy="Always"))
    found = await machine.until(
        "crash",
        lambda p: (
            p["status"].get("containerStatuses")
            and container(p)["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
        ),
    )
    assert found["status"]["phase"] == "Running"
    assert "restarting failed container=main" in container(found)["state"]["waiting"]["message"]
    await _delete(machine, "crash")
    await machine.gone("crash")


async def test_active_deadline(machine: Machine) -> None:
    await machine.create(
        pod("late", "sleep 1000", activeDeadlineSeconds=1, terminationGracePeriodSeconds=1)
    )
    found = await machine.ended("late")
    status = found["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["message"] == "Pod was active on the node longer than the specified deadline"
    assert terminated(found)["exitCode"] == 143


async def test_deletion_asks_first(machine: Machine) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    await machine.create(pod("polite", script))
    await machine.until("polite", is_running)
    assert machine.kubelet is not None
    last: list[Object] = []
    ending = asyncio.ensure_future(
        machine.until("polite", lambda p: p["status"]["phase"] == "Succeeded")
    )
    async for piece in machine.kubelet.logs("default", "polite", _following()):
        assert piece == b"up\n"
        break
    await _delete(machine, "polite", 10)
    last.append(await ending)
    await machine.gone("polite")
    assert terminated(last[0])["exitCode"] == 0


def _following() -> Any:
    from headrace.local.apiserver.nodeproxy import LogOptions

    return LogOptions("main", follow=True)


async def test_what_ignores_sigterm_or_left_the_session_is_killed(machine: Machine) -> None:
    script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000' & echo $$! $$$$; sleep 1000"
    await machine.create(pod("stubborn", script, terminationGracePeriodSeconds=1))
    await machine.until("stubborn", is_running)
    text = ""
    async with asyncio.timeout(40):
        while not (found := re.fullmatch(r"(\d+) (\d+)\n", text)):
            text = await machine.logs("stubborn")
    pids = [int(word) for word in found.groups()]
    assert all(_alive(pid) for pid in pids)
    await _delete(machine, "stubborn")
    await machine.gone("stubborn")
    assert not any(_alive(pid) for pid in pids)


async def test_what_main_leaves_behind_is_killed(machine: Machine) -> None:
    await machine.create(pod("daemon", "setsid sleep 1000 >/dev/null 2>&1 & echo $$!"))
    await machine.ended("daemon")
    assert not _alive(int(await machine.logs("daemon")))


async def test_a_forced_deletion_kills(machine: Machine) -> None:
    await machine.create(pod("now", "trap '' TERM; echo $$$$; while :; do sleep 1; done"))
    await machine.until("now", is_running)
    text = ""
    async with asyncio.timeout(40):
        while not text:
            text = await machine.logs("now")
    await _delete(machine, "now", 0)
    async with asyncio.timeout(40):
        while _alive(int(text)):
            await asyncio.sleep(0.01)


async def test_too_much_memory_is_oom_killed(machine: Machine) -> None:
    limits = {"resources": {"limits": {"memory": "60Mi"}}}
    main = {"command": ["python3", "-c", "x = b'x' * 300_000_000; import time; time.sleep(60)"]}
    await machine.create(pod("fat", main=main | limits))
    found = await machine.ended("fat")
    assert terminated(found)["reason"] == "OOMKilled"
    assert terminated(found)["exitCode"] == 137


async def test_readiness_waits_for_the_probe(machine: Machine) -> None:
    probe = {"exec": {"command": ["test", "-f", "/tmp/ready"]}, "periodSeconds": 1}
    script = "until [ -f /go ]; do sleep 0.05; done; touch /tmp/ready; sleep 1000"
    await machine.create(pod("probe", script, main={"readinessProbe": probe}))
    found = await machine.until("probe", is_running)
    assert container(found)["ready"] is False
    assert condition(found, "Ready")["reason"] == "ContainersNotReady"
    await machine.exec("probe", "touch", "/go")
    found = await machine.until("probe", lambda p: container(p)["ready"])
    assert condition(found, "Ready")["status"] == "True"
    await _delete(machine, "probe", 0)
    await machine.gone("probe")


async def test_liveness_restarts(machine: Machine) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    body = pod("sick", "sleep 1000", restartPolicy="Always", main={"livenessProbe": probe})
    await machine.create(body)
    found = await machine.until(
        "sick", lambda p: p["status"].get("containerStatuses") and container(p)["restartCount"]
    )
    assert "failed liveness probe" in container(found)["lastState"]["terminated"]["message"]
    await _delete(machine, "sick", 0)
    await machine.gone("sick")


@pytest.mark.parametrize("code", [0, 5])
async def test_exec_runs_beside_with_the_same_files(machine: Machine, code: int) -> None:
    main = {"env": [{"name": "A", "value": "from-env"}]}
    await machine.create(pod("shell", "echo mine > /tmp/f; sleep 1000", main=main))
    await machine.until("shell", is_running)
    script = f"until [ -s /tmp/f ]; do :; done; cat /tmp/f; echo $A; cat; echo err >&2; exit {code}"
    result = await machine.exec("shell", "sh", "-c", script, stdin=b"typed")
    assert result == (code, b"mine\nfrom-env\ntyped", b"err\n")
    await _delete(machine, "shell", 0)
    await machine.gone("shell")
