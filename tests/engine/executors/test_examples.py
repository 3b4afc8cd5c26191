"""The manifests of examples/templates run as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from kube import resources
from tests.engine.rig import Rig, phase_of

FOLDER = Path(__file__).parents[3] / "examples" / "templates"


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """A server that is an API and a plugin at once."""

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("template.execute"):
            body = await request.json()
            to = body["template"]["plugin"]["hello"]["to"]
            return web.json_response({"node": {"phase": "Succeeded", "message": f"Hello {to}!"}})
        return web.json_response({"got": await request.text()})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def run(rig: Rig, workflow: dict[str, Any]) -> dict[str, Any]:
    await rig.up()
    made = await rig.cluster.create(resources.WORKFLOWS, "default", workflow)
    done = await rig.ended(made["metadata"]["name"])
    assert phase_of(done) == "Succeeded", done["status"].get("message")
    return done


@pytest.mark.parametrize("name", ["resource.yaml", "container-set.yaml"])
async def test_an_example_runs_as_it_is(rig: Rig, name: str) -> None:
    [workflow] = manifests(name)
    await run(rig, workflow)


async def test_the_data_example_goes_through_the_files(rig: Rig) -> None:
    inbox = rig.folder / "artifacts" / "artifacts" / "inbox"
    inbox.mkdir(parents=True)
    for name in ("a.pdf", "b.txt", "c.pdf"):
        (inbox / name).write_text("x")
    [workflow] = manifests("data.yaml")
    done = await run(rig, workflow)
    names = {n["displayName"] for n in done["status"]["nodes"].values()}
    assert {"each(0:inbox/a.pdf)", "each(1:inbox/c.pdf)"} <= names


async def test_the_http_example_asks_the_url_it_is_given(rig: Rig, echo: int) -> None:
    [workflow] = manifests("http.yaml")
    workflow["spec"]["arguments"]["parameters"][0]["value"] = f"http://127.0.0.1:{echo}/"
    await run(rig, workflow)


async def test_the_plugin_example_finds_its_plugin(rig: Rig, echo: int) -> None:
    config_map, workflow = manifests("plugin.yaml")
    config_map["metadata"]["annotations"]["headrace.dev/address"] = f"http://127.0.0.1:{echo}"
    await rig.cluster.create(resources.CONFIGMAPS, "default", config_map)
    done = await run(rig, workflow)
    [node] = done["status"]["nodes"].values()
    assert node["message"] == "Hello everybody!"
