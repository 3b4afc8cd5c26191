"""Plugin templates: the executor plugin protocol against a real plugin on this machine."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from kube import resources
from tests.engine.rig import Rig, node_of

Reply = Callable[[int, dict[str, Any]], tuple[int, Any]]


class Plugin:
    """`reply(number of the call, body)` gives status and answer."""

    def __init__(self) -> None:
        self.port = 0
        self.reply: Reply = lambda _n, _b: (200, {})
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append((request.path, request.headers.get("Authorization", ""), body))
        status, answer = self.reply(len(self.calls), body)
        return web.json_response(answer, status=status)


@pytest.fixture
async def plugin() -> AsyncIterator[Plugin]:
    made = Plugin()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def install(rig: Rig, plugin: Plugin, **annotations: str) -> None:
    address = {"headrace.dev/address": f"http://127.0.0.1:{plugin.port}"}
    body = {
        "metadata": {
            "name": "hello-executor-plugin",
            "labels": {"workflows.argoproj.io/configmap-type": "ExecutorPlugin"},
            "annotations": address | annotations,
        },
        "data": {"sidecar.container": f"ports: [{{containerPort: {plugin.port}}}]"},
    }
    await rig.cluster.create(resources.CONFIGMAPS, "default", body)


SPEC: dict[str, Any] = {
    "templates": [
        {
            "name": "main",
            "plugin": {"hello": {"to": "you"}},
            "outputs": {"parameters": [{"name": "said", "valueFrom": {"supplied": {}}}]},
        }
    ]
}


async def node(rig: Rig, **settings: Any) -> dict[str, Any]:
    await rig.up(**settings)
    await rig.submit(SPEC)
    return node_of(await rig.ended(), "wf")


async def test_the_plugin_gets_the_template_and_its_answer_is_the_node(
    rig: Rig, plugin: Plugin
) -> None:
    outputs = {"parameters": [{"name": "said", "value": "hi"}], "result": "r"}
    answer = {"node": {"phase": "Succeeded", "message": "Hello!", "outputs": outputs}}
    plugin.reply = lambda _n, _b: (200, answer)
    data = {"token": base64.b64encode(b"secret").decode()}
    await rig.cluster.create(
        resources.SECRETS, "default", {"metadata": {"name": "t"}, "data": data}
    )
    await install(rig, plugin, **{"headrace.dev/token-secret": "t"})
    found = await node(rig)
    assert (found["type"], found["phase"], found["message"]) == ("Plugin", "Succeeded", "Hello!")
    assert found["outputs"]["result"] == "r"
    assert found["outputs"]["parameters"][0]["value"] == "hi"
    [(path, token, body)] = plugin.calls
    assert (path, token) == ("/api/v1/template.execute", "Bearer secret")
    assert body["template"]["plugin"] == {"hello": {"to": "you"}}
    assert body["workflow"]["metadata"]["name"] == "wf"


async def test_a_plugin_may_ask_to_be_asked_again(rig: Rig, plugin: Plugin) -> None:
    def reply(number: int, _body: Any) -> tuple[int, Any]:
        if number == 1:
            return 503, {}
        if number == 2:
            return 200, {"node": {"phase": "Running", "progress": "1/2"}, "requeue": "10ms"}
        return 200, {"node": {"phase": "Failed", "message": "no"}}

    plugin.reply = reply
    await install(rig, plugin)
    found = await node(rig)
    assert (found["phase"], found["message"], found["progress"]) == ("Failed", "no", "1/2")
    assert len(plugin.calls) == 3


@pytest.mark.parametrize("status", [200, 404])
async def test_a_node_that_no_plugin_wants_is_an_error(
    rig: Rig, plugin: Plugin, status: int
) -> None:
    plugin.reply = lambda _n, _b: (status, {})
    await install(rig, plugin)
    found = await node(rig)
    assert (found["phase"], found["message"]) == ("Error", "no plugin executed the template")


async def test_a_plugin_without_address_is_looked_for_here_only_where_that_is_allowed(
    rig: Rig, plugin: Plugin
) -> None:
    plugin.reply = lambda _n, _b: (200, {"node": {"phase": "Succeeded"}})
    await install(rig, plugin, **{"headrace.dev/address": ""})
    await rig.up()
    await rig.submit(SPEC)
    assert node_of(await rig.ended(), "wf")["phase"] == "Error"
    await rig.down()
    await rig.up(local_plugins=True)
    await rig.submit(SPEC, "again")
    assert node_of(await rig.ended("again"), "again")["phase"] == "Succeeded"
