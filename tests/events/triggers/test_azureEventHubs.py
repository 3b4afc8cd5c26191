"""`azureEventHubs` against a TLS server that checks the request and its signature."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.triggers import registry
from events.triggers.contract import TriggerFailed
from tests.events.triggers.firing import KEY, TRACE, fire, selector, whole
from tests.events.triggers.recorder import recording
from tests.events.triggers.sas import signed_rightly

SECRETS = {"azure": {"name": "sender\n", "key": "hush="}}


def spec(port: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "fqdn": f"localhost:{port}",
        "hubName": "orders",
        "sharedAccessKeyName": selector("azure", "name"),
        "sharedAccessKey": selector("azure", "key"),
        "payload": [whole()],
        **more,
    }


@pytest.fixture
def tls(monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS that clients of this test trust."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", client)
    return server


async def test_an_event_is_sent(tls: ssl.SSLContext) -> None:
    async with recording(lambda got: web.Response(status=201), ssl_context=tls) as server:
        assert await fire("azureEventHubs", spec(server.port), SECRETS) == "Event Hub orders"
    [got] = server.got
    assert got.path == "/orders/messages?timeout=60&api-version=2014-01"
    place = f"https://localhost:{server.port}/orders"
    assert signed_rightly(got.headers["authorization"], place, "sender", "hush=")
    assert json.loads(got.headers["idempotency-key"]) == KEY
    assert json.loads(got.headers["traceparent"]) == TRACE
    assert json.loads(got.body)["name"] == "shop"


@pytest.mark.parametrize(("status", "permanent"), [(401, False), (404, True), (500, False)])
async def test_refusals(tls: ssl.SSLContext, status: int, permanent: bool) -> None:
    async with recording(lambda got: web.Response(status=status), ssl_context=tls) as server:
        with pytest.raises(TriggerFailed, match=str(status)) as caught:
            await fire("azureEventHubs", spec(server.port), SECRETS)
    assert caught.value.permanent is permanent


async def test_a_server_nobody_knows_gets_nothing() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    async with recording(ssl_context=tls) as server:
        with pytest.raises(TriggerFailed, match=r"azureEventHubs: .*certificate"):
            await fire("azureEventHubs", spec(server.port), SECRETS)
    assert server.got == []


@pytest.mark.parametrize("wrong", [{"hubName": "a/b"}, {"fqdn": "a/b"}, {"fqdn": "u@h"}])
async def test_what_can_never_work_is_permanent(wrong: dict[str, Any]) -> None:
    with pytest.raises(TriggerFailed, match="azureEventHubs") as caught:
        await fire("azureEventHubs", spec(**wrong), SECRETS)
    assert caught.value.permanent


@pytest.mark.parametrize(
    "field", ["fqdn", "hubName", "sharedAccessKeyName", "sharedAccessKey", "payload"]
)
def test_what_is_missing_is_named(field: str) -> None:
    missing: Any = {field: None}
    found = registry.TRIGGERS["azureEventHubs"].check(spec(**missing)) or ""
    assert found.startswith(f"{field}:")
