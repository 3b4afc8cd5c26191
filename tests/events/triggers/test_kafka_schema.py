"""The registry of a kafka trigger: asked once, with its login; what does not fit is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web

from events.triggers import kafka_schema, registry
from events.triggers.contract import TriggerFailed
from tests.events.triggers import firing
from tests.events.triggers.recorder import Got, recording

SCHEMA = {"type": "record", "name": "Order", "fields": [{"name": "n", "type": "int"}]}
SECRETS = {"reg": {"user": "u", "password": "hush"}}
AUTH = {
    "username": {"name": "reg", "key": "user"},
    "password": {"name": "reg", "key": "password"},
}


def known(got: Got) -> web.Response:
    if got.path != "/schemas/ids/7":
        return web.Response(status=404)
    return web.json_response({"schema": json.dumps(SCHEMA)})


async def test_a_message_is_a_zero_the_id_and_avro() -> None:
    async with recording(known) as server:
        config = {"url": f"{server.url}/", "schemaId": 7, "auth": AUTH}
        context = firing.context(SECRETS)
        first = await kafka_schema.encoded(context, config, b'{"n":64}')
        assert await kafka_schema.encoded(context, config, b'{"n":64}') == first
    assert first == b"\x00\x00\x00\x00\x07\x80\x01"
    [got] = server.got  # a schema never changes
    assert got.headers["authorization"] == "Basic dTpodXNo"


@pytest.mark.parametrize(
    ("number", "body", "words"),
    [
        (7, b'{"n":"x"}', "kafka.payload: value.n: is no int"),
        (7, b"{", "kafka.payload: is no JSON"),
        (8, b"{}", "kafka.schemaRegistry: answered 404"),
    ],
)
async def test_what_does_not_fit_can_never_work(number: int, body: bytes, words: str) -> None:
    async with recording(known) as server:
        config = {"url": server.url, "schemaId": number}
        with pytest.raises(TriggerFailed, match=words) as caught:
            await kafka_schema.encoded(firing.context(), config, body)
    assert caught.value.permanent


async def test_a_registry_that_is_away_is_tried_again() -> None:
    config = {"url": "http://127.0.0.1:1", "schemaId": 7}
    with pytest.raises(TriggerFailed) as caught:
        await kafka_schema.encoded(firing.context(), config, b"{}")
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"url": "ftp://x", "schemaId": 7}, "schemaRegistry.url: must be an http or https URL"),
        ({"url": "http://x"}, "schemaRegistry.schemaId: is required"),
    ],
)
def test_what_is_missing_is_named(config: dict[str, Any], words: str) -> None:
    spec = {"url": "k:9092", "topic": "t", "payload": [firing.whole()], "schemaRegistry": config}
    assert registry.TRIGGERS["kafka"].check(spec) == words
