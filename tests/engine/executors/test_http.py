"""HTTP templates against a real server on this machine."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from kube import resources
from kube.egress import EgressSettings
from tests.engine.rig import Rig, node_of, phase_of


class Server:
    """Answers as asked and remembers what it got."""

    def __init__(self) -> None:
        self.port = 0
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.release = asyncio.Event()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((request.method, dict(request.headers), await request.read()))
        if request.path == "/slow":
            await self.release.wait()
        if request.path == "/big":
            return web.Response(body=b"x" * (1024 * 1024 + 1))
        if request.path == "/away":
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
        status = int(request.query.get("status", "200"))
        return web.Response(text='{"ok": true}', status=status, headers={"X-Kind": "test"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    made.release.set()
    await runner.cleanup()


def template(http: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"templates": [{"name": "main", "http": http, **more}]}


async def node(rig: Rig, http: dict[str, Any]) -> dict[str, Any]:
    await rig.up()
    await rig.submit(template(http))
    return node_of(await rig.ended(), "wf")


async def test_the_body_of_a_2xx_is_the_result(rig: Rig, server: Server) -> None:
    found = await node(rig, {"url": server.url(), "method": "POST", "body": "hello"})
    assert (found["type"], found["phase"]) == ("HTTP", "Succeeded")
    assert found["outputs"]["result"] == '{"ok": true}'
    [(method, headers, body)] = server.got
    assert (method, body) == ("POST", b"hello")
    assert headers["Idempotency-Key"].endswith("/wf")


async def test_another_status_fails_the_node_and_keeps_the_body(rig: Rig, server: Server) -> None:
    found = await node(rig, {"url": server.url("/?status=418")})
    assert (found["phase"], found["message"]) == ("Failed", "received non-2xx response code: 418")
    assert found["outputs"]["result"] == '{"ok": true}'


@pytest.mark.parametrize(
    ("condition", "phase", "message"),
    [
        ("response.statusCode == 418", "Succeeded", None),
        ('response.headers["X-Kind"][0] == "test"', "Succeeded", None),
        ('response.body contains "ok" && request.method == "GET"', "Succeeded", None),
        (
            "response.statusCode == 200",
            "Failed",
            "successCondition 'response.statusCode == 200' evaluated false",
        ),
    ],
)
async def test_a_success_condition_decides_alone(
    rig: Rig, server: Server, condition: str, phase: str, message: str | None
) -> None:
    found = await node(rig, {"url": server.url("/?status=418"), "successCondition": condition})
    assert (found["phase"], found.get("message")) == (phase, message)


async def test_headers_and_bodies_may_come_from_elsewhere(rig: Rig, server: Server) -> None:
    data = {"token": base64.b64encode(b"open sesame\n").decode()}
    await rig.cluster.create(
        resources.SECRETS, "default", {"metadata": {"name": "s"}, "data": data}
    )
    headers = [
        {"name": "X-Plain", "value": "1"},
        {"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
    ]
    body = {"bytes": base64.b64encode(b"\x00\xff").decode()}
    http = {"url": server.url(), "method": "PUT", "headers": headers, "bodyFrom": body}
    assert (await node(rig, http))["phase"] == "Succeeded"
    [(_, got, sent)] = server.got
    assert (got["X-Plain"], got["X-Token"], sent) == ("1", "open sesame", b"\x00\xff")


async def test_a_missing_secret_fails_the_node_by_name(rig: Rig, server: Server) -> None:
    header = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}
    found = await node(rig, {"url": server.url(), "headers": [header]})
    assert (found["phase"], found["message"]) == ("Failed", 'secrets "none" not found')
    assert server.got == []


async def test_a_server_that_does_not_answer_in_time_fails_the_node(
    rig: Rig, server: Server
) -> None:
    found = await node(rig, {"url": server.url("/slow"), "timeoutSeconds": 1})
    assert found["phase"] == "Failed"
    assert found["message"].endswith("no answer in 1 seconds")


async def test_an_answer_without_end_is_cut_off(rig: Rig, server: Server) -> None:
    found = await node(rig, {"url": server.url("/big")})
    assert found["phase"] == "Failed"
    assert "larger than" in found["message"]


async def test_metadata_addresses_are_refused_after_a_redirect_too(
    rig: Rig, server: Server
) -> None:
    found = await node(rig, {"url": server.url("/away")})
    assert found["phase"] == "Failed"
    assert "link-local" in found["message"]


async def test_the_engines_own_ports_are_refused(rig: Rig, server: Server) -> None:
    await rig.up(egress=EgressSettings(own_ports=lambda: frozenset({server.port})))
    await rig.submit(template({"url": f"http://localhost:{server.port}/"}))
    found = node_of(await rig.ended(), "wf")
    assert "belongs to headrace" in found["message"]
    assert server.got == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "x"])
async def test_other_schemes_are_refused(rig: Rig, url: str) -> None:
    assert "must begin with http" in (await node(rig, {"url": url}))["message"]


async def test_a_request_that_was_under_way_is_sent_again_with_the_same_key(
    rig: Rig, server: Server
) -> None:
    await rig.up()
    await rig.submit(template({"url": server.url("/slow")}))
    await rig.until(
        resources.WORKFLOWS,
        "wf",
        lambda w: any(
            n["phase"] == "Running" for n in (w.get("status") or {}).get("nodes", {}).values()
        ),
    )
    await rig.down()
    server.release.set()
    await rig.up()
    assert phase_of(await rig.ended()) == "Succeeded"
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.got}) == 1


async def test_terminating_the_workflow_ends_the_request(rig: Rig, server: Server) -> None:
    await rig.up()
    await rig.submit(template({"url": server.url("/slow")}))
    await rig.until(resources.WORKFLOWS, "wf", lambda w: phase_of(w) == "Running")
    body = {"spec": {"shutdown": "Terminate"}}
    await rig.cluster.patch(resources.WORKFLOWS, "default", "wf", body)
    assert phase_of(await rig.ended()) == "Failed"
