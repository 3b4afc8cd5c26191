"""The order of the containers of a set."""

from __future__ import annotations

import json
from typing import Any

from tests.kubelet.cluster import Machine


def container_set(needs: dict[str, list[str]], **scripts: str) -> dict[str, Any]:
    annotations = {
        "workflows.argoproj.io/node-id": "n",
        "headrace.dev/main-containers": ",".join(scripts),
        "headrace.dev/container-dependencies": json.dumps(needs),
    }
    containers = [
        {
            "name": name,
            "image": "busybox",
            "command": ["sh", "-c", script],
            "volumeMounts": [{"name": "work", "mountPath": "/work"}],
        }
        for name, script in scripts.items()
    ]
    return {
        "metadata": {"name": "set", "annotations": annotations},
        "spec": {
            "restartPolicy": "Never",
            "containers": containers,
            "volumes": [{"name": "work", "emptyDir": {}}],
        },
    }


def ends(pod: dict[str, Any]) -> dict[str, tuple[int, str]]:
    found = {}
    for status in pod["status"]["containerStatuses"]:
        ended = status["state"]["terminated"]
        found[status["name"]] = (ended["exitCode"], ended.get("message", ""))
    return found


async def test_a_container_waits_for_those_it_needs(machine: Machine) -> None:
    needs = {"last": ["first", "second"], "second": ["first"]}
    scripts = {
        "last": "test -e /work/first && test -e /work/second",
        "second": "test -e /work/first && touch /work/second",
        "first": "sleep 0.2; touch /work/first",
    }
    await machine.create(container_set(needs, **scripts))
    pod = await machine.ended("set")
    assert ends(pod) == dict.fromkeys(scripts, (0, ""))
    assert pod["status"]["phase"] == "Succeeded"


async def test_what_needs_a_failed_container_never_starts(machine: Machine) -> None:
    needs = {"second": ["first"], "last": ["second"]}
    await machine.create(container_set(needs, first="exit 3", second="true", last="true"))
    pod = await machine.ended("set")
    assert ends(pod) == {
        "first": (3, ""),
        "second": (64, "dependency 'first' exited with non-zero code: 3"),
        "last": (64, "dependency 'second' exited with non-zero code: 64"),
    }
    assert pod["status"]["phase"] == "Failed"
