"""Volumes, private files, working folder, termination message."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from headrace.local.kubelet import privateroot
from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.view import View
from kube import resources
from tests.kubelet import cluster
from tests.kubelet.cluster import Machine, pod, terminated


async def test_tmp_and_root_are_private(machine: Machine, tmp_path: Path) -> None:
    script = "ls -A /tmp; echo x > /tmp/mine; echo y > /result.txt; cat /result.txt"
    for name in ("a", "b"):
        await machine.create(pod(name, script))
        await machine.ended(name)
        assert await machine.logs(name) == "y\n"
    assert not Path("/result.txt").exists()
    assert not Path("/tmp/mine").exists()


async def test_volumes_are_at_their_paths(machine: Machine) -> None:
    await machine.cluster.create(
        resources.CONFIGMAPS, "default", {"metadata": {"name": "cfg"}, "data": {"a": "1", "b": "2"}}
    )
    secret = {"data": {"k": base64.b64encode(b"s").decode()}, "metadata": {"name": "sec"}}
    await machine.cluster.create(resources.SECRETS, "default", secret)
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    await machine.cluster.create(resources.PVCS, "default", claim)
    volumes = [
        {"name": "empty", "emptyDir": {}},
        {"name": "cfg", "configMap": {"name": "cfg", "items": [{"key": "a", "path": "sub/a.txt"}]}},
        {"name": "sec", "secret": {"secretName": "sec", "defaultMode": 0o400}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
        {
            "name": "all",
            "projected": {
                "sources": [
                    {"configMap": {"name": "cfg"}},
                    {"secret": {"name": "sec"}},
                    {
                        "downwardAPI": {
                            "items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]
                        }
                    },
                ]
            },
        },
    ]
    mounts = [
        {"name": "empty", "mountPath": "/work-dir/deep/empty"},
        {"name": "cfg", "mountPath": "/etc/config", "readOnly": True},
        {"name": "sec", "mountPath": "/var/run/secrets/app"},
        {"name": "claim", "mountPath": "/data"},
        {"name": "claim", "mountPath": "/part", "subPath": "x/y"},
        {"name": "all", "mountPath": "/all"},
        {"name": "all", "mountPath": "/one.txt", "subPath": "a"},
    ]
    script = (
        "echo hi > /work-dir/deep/empty/f; cat /work-dir/deep/empty/f /etc/config/sub/a.txt; echo;"
        "cat /var/run/secrets/app/k; stat -c %a /var/run/secrets/app/k;"
        "echo kept > /part/file; cat /data/x/y/file; ls /all | tr '\\n' ' '; cat /all/name; echo;"
        "cat /one.txt; echo; touch /etc/config/no 2>/dev/null || echo read-only"
    )
    spec = {"volumes": volumes, "main": {"volumeMounts": mounts}}
    await machine.create(pod("vols", script, **spec))
    found = await machine.ended("vols")
    assert await machine.logs("vols") == "hi\n1\ns400\nkept\na b k name vols\n1\nread-only\n"
    assert found["status"]["phase"] == "Succeeded"
    assert not Path("/etc/config").exists()
    await machine.create(
        pod("again", "cat /data/x/y/file", volumes=[volumes[3]], main={"volumeMounts": [mounts[3]]})
    )
    await machine.ended("again")
    assert await machine.logs("again") == "kept\n"


async def test_host_path_needs_leave(tmp_path: Path) -> None:
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    for folder in (allowed, secret):
        folder.mkdir()
        (folder / "file").write_text("x")
    (allowed / "link").symlink_to(secret)
    policy = {"host_paths": (str(allowed),)}
    async with cluster.machine(tmp_path / "m", policy=policy) as machine:
        mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
        for name, path in (("good", allowed), ("bad", secret), ("linked", allowed / "link")):
            volumes = [{"name": "v", "hostPath": {"path": str(path)}}]
            await machine.create(pod(name, "cat /v/file", volumes=volumes, main=mounts))
        await machine.ended("good")
        assert await machine.logs("good") == "x"
        for name in ("bad", "linked"):
            event = await machine.event(name, "FailedMount")
            assert "is not allowed" in event["message"]


async def test_a_sub_path_cannot_leave_its_volume(machine: Machine) -> None:
    volumes = [{"name": "v", "emptyDir": {}}]
    first = {
        "name": "first",
        "image": "alpine",
        "command": ["sh", "-c", "ln -s /etc /v/out"],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    main = {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "out"}]}
    await machine.create(pod("out", "ls /x", volumes=volumes, initContainers=[first], main=main))
    event = await machine.event("out", "Failed")
    assert "leads out of the volume" in event["message"]


@pytest.mark.parametrize("policy", ["File", "FallbackToLogsOnError"])
async def test_termination_message(machine: Machine, policy: str) -> None:
    main = {"terminationMessagePolicy": policy}
    await machine.create(pod("file", "echo why > /dev/termination-log; exit 1", main=main))
    assert terminated(await machine.ended("file"))["message"] == "why\n"
    await machine.create(pod("log", "echo from the log; exit 1", main=main))
    ended = terminated(await machine.ended("log"))
    assert ended.get("message") == (None if policy == "File" else "from the log\n")
    big = "head -c 9000 /dev/zero | tr '\\0' x > /dev/termination-log"
    await machine.create(pod("big", big, main=main))
    assert terminated(await machine.ended("big"))["message"] == "x" * 4096


async def test_working_folder_and_missing_commands(machine: Machine) -> None:
    await machine.create(pod("cwd", "pwd", main={"workingDir": "/usr"}))
    await machine.ended("cwd")
    assert await machine.logs("cwd") == "/usr\n"
    for name, main, words in (
        ("no-cwd", {"workingDir": "/nowhere/at/all"}, "no such file or directory"),
        ("no-cmd", {"command": ["surely-not-there"]}, "executable file not found in $PATH"),
        ("no-image", {"command": None, "image": "example.org/app:1"}, "entrypoint"),
    ):
        await machine.create(pod(name, main=main))
        ended = terminated(await machine.ended(name))
        assert ended["reason"] == "StartError"
        assert ended["exitCode"] == 128
        assert words in ended["message"]


async def test_an_event_says_that_host_tools_stand_in(machine: Machine) -> None:
    await machine.create(pod("tools", "true"))
    event = await machine.event("tools", "HostTools")
    assert "alpine:3" in event["message"]


def test_a_view_follows_links_in_the_containers_terms(tmp_path: Path) -> None:
    root, volume, outside = tmp_path / "root", tmp_path / "volume", tmp_path / "outside"
    for folder in (root / "tmp", volume, outside):
        folder.mkdir(parents=True)
    (outside / "secret").write_text("no")
    (volume / "real").write_text("yes")
    (volume / "inner").symlink_to("real")
    (volume / "absolute").symlink_to("/v/real")
    (volume / "escape").symlink_to("../../../../.." + str(outside / "secret"))
    (volume / "loop").symlink_to("loop")
    (root / "tmp" / "link").symlink_to("/v")
    made = privateroot.plan(str(root), [Bind(str(volume), "/v", False)])
    view = View(made.binds, made.root, made.private)
    assert view.locate("/v/inner") == volume / "real"
    assert view.locate("/v/absolute") == volume / "real"
    assert view.locate("/tmp/link/real") == volume / "real"
    assert view.locate("/v/escape") is None  # /tmp/... of the container is its own
    assert view.locate("/v/loop") is None
    assert view.locate("/v/../../../v/real") == volume / "real"
    assert view.locate("/nothing") is None
