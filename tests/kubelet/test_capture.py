"""Inputs and outputs of workflow pods."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from aiohttp import web

from headrace.local.kubelet.capture import CAPTURE, OUTPUTS
from kube.cluster import Object
from tests.kubelet.cluster import Machine, pod


def _plan(**plan: Any) -> dict[str, str]:
    return {CAPTURE: json.dumps(plan)}


def _outputs(found: Object) -> dict[str, Any]:
    return dict(json.loads(found["metadata"]["annotations"][OUTPUTS]))


def _artifacts(machine: Machine) -> Path:
    folder = machine.folder / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


async def test_stdout_and_files_come_with_the_final_phase(machine: Machine) -> None:
    plan = _plan(
        stdout=True,
        parameters=[
            {"name": "tmp", "path": "/tmp/out.txt"},
            {"name": "root", "path": "/out/deep.txt"},
            {"name": "none", "path": "/tmp/none"},
        ],
    )
    script = "echo one; echo two; echo err >&2; echo t > /tmp/out.txt; "
    script += "mkdir /out; printf r > /out/deep.txt"
    await machine.create(pod("out", script, annotations=plan))
    first = await machine.until("out", lambda p: p["status"]["phase"] == "Succeeded")
    assert _outputs(first) == {
        "result": "one\ntwo",
        "exitCode": "0",
        "parameters": {"tmp": "t", "root": "r"},
        "missing": ["none"],
    }


async def test_a_failed_main_still_has_outputs(machine: Machine) -> None:
    plan = _plan(stdout=True, parameters=[{"name": "p", "path": "/p"}])
    await machine.create(pod("bad", "echo x; echo y > /p; exit 9", annotations=plan))
    found = await machine.ended("bad")
    assert found["status"]["phase"] == "Failed"
    assert _outputs(found) == {"result": "x", "exitCode": "9", "parameters": {"p": "y"}}


async def test_large_values(machine: Machine) -> None:
    plan = _plan(stdout=True, parameters=[{"name": "p", "path": "/p"}])
    script = "head -c 300000 /dev/zero | tr '\\0' a; echo b; head -c 300000 /dev/zero > /p"
    await machine.create(pod("large", script, annotations=plan))
    outputs = _outputs(await machine.ended("large"))
    assert 255 * 1024 < len(outputs["result"]) < 256 * 1024  # what fits beside the others
    assert outputs["result"].endswith("ab")
    assert 'output parameter "p": the file holds more than 262144 bytes' in outputs["error"]


async def test_a_parameter_is_never_read_from_outside_the_container(machine: Machine) -> None:
    secret = machine.folder / "secret"
    secret.write_text("no")
    plan = _plan(parameters=[{"name": "p", "path": "/p"}, {"name": "q", "path": "/q"}])
    script = f"ln -s {secret} /p; ln -s ../../../../../..{secret} /q"
    await machine.create(pod("link", script, annotations=plan))
    assert _outputs(await machine.ended("link"))["missing"] == ["p", "q"]


async def test_artifacts_go_to_local_folders_and_come_back(machine: Machine) -> None:
    store = _artifacts(machine)
    outs = [
        {"name": "file", "path": "/tmp/f.txt", "archive": "none", "url": (store / "f").as_uri()},
        {"name": "folder", "path": "/tmp/d", "url": (store / "d.tgz").as_uri()},
        {"name": "zip", "path": "/tmp/d", "archive": "zip", "url": (store / "d.zip").as_uri()},
        {"name": "tree", "path": "/tmp/d", "archive": "none", "url": (store / "tree").as_uri()},
        {"name": "maybe", "path": "/no", "optional": True, "url": (store / "no").as_uri()},
    ]
    script = "echo f > /tmp/f.txt; mkdir -p /tmp/d/e; echo 1 > /tmp/d/a; echo 2 > /tmp/d/e/b"
    await machine.create(pod("make", script, annotations=_plan(artifacts=outs)))
    outputs = _outputs(await machine.ended("make"))
    assert set(outputs["artifacts"]) == {"file", "folder", "zip", "tree"}
    assert outputs["artifacts"]["file"] == {"size": 2}
    assert outputs["missing"] == ["maybe"]
    assert "error" not in outputs
    with tarfile.open(store / "d.tgz") as tar:
        assert "d/e/b" in tar.getnames()
    with zipfile.ZipFile(store / "d.zip") as packed:
        assert "d/e/b" in packed.namelist()
    ins = [
        {"name": "file", "path": "/in/f", "archive": "none", "url": (store / "f").as_uri()},
        {"name": "folder", "path": "/in/d", "archive": "tgz", "url": (store / "d.tgz").as_uri()},
        {"name": "zip", "path": "/tmp/z", "archive": "zip", "url": (store / "d.zip").as_uri()},
        {"name": "plain", "path": "/v/sub/f", "archive": "tgz", "url": (store / "f").as_uri()},
        {"name": "script", "path": "/argo/staging/script", "raw": "echo script", "mode": 0o755},
        {"name": "no", "path": "/in/no", "optional": True, "url": (store / "no").as_uri()},
    ]
    script = "cat /in/f /in/d/e/b /tmp/z/a /v/sub/f; sh /argo/staging/script; test ! -e /in/no"
    volumes = {"volumes": [{"name": "v", "emptyDir": {}}]}
    main = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    body = pod("use", script, annotations=_plan(inputs=ins), main=main, **volumes)
    await machine.create(body)
    found = await machine.ended("use")
    assert await machine.logs("use") == "f\n2\n1\nf\nscript\n"
    assert found["status"]["phase"] == "Succeeded"


async def test_file_urls_reach_only_the_artifact_folder(machine: Machine, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("no")
    plan = _plan(inputs=[{"name": "x", "path": "/x", "url": outside.as_uri()}])
    await machine.create(pod("in", "cat /x", annotations=plan))
    found = await machine.ended("in")
    assert found["status"]["phase"] == "Failed"
    assert found["status"]["message"] == (
        'input artifact "x": it is not in the local artifact folder'
    )
    plan = _plan(artifacts=[{"name": "x", "path": "/etc/passwd", "url": outside.as_uri()}])
    await machine.create(pod("out", "true", annotations=plan))
    outputs = _outputs(await machine.ended("out"))
    assert 'output artifact "x": it is not in the local artifact folder' in outputs["error"]
    assert outside.read_text() == "no"


async def test_artifacts_over_http(machine: Machine) -> None:
    stored: dict[str, bytes] = {}

    async def put(request: web.Request) -> web.Response:
        stored[request.path] = await request.read()
        return web.Response()

    async def get(request: web.Request) -> web.Response:
        if request.path not in stored:
            return web.Response(status=404)
        return web.Response(body=stored[request.path])

    app = web.Application()
    app.add_routes([web.put("/{key:.*}", put), web.get("/{key:.*}", get)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    try:
        plan = _plan(artifacts=[{"name": "a", "path": "/a", "url": f"{base}/key?sig=x"}])
        await machine.create(pod("put", "echo content > /a", annotations=plan))
        assert _outputs(await machine.ended("put"))["artifacts"]["a"]["size"] == len(stored["/key"])
        plan = _plan(inputs=[{"name": "a", "path": "/b", "url": f"{base}/key?sig=x"}])
        await machine.create(pod("get", "cat /b", annotations=plan))
        await machine.ended("get")
        assert await machine.logs("get") == "content\n"
        plan = _plan(inputs=[{"name": "a", "path": "/b", "url": f"{base}/none?sig=secret"}])
        await machine.create(pod("none", "cat /b", annotations=plan))
        message = (await machine.ended("none"))["status"]["message"]
        assert message == 'input artifact "a": it does not exist (HTTP 404)'
    finally:
        await runner.cleanup()


async def test_a_broken_annotation_is_said(machine: Machine) -> None:
    await machine.create(pod("odd", "true", annotations={CAPTURE: '{"parameters": [{}]}'}))
    assert CAPTURE in _outputs(await machine.ended("odd"))["error"]
