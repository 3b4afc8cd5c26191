"""`storageGrid`: registration at a server that records; forms as the grid sends them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import Answer, request, serving
from tests.events.triggers.recorder import Got, recording

SECRETS = {"sg": {"token": "tok\n"}}
RECORD = {
    "eventVersion": "2.0",
    "eventSource": "sgws:s3",
    "eventTime": "2026-05-06T07:08:09Z",
    "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "u"},
    "s3": {
        "bucket": {"name": "bkt"},
        "object": {"key": "in/a.csv", "size": 3, "sequencer": "14D6"},
    },
}


def spec(base: str, **more: Any) -> dict[str, Any]:
    return {
        "topicArn": "urn:acme:sns:us-east-1:0:t",
        "bucket": "bkt",
        "events": ["s3:ObjectCreated:Put", "a<b"],
        "apiURL": f"{base}/api/v3/",
        "authToken": {"name": "sg", "key": "token"},
        "webhook": {
            "endpoint": "/sg",
            "port": str(ports.free_port()),
            "url": "https://hooks.example.com",
        },
        **more,
    }


async def send(wanted: dict[str, Any], *records: Any, message: str = "") -> Answer:
    fields = {
        "Action": "Publish",
        "Message": message or json.dumps({"Records": records}),
        "TopicArn": wanted["topicArn"],
        "Version": "2010-03-31",
    }
    port = int(wanted["webhook"]["port"])
    return await request(port, "POST", "/sg", [], urlencode(fields).encode())


@pytest.mark.parametrize("known", [True, False])
async def test_endpoint_and_notification_are_registered_once(known: bool) -> None:
    def reply(got: Got) -> web.Response:
        there = [{"endpointURN": "urn:acme:sns:us-east-1:0:t"}] if known else []
        return web.json_response({"data": there} if got.method == "GET" else {})

    async with recording(reply) as grid, serving(SECRETS) as served:
        await served.serve(WatchedBus(), "storageGrid", "s", spec(grid.url))
        await eventually(lambda: any(got.method == "PUT" for got in grid.got))
    calls = [(got.method, got.path) for got in grid.got]
    made = [] if known else [("POST", "/api/v3/org/endpoints")]
    put = ("PUT", "/api/v3/org/containers/bkt/notification")
    assert calls == [("GET", "/api/v3/org/endpoints"), *made, put]
    assert "<Event>a&lt;b</Event>" in json.loads(grid.got[-1].body)["notification"]
    assert {got.headers["authorization"] for got in grid.got} == {"Bearer tok"}


async def test_a_notification_becomes_one_event() -> None:
    bus, wanted = WatchedBus(), spec("http://127.0.0.1:1", metadata={"x": "y"})
    async with serving(SECRETS) as served:
        await served.serve(bus, "storageGrid", "s", wanted)
        for _ in range(2):
            answer = await send(wanted, RECORD)
            assert answer.status == 200
            assert b"<PublishResult>" in answer.body
    [data] = bus.data()
    assert bus.events()[0].type == "storagegrid"
    assert data["metadata"] == {"x": "y"}
    found = data["notification"]
    assert (found["Action"], found["Version"]) == ("Publish", "2010-03-31")
    [record] = found["Message"]["Records"]
    assert record["s3"]["object"] == {**RECORD["s3"]["object"], "eTag": ""}  # type: ignore[index]
    assert record["requestParameters"] == {"sourceIPAddress": ""}
    assert record["eventSource"] == "sgws:s3"


async def test_prefix_and_suffix_choose() -> None:
    wanted = spec("http://127.0.0.1:1", filter={"prefix": "in/", "suffix": ".csv"})
    bus = WatchedBus()
    async with serving(SECRETS) as served:
        await served.serve(bus, "storageGrid", "s", wanted)
        for key in ("in/a.txt", "out/a.csv", "in/b.csv"):
            record = {"s3": {"object": {"key": key, "sequencer": key}}}
            assert (await send(wanted, record)).status == 200
        assert (await send(wanted)).status == 200
    kept = [d["notification"]["Message"]["Records"][0]["s3"]["object"]["key"] for d in bus.data()]
    assert kept == ["in/b.csv"]


async def test_what_is_no_notification_or_not_durable_is_not_confirmed() -> None:
    bus, wanted = WatchedBus(), spec("http://127.0.0.1:1")
    async with serving(SECRETS) as served:
        await served.serve(bus, "storageGrid", "s", wanted)
        for message in ("nope", "[]", '{"Records":1}', '{"Records":[{"s3":2}]}'):
            assert (await send(wanted, message=message)).status == 400
        bus.refuses = True
        assert (await send(wanted, RECORD)).status == 503
    assert bus.events() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"topicArn": ""}, "topicArn: is required"),
        ({"events": []}, "events: is required"),
        ({"authToken": None}, "authToken: is required"),
        ({"webhook": None}, "webhook.url: is required"),
        ({"tls": {}}, "tls: "),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    given = spec("http://127.0.0.1:1", **wrong)
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.storageGrid\.s\.{words}"):
            await served.serve(WatchedBus(), "storageGrid", "s", given)
