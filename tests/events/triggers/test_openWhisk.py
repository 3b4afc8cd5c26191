"""`openWhisk` against a server that answers as its API does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aiohttp import web

from events.triggers import registry
from events.triggers.contract import TriggerFailed
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole
from tests.events.triggers.recorder import Recorder, recording

SECRETS = {"whisk": {"token": "id:hush\n"}}


def spec(server: Recorder | None = None, **more: Any) -> dict[str, Any]:
    host = server.url if server else "http://127.0.0.1:1"
    return {"host": host, "actionName": "hello", "payload": [whole()], **more}


async def test_an_action_is_invoked() -> None:
    async with recording(lambda got: web.json_response({"ok": True})) as server:
        given = spec(server, authToken=selector("whisk", "token"))
        assert await fire("openWhisk", given, SECRETS) == "OpenWhisk hello (200)"
    [got] = server.got
    assert (got.method, got.path) == (
        "POST",
        "/api/v1/namespaces/_/actions/hello?blocking=true",
    )
    assert base64.b64decode(got.headers["authorization"].removeprefix("Basic ")) == b"id:hush"
    assert got.headers["idempotency-key"] == KEY
    assert got.headers["traceparent"] == TRACE
    assert json.loads(got.body)["name"] == "shop"


async def test_names_are_steps_of_the_path() -> None:
    async with recording() as server:
        given = spec(server, version="v2", namespace="a b", actionName="pack/x?y")
        await fire("openWhisk", given)
        await fire("openWhisk", spec(server, parameters=[taken("body.name", "actionName")]))
    first, second = server.got
    assert first.path == "/api/v2/namespaces/a%20b/actions/pack/x%3Fy?blocking=true"
    assert "authorization" not in first.headers
    assert "/actions/shop?" in second.path


@pytest.mark.parametrize(
    ("status", "permanent"), [(401, False), (404, True), (429, False), (502, False)]
)
async def test_refusals(status: int, permanent: bool) -> None:
    async with recording(lambda got: web.Response(status=status, text="why")) as server:
        with pytest.raises(TriggerFailed, match=f"openWhisk: answered {status}: why") as caught:
            await fire("openWhisk", spec(server))
    assert caught.value.permanent is permanent


async def test_a_policy_decides_what_counts() -> None:
    async with recording(lambda got: web.Response(status=502)) as server:
        await fire("openWhisk", spec(server), policy={"status": {"allow": [502]}})
        with pytest.raises(TriggerFailed, match=r"policy\.status: 502"):
            await fire("openWhisk", spec(server), policy={"status": {"allow": [200]}})


async def test_a_redirect_is_not_followed() -> None:
    def reply(got: Any) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://169.254.169.254/"})

    async with recording(reply) as server:
        with pytest.raises(TriggerFailed, match="answered 307"):
            await fire("openWhisk", spec(server, authToken=selector("whisk", "token")), SECRETS)
    assert len(server.got) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"actionName": "../x"}, {"namespace": ".."}, {"host": "http://h?q"}, {"host": "ftp://h"}],
)
async def test_what_can_never_work_is_permanent(wrong: dict[str, Any]) -> None:
    with pytest.raises(TriggerFailed, match="openWhisk") as caught:
        await fire("openWhisk", spec(**wrong))
    assert caught.value.permanent


@pytest.mark.parametrize("field", ["host", "actionName", "payload"])
def test_what_is_missing_is_named(field: str) -> None:
    found = registry.TRIGGERS["openWhisk"].check(spec(**{field: None})) or ""
    assert found.startswith(f"{field}:")
