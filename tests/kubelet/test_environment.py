"""Environment, expansion, and what a missing reference does."""

from __future__ import annotations

import base64

import pytest

from headrace.local.kubelet import expansion
from kube import resources
from tests.kubelet.cluster import Machine, container, pod


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y$(A)"),  # a value is not scanned again
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$", "$$"),
        ("$(MISSING)", "$(MISSING)"),
        ("$(A", "$(A"),
        ("$", "$"),
        ("$x", "$x"),
        ("a$(A)$", "a1$"),
        ("$()", "$()"),
        ("$($(A))", "$($(A))"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expansion.expand(text, {"A": "1", "B": "$(A)"}) == expected


async def _objects(machine: Machine) -> None:
    data = {"token": base64.b64encode(b"s3cret").decode()}
    await machine.cluster.create(
        resources.SECRETS, "default", {"metadata": {"name": "sec"}, "data": data}
    )
    await machine.cluster.create(
        resources.CONFIGMAPS,
        "default",
        {"metadata": {"name": "cfg"}, "data": {"color": "blue", "not-a-name": "kept"}},
    )


async def test_env_comes_from_everywhere(machine: Machine) -> None:
    await _objects(machine)
    env = [
        {"name": "PLAIN", "value": "p"},
        {"name": "JOINED", "value": "$(PLAIN)-$(CM_color)-$(LATER)"},
        {"name": "LATER", "value": "x"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "token"}}},
        {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "color"}}},
        {
            "name": "NONE",
            "valueFrom": {"secretKeyRef": {"name": "no", "key": "x", "optional": True}},
        },
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['team']"}}},
        {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
        {
            "name": "CPU",
            "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}},
        },
    ]
    main = {
        "env": env,
        "envFrom": [{"prefix": "CM_", "configMapRef": {"name": "cfg"}}],
        "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "250m"}},
        "command": ["sh", "-c"],
        "args": [
            "echo $PLAIN $JOINED $TOKEN $COLOR ${NONE-unset} $POD $TEAM $MEM $CPU; echo $(POD)"
        ],
    }
    body = pod("env", main=main)
    body["metadata"]["labels"] = {"team": "a"}
    await machine.create(body)
    await machine.ended("env")
    text = await machine.logs("env")
    assert text == "p p-blue-$(LATER) s3cret blue unset env a 67108864 250\nenv\n"


async def test_a_missing_secret_waits_and_then_runs(machine: Machine) -> None:
    ref = {"secretKeyRef": {"name": "sec", "key": "token"}}
    await machine.create(pod("wait", "echo $T", main={"env": [{"name": "T", "valueFrom": ref}]}))
    found = await machine.until(
        "wait",
        lambda p: (
            p["status"].get("containerStatuses")
            and container(p)["state"].get("waiting", {}).get("reason")
            == "CreateContainerConfigError"
        ),
    )
    assert found["status"]["phase"] == "Pending"
    assert container(found)["state"]["waiting"]["message"] == 'secret "sec" not found'
    await _objects(machine)
    assert (await machine.ended("wait"))["status"]["phase"] == "Succeeded"
    assert await machine.logs("wait") == "s3cret\n"


async def test_a_missing_key_names_the_object(machine: Machine) -> None:
    await _objects(machine)
    ref = {"configMapKeyRef": {"name": "cfg", "key": "size"}}
    await machine.create(pod("key", "true", main={"env": [{"name": "T", "valueFrom": ref}]}))
    found = await machine.until(
        "key",
        lambda p: (
            p["status"].get("containerStatuses") and container(p)["state"]["waiting"].get("message")
        ),
    )
    message = container(found)["state"]["waiting"]["message"]
    assert message == "couldn't find key size in ConfigMap default/cfg"
