"""`stripe`: the endpoint at a server that records; ids; what is wrong. Payloads: the recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.sources import registry, stripe
from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.provider import Provider, provider
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import request, serving

SECRETS = {"stripe": {"key": "sk_test\n"}}
PLACE = "/v1/webhook_endpoints"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    async with provider(lambda hooks: {"data": hooks, "has_more": False}) as made:
        kind = registry.SourceType("stripe", lambda: stripe.Stripe(made.url))
        monkeypatch.setitem(registry.SOURCES, "stripe", kind)
        yield made


def spec(**more: Any) -> dict[str, Any]:
    webhook = {"endpoint": "/st", "port": str(ports.free_port()), "url": "https://h.example.com"}
    return {"webhook": webhook, **more}


async def test_an_endpoint_is_registered_once(server: Provider) -> None:
    more = {"apiKey": {"name": "stripe", "key": "key"}, "eventFilter": ["a.b", "c.d"]}
    wanted = spec(createWebhook=True, **more)
    async with serving(SECRETS) as served:
        for _ in range(2):
            await served.serve(WatchedBus(), "stripe", "st", wanted)
            await server.until(lambda: bool(server.hooks.get(PLACE)))
            await served.stop()
    [hook] = server.hooks[PLACE]
    assert (hook["url"], hook["enabled_events[]"]) == ("https://h.example.com/st", ["a.b", "c.d"])
    assert server.headers("authorization") == {"Basic c2tfdGVzdDo="}


async def test_a_delivery_tried_again_is_one_event() -> None:
    bus, wanted = WatchedBus(), spec()
    port = int(wanted["webhook"]["port"])
    async with serving({}) as served:
        await served.serve(bus, "stripe", "st", wanted)
        for pending in (2, 1):
            body = b'{"id":"evt_1","pending_webhooks":%d}' % pending
            assert (await request(port, "POST", "/st", [], body)).status == 200
        assert (await request(port, "POST", "/st", [], b'{"id":"evt_2"}')).status == 200
    assert [data["event"]["id"] for data in bus.data()] == ["evt_1", "evt_2"]


async def test_who_knows_an_id_cannot_hide_its_event() -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving({}) as served:
        await served.serve(bus, "stripe", "st", wanted)
        for body in (
            b'{"id":"evt_1","type":"a","data":{"object":{"paid":false}}}',
            b'{"id":"evt_1","type":"a","data":{"object":{"paid":true}}}',
            b'{"id":"evt_1","type":"b","data":{"object":{"paid":true}}}',
        ):
            assert (
                await request(int(wanted["webhook"]["port"]), "POST", "/st", [], body)
            ).status == 200
    assert len(bus.events()) == 3


async def test_a_name_cut_within_an_emoji_is_no_reason_to_refuse() -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving({}) as served:
        await served.serve(bus, "stripe", "st", wanted)
        body = b'{"ID":"evt_1","data":{"object":{"name":"\\ud83d"}}}'
        answer = await request(int(wanted["webhook"]["port"]), "POST", "/st", [], body)
    assert answer.status == 200
    [data] = bus.data()
    assert (data["event"]["id"], data["event"]["data"]["object"]["name"]) == ("evt_1", "\ufffd")


async def test_other_types_are_set_at_the_endpoint_that_is_there(server: Provider) -> None:
    key = {"name": "stripe", "key": "key"}
    there = {"id": "we_1", "url": "https://h.example.com/st", "enabled_events": ["x.y"]}
    server.hooks[PLACE] = [there]
    wanted = spec(createWebhook=True, apiKey=key, eventFilter=["c.d", "a.b"])
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "stripe", "st", wanted)
        await server.until(lambda: bool(server.sent("POST")))
    assert ("POST", f"{PLACE}/we_1") in server.calls()
    assert server.sent("POST") == [{"enabled_events[]": ["a.b", "c.d"]}]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"id":1}',
        b'{"created":"x"}',
        b'{"data":[]}',
        b'{"data":{}}',
        b'{"data":{"object":[]}}',
        b'{"livemode":0}',
        b"{",
    ],
)
async def test_what_is_no_event_is_refused(body: bytes) -> None:
    bus, wanted = WatchedBus(), spec()
    async with serving({}) as served:
        await served.serve(bus, "stripe", "st", wanted)
        answer = await request(int(wanted["webhook"]["port"]), "POST", "/st", [], body)
    assert (answer.status, answer.body) == (400, b"failed to parse the event")
    assert bus.events() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"createWebhook": True}, "apiKey: is required"),
        (
            {
                "createWebhook": True,
                "apiKey": {"name": "stripe", "key": "key"},
                "webhook": {"endpoint": "/st", "port": "1"},
            },
            "webhook.url: is required",
        ),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.stripe\.st\.{words}"):
            await served.serve(WatchedBus(), "stripe", "st", spec(**wrong))
