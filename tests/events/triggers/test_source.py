"""A trigger's object from a URL and from an S3-like store: real sockets, whole bodies, caps."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.aws import sigv4
from events.aws.sigv4 import Keys, Request, Scope
from events.secrets import MissingValue
from events.triggers import source
from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
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


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": {"path": "file:///etc/passwd"}}, "source.url.path: must begin with http"),
        ({"url": {"verifyCert": True}}, "source.url.path: must begin with http"),
        ({"file": {"path": "a.yaml"}}, "source.file.path: must be an absolute path"),
        ({"configmap": {"name": "a"}}, "source.configmap.key: is required"),
    ],
)
def test_a_source_that_cannot_be_is_named(given: dict[str, Any], words: str) -> None:
    assert (source.fault(given) or "").startswith(words)


async def test_an_object_comes_from_a_config_map_of_the_namespace() -> None:
    context = firing.context({"manifests": {"ci": "kind: Pod\n"}})
    given = {"configmap": {"name": "manifests", "key": "ci"}}
    assert await source.fetch(context, given) == {"kind": "Pod"}
    with pytest.raises(MissingValue, match=r"source\.configmap: no key 'x' in 'manifests'"):
        await source.fetch(context, {"configmap": {"name": "manifests", "key": "x"}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"kind: A\n---\nkind: B\n", "source.url: holds 2 objects, not one"),
        (b"", "source.url: is no object"),
        (b"kind: \xff\n", "source.url: is no YAML: yaml: line 1: not UTF-8 text"),
        (b"#" * 20_000, "source.url: is no object"),
    ],
)
async def test_what_is_not_one_object_is_permanent(text: bytes, words: str) -> None:
    async with recording(lambda _: web.Response(body=text)) as server:
        with pytest.raises(TriggerFailed) as failed:
            await source.fetch(firing.context(), {"url": {"path": server.url}})
    assert str(failed.value).startswith(words)
    assert failed.value.permanent


async def test_one_object_between_marks_is_one_object() -> None:
    given = {"inline": "---\nkind: Pod\n---\n"}
    assert await source.fetch(firing.context(), given) == {"kind": "Pod"}


async def test_a_url_with_a_certificate_nobody_trusts_is_refused() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    async with recording(lambda _: web.Response(body=YAML), ssl_context=tls) as server:
        given = {"url": {"path": f"https://localhost:{server.port}/", "verifyCert": False}}
        with pytest.raises(TriggerFailed, match=r"source\.url\.path: .*certificate"):
            await source.fetch(firing.context(), given)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "http://127.0.0.1:4999/", "file:///etc/passwd"]
)
@pytest.mark.parametrize("kind", ["url", "s3"])
async def test_the_egress_policy_holds_also_after_a_redirect(kind: str, target: str) -> None:
    moved = web.Response(status=302, headers={"Location": target})
    own = EgressSettings(own_ports=lambda: frozenset({4999}))
    async with recording(lambda _: moved) as server:
        given = s3(server.url) if kind == "s3" else {"url": {"path": server.url}}
        with pytest.raises(TriggerFailed, match=rf"source\.{kind}"):
            await source.fetch(firing.context(KEYS, egress=own), given)
        assert len(server.got) == 1
    if not target.startswith("http"):
        return
    given = s3(target.rstrip("/")) if kind == "s3" else {"url": {"path": target}}
    with pytest.raises(TriggerFailed, match=r"link-local|belongs to headrace"):
        await source.fetch(firing.context(KEYS, egress=own), given)


def _seconds(moment: str) -> float:
    return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
