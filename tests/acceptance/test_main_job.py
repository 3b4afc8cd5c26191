"""The main job through real sockets, a real nats-server and real processes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from pathlib import Path

import pytest

from headrace.demo import delivery
from tests.acceptance.local_cluster import (
    ROOT,
    LocalCluster,
    counting_workflow,
    eventing,
    push,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]
EXAMPLES = ROOT / "examples"


async def test_a_github_push_starts_ci_with_repo_and_branch(local: LocalCluster, port: int) -> None:
    await local.start()
    for manifest in sorted((EXAMPLES / "github-ci").glob("*.yaml")):
        text = manifest.read_text().replace("12000", str(port))
        done = local.cli("apply", "-f", "-", "--strict", input=text)
        assert done.returncode == 0, done.stderr
    await local.deployed()
    async with local.api() as cluster:
        from kube import resources

        secret = await cluster.get(resources.SECRETS, "default", "github-webhook")
    sent = delivery.github_push(
        port,
        EXAMPLES / "github-ci" / "push.json",
        base64.b64decode(secret["data"]["secret"]).decode(),
    )
    for _ in range(5):  # the first delivery, and four redeliveries
        answer = await delivery.send(sent)
        assert answer.status == 200, answer.text
    (workflow,) = await local.finished()
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"]
    given = {p["name"]: p["value"] for p in workflow["spec"]["arguments"]["parameters"]}
    payload = json.loads((EXAMPLES / "github-ci" / "push.json").read_text())
    assert given["repo"] == payload["repository"]["clone_url"]
    assert given["branch"] == payload["ref"]
    assert (await local.books()).received == 1
    log = local.cli("logs", "@latest")
    assert "fleet-console:c3f2e1d is ready (from refs/heads/main)" in log.stdout


async def test_an_s3_notification_becomes_one_task_for_each_object(
    local: LocalCluster, port: int
) -> None:
    await local.start()
    for manifest in sorted((EXAMPLES / "s3-processing").glob("*.yaml")):
        text = manifest.read_text().replace("12001", str(port))
        done = local.cli("apply", "-f", "-", "--strict", input=text)
        assert done.returncode == 0, done.stderr
    await local.deployed()
    notification = EXAMPLES / "s3-processing" / "notification.json"
    assert (await delivery.send(delivery.s3_notification(port, notification))).status == 200
    (workflow,) = await local.finished()
    assert workflow["status"]["phase"] == "Succeeded", workflow["status"]
    nodes = workflow["status"]["nodes"].values()
    assert sum(n["type"] == "Pod" and n["templateName"] == "classify" for n in nodes) == 4
    assert "4 objects: 2 image, 1 other, 1 table" in local.cli("logs", "@latest").stdout


async def test_a_wrong_signature_is_refused_and_starts_nothing(
    local: LocalCluster, port: int
) -> None:
    await local.start()
    local.apply(*eventing(port, counting_workflow(local.scratch)))
    await local.deployed()
    push_body = EXAMPLES / "github-ci" / "push.json"
    forged = delivery.github_push(port, push_body, "not the secret")
    assert 400 <= (await delivery.send(forged)).status < 500
    assert await push(port, {"ref": "refs/heads/main"}, "delivery-2") == 200
    assert len(await local.finished()) == 1


async def test_a_killed_nats_server_loses_nothing_that_was_accepted(
    local: LocalCluster, port: int
) -> None:
    await local.start()
    local.apply(*eventing(port, counting_workflow(local.scratch)))
    await local.deployed()
    accepted: list[str] = []

    async def deliver(number: int) -> None:
        if number == 3:
            os.kill(int((local.folder / "nats" / "pid").read_text()), signal.SIGKILL)
        name = f"delivery-{number}"
        status = await push(port, {"ref": f"refs/heads/b{number}"}, name)
        assert status in {0, 200, 503}
        if status == 200:
            accepted.append(f"refs/heads/b{number}")

    for number in range(8):
        await deliver(number)
        await asyncio.sleep(0.05)  # so that some come before, during and after the restart
    found = await local.finished(len(accepted))
    await local.books()
    branches = sorted(w["spec"]["arguments"]["parameters"][0]["value"] for w in found)
    assert branches == sorted(set(branches))
    assert set(accepted) <= set(branches)


async def test_running_processes_survive_a_restart_and_are_adopted(
    local: LocalCluster, port: int, tmp_path: Path
) -> None:
    await local.start()
    script = f"echo run >> {local.scratch}/long; sleep 3; echo done >> {local.scratch}/long"
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "long"},
        "spec": {
            "entrypoint": "main",
            "templates": [
                {
                    "name": "main",
                    "container": {"image": "alpine", "command": ["sh", "-c"], "args": [script]},
                }
            ],
        },
    }
    local.apply(workflow)
    async with asyncio.timeout(20):
        while not (local.scratch / "long").exists():
            await asyncio.sleep(0.02)
    assert local.process is not None
    local.process.kill()
    await local.died()
    await local.start()
    (found,) = await local.finished()
    assert found["status"]["phase"] == "Succeeded", found["status"]
    assert (local.scratch / "long").read_text() == "run\ndone\n"
