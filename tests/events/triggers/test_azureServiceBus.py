"""`azureServiceBus` against a server that checks the request and its signature."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.azure import sas as azure_sas
from events.triggers import registry
from events.triggers.contract import TriggerFailed
from tests.events.triggers.authority import CERTIFICATE, TRUST, demanding, held
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole
from tests.events.triggers.recorder import Recorder, recording
from tests.events.triggers.sas import signed_rightly


def secrets(server: Recorder, more: str = "") -> dict[str, dict[str, str]]:
    text = (
        f"Endpoint=sb://127.0.0.1:{server.port}/;SharedAccessKeyName=Root Key;"
        f"SharedAccessKey=hu+sh/=;UseDevelopmentEmulator=true{more}\n"
    )
    return {"azure": {"connection": text}}


def spec(**more: Any) -> dict[str, Any]:
    return {"connectionString": selector("azure", "connection"), "payload": [whole()], **more}


@pytest.mark.parametrize("field", ["queueName", "topicName"])
async def test_a_message_is_sent_under_the_firing_key(field: str) -> None:
    async with recording(lambda got: web.Response(status=201)) as server:
        given = spec(**{field: "x"}, parameters=[taken("body.topic", field)])
        assert await fire("azureServiceBus", given, secrets(server)) == "Service Bus orders.new"
    [got] = server.got
    assert (got.method, got.path) == ("POST", "/orders.new/messages?timeout=60")
    place = f"{server.url}/orders.new"
    assert signed_rightly(got.headers["authorization"], place, "Root Key", "hu+sh/=")
    assert json.loads(got.headers["brokerproperties"]) == {"MessageId": KEY}
    assert json.loads(got.headers["traceparent"]) == TRACE
    assert json.loads(got.body)["name"] == "shop"


async def test_the_entity_may_stand_in_the_connection_string() -> None:
    async with recording() as server:
        found = await fire("azureServiceBus", spec(), secrets(server, ";EntityPath=orders"))
    assert found == "Service Bus orders"


async def test_tls_with_a_client_certificate() -> None:
    authority = trustme.CA()
    async with recording(ssl_context=demanding(authority)) as server:
        text = f"Endpoint=sb://localhost:{server.port}/;SharedAccessKeyName=n;SharedAccessKey=k"
        values = {"azure": {"connection": text}, **held(authority)}
        given = spec(queueName="q")
        assert await fire("azureServiceBus", given | {"tls": TRUST | CERTIFICATE}, values)
        for tls in (TRUST, CERTIFICATE, None):
            with pytest.raises(TriggerFailed, match="azureServiceBus: "):
                await fire("azureServiceBus", given | {"tls": tls}, values)
    assert len(server.got) == 1


@pytest.mark.parametrize(
    ("status", "permanent"), [(401, False), (404, True), (400, True), (429, False), (503, False)]
)
async def test_refusals(status: int, permanent: bool) -> None:
    async with recording(lambda got: web.Response(status=status, text="why")) as server:
        with pytest.raises(TriggerFailed, match=f"azureServiceBus: answered {status}") as caught:
            await fire("azureServiceBus", spec(queueName="q"), secrets(server))
    assert caught.value.permanent is permanent
    assert "hu+sh" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "../q", "a//b", "a?b=c", "q/../r"])
async def test_a_name_that_is_none(name: str) -> None:
    async with recording() as server:
        with pytest.raises(TriggerFailed, match=r"azureServiceBus\.queueName") as caught:
            await fire("azureServiceBus", spec(queueName=name), secrets(server))
    assert caught.value.permanent
    assert server.got == []


@pytest.mark.parametrize("text", ["", "Endpoint=sb://h", "SharedAccessKeyName=a;SharedAccessKey=b"])
def test_a_connection_string_that_is_none(text: str) -> None:
    with pytest.raises(azure_sas.BadConnection, match="must have"):
        azure_sas.parse(text)


def test_a_connection_string_is_taken_apart() -> None:
    found = azure_sas.parse(
        "Endpoint=sb://Shop.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=a=b=="
    )
    assert found.base == "https://Shop.servicebus.windows.net"
    assert (found.policy, found.key, found.entity) == ("n", "a=b==", "")
    assert "a=b" not in repr(found)


@pytest.mark.parametrize("host", ["", "a/b", "a@b", "-a", "a b"])
def test_a_host_that_is_none(host: str) -> None:
    with pytest.raises(azure_sas.BadConnection, match="no host name"):
        azure_sas.base_url(host)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"connectionString": None}, "connectionString:"),
        ({"payload": []}, "payload:"),
        ({"queueName": "a", "topicName": "b"}, "queueName: only one"),
    ],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    assert (registry.TRIGGERS["azureServiceBus"].check(spec(**wrong)) or "").startswith(where)
