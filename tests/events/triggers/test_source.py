"""A trigger's object from a URL and from an S3-like store: real sockets, whole bodies, caps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from events.aws import sigv4
from events.aws.sigv4 import Keys, Request, Scope
from events.triggers import source
from events.triggers.contract import TriggerFailed
from tests.events.triggers import firing
from tests.events.triggers.recorder import Got, recording

LONG = "x" * 300_000
YAML = f"kind: ConfigMap\ndata:\n  long: {LONG}\n".encode()
KEYS = {"store": {"access": "AKIDEXAMPLE", "secret": "wJalr-not-real"}}


def s3(url: str, **more: Any) -> dict[str, Any]:
    return {
        "s3": {
            "endpoint": url.removeprefix("http://"),
            "insecure": True,
            "bucket": {"name": "manifests", "key": "ci/a b+c.yaml"},
            "accessKey": {"name": "store", "key": "access"},
            "secretKey": {"name": "store", "key": "secret"},
            **more,
        }
    }


async def test_a_long_object_comes_whole_from_a_url() -> None:
    async with recording(lambda _: web.Response(body=YAML)) as server:
        found = await source.fetch(firing.context(), {"url": {"path": f"{server.url}/x"}})
    assert found == {"kind": "ConfigMap", "data": {"long": LONG}}


async def test_an_object_comes_whole_from_a_store_with_a_good_signature() -> None:
    def stored(got: Got) -> web.Response:
        return web.Response(body=YAML if got.path == "/manifests/ci/a%20b%2Bc.yaml" else b"")

    async with recording(stored) as server:
        given = s3(server.url)
        assert source.fault(given) is None
        found = await source.fetch(firing.context(KEYS), given)
    assert found == {"kind": "ConfigMap", "data": {"long": LONG}}
    [got] = server.got
    assert "/us-east-1/s3/aws4_request" in got.headers["authorization"]
    assert KEYS["store"]["secret"] not in str(got.headers)


async def test_the_signature_is_that_of_the_request_that_was_sent() -> None:
    async with recording(lambda _: web.Response(body=YAML)) as server:
        context = firing.context(KEYS)
        await source.fetch(context, s3(server.url, region="eu-west-1"))
    [got] = server.got
    moment = _seconds(got.headers["x-amz-date"])
    request = Request("GET", f"{server.url}{got.path}")
    keys = Keys(KEYS["store"]["access"], KEYS["store"]["secret"])
    again = sigv4.sign(request, keys, Scope("eu-west-1", "s3"), moment)
    assert got.headers["authorization"] == again["Authorization"]


@pytest.mark.parametrize("kind", ["url", "s3"])
async def test_a_body_over_the_cap_is_refused(kind: str) -> None:
    async with recording(lambda _: web.Response(body=b"#" * (600 * 1024))) as server:
        given = s3(server.url) if kind == "s3" else {"url": {"path": server.url}}
        with pytest.raises(TriggerFailed, match=rf"source\.{kind}.*larger than"):
            await source.fetch(firing.context(KEYS), given)


@pytest.mark.parametrize(("status", "permanent"), [(404, True), (403, False), (503, False)])
async def test_a_store_that_refuses_is_a_failure_with_its_words(
    status: int, permanent: bool
) -> None:
    answer = web.Response(status=status, body=b"<Code>Why</Code>")
    async with recording(lambda _: answer) as server:
        with pytest.raises(
            TriggerFailed, match=rf"source\.s3: answered {status}: <Code>"
        ) as failed:
            await source.fetch(firing.context(KEYS), s3(server.url))
    assert failed.value.permanent is permanent


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"endpoint": ""}, "source.s3.endpoint: is required"),
        ({"endpoint": "http://s3.example.com"}, "source.s3.endpoint: is a host"),
        ({"bucket": {"name": "b"}}, "source.s3.bucket.key: is required"),
        ({"accessKey": None}, "source.s3.accessKey: is required"),
    ],
)
def test_what_is_missing_is_named(more: dict[str, Any], words: str) -> None:
    fault = source.fault(s3("http://store:9000", **more))
    assert fault is not None
    assert fault.startswith(words)


def _seconds(moment: str) -> float:
    return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
