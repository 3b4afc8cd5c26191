"""`http` against servers on real sockets: what is sent, TLS, redirects, policies, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from aiohttp import web

from events.sensors.parameters import ParameterError
from events.triggers import http_request, registry
from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
from tests import ports
from tests.events.triggers.authority import CERTIFICATE, TRUST, demanding, held
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole
from tests.events.triggers.recorder import Got, recording, served

SECRETS = {"s": {"user": "me\n", "password": "hush hush\n", "token": "t0k\n", "plain": "seen"}}
LOGIN = {"username": selector("s", "user"), "password": selector("s", "password")}


def secure(name: str, key: str = "token", source: str = "secretKeyRef") -> dict[str, Any]:
    return {"name": name, "valueFrom": {source: selector("s", key)}}


def answering(status: int, **headers: str) -> Callable[[Got], web.Response]:
    return lambda got: web.Response(status=status, headers=headers)


def own(*taken_ports: int) -> EgressSettings:
    return EgressSettings(own_ports=lambda: frozenset(taken_ports))


async def sent(spec: dict[str, Any], **more: Any) -> Got:
    """What a server got of this trigger."""
    async with recording() as server:
        url = f"{server.url}{spec.pop('path', '/')}"
        await fire("http", {"url": url, **spec}, SECRETS, **more)
    [got] = server.got
    return got


@pytest.mark.parametrize("method", ["", "GET", "DELETE", "PATCH", "POST", "PUT"])
async def test_every_method_carries_the_payload(method: str) -> None:
    got = await sent({"method": method, "payload": [whole("order"), taken("body.name", "who")]})
    assert got.method == (method or "POST")
    assert got.body == b'{"order":{"name":"shop","count":3,"topic":"orders.new"},"who":"shop"}'


async def test_the_firing_key_and_the_trace_go_along_and_no_content_type() -> None:
    got = await sent({"payload": [whole()]})
    assert got.headers["idempotency-key"] == KEY
    assert got.headers["traceparent"] == TRACE
    assert "content-type" not in got.headers
    again = await sent({})
    assert again.headers["idempotency-key"] == KEY
    assert again.body == b""


async def test_a_payload_without_a_dest_is_the_body() -> None:
    assert (await sent({"payload": [taken("body.name", "")]})).body == b"shop"


async def test_parameters_change_the_trigger_itself() -> None:
    given = {
        "path": "/x?a=b",
        "headers": {"X-Who": "nobody"},
        "parameters": [
            taken("body.name", "headers.X-Who"),
            {"src": {"dependencyName": "push", "value": "PUT"}, "dest": "method"},
        ],
    }
    got = await sent(given)
    assert (got.method, got.path, got.headers["x-who"]) == ("PUT", "/x?a=b", "shop")


@pytest.mark.parametrize(
    ("value", "dest", "where"),
    [
        ("TRACE", "method", r"http\.method: must be one of"),
        ("soon", "timeout", r"http\.timeout: "),
        ("", "url", r"http\.url: is required"),
        ("gopher://x/", "url", r"http\.url: must begin with"),
        ("http://x/ HTTP/1.1\r\nHost: y", "url", r"http\.url: holds a space or a control"),
    ],
)
async def test_an_event_cannot_make_it_what_its_author_could_not_write(
    value: str, dest: str, where: str
) -> None:
    changed = {"src": {"dependencyName": "push", "value": value}, "dest": dest}
    given = {"url": "http://127.0.0.1:1/", "parameters": [changed]}
    with pytest.raises(TriggerFailed, match=where) as failed:
        await fire("http", given, SECRETS)
    assert failed.value.permanent


async def test_a_url_goes_out_as_it_is_written() -> None:
    path = "/a%2Fb/%7Ec?sig=a%2Fb%3D&x=1+2"
    assert (await sent({"path": path})).path == path
    assert (await sent({"path": "/grün?q=ä"})).path == "/gr%C3%BCn?q=%C3%A4"


async def test_secure_headers_win_over_dynamic_ones_and_those_over_plain_ones() -> None:
    got = await sent(
        {
            "headers": {"X-One": "plain", "X-Two": "plain", "X-Three": "plain", "X-Trace": "mine"},
            "dynamicHeaders": [taken("body.name", "x-two"), taken("body.topic", "x-three")],
            "secureHeaders": [
                secure("X-THREE"),
                secure("X-Four", "plain", "configMapKeyRef"),
            ],
        }
    )
    wanted = {"x-one": "plain", "x-two": "shop", "x-three": "t0k", "x-four": "seen"}
    assert {name: got.headers.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"headers": {"X": "a\r\nEvil: 1"}}, r"the value of X holds a line break"),
        ({"headers": {"X: 1\r\nEvil": "a"}}, r"is no name of a header"),
        ({"headers": {"a b": "c"}}, r"is no name of a header"),
        ({"host": "x\r\nEvil: 1"}, r"the value of Host holds a line break"),
        ({"dynamicHeaders": [taken("body.name", "")]}, r"http\.dynamicHeaders\[0\]\.dest"),
    ],
)
async def test_headers_that_are_none_are_refused(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises((TriggerFailed, ParameterError), match=where):
        await fire("http", {"url": f"http://127.0.0.1:{ports.free_port()}/", **wrong}, SECRETS)


async def test_basic_auth_wins_over_a_header() -> None:
    got = await sent({"basicAuth": LOGIN, "headers": {"authorization": "Bearer x"}})
    assert got.headers["authorization"] == http_request.basic("me", "hush hush")


async def test_a_login_in_the_url_is_used_unless_a_header_says_otherwise() -> None:
    async with recording() as server:
        url = server.url.replace("http://", "http://me:p%2Fw@")
        await fire("http", {"url": url}, SECRETS)
        await fire("http", {"url": url, "headers": {"Authorization": "Bearer x"}}, SECRETS)
    found = [got.headers["authorization"] for got in server.got]
    assert found == [http_request.basic("me", "p/w"), "Bearer x"]


async def test_the_host_header_is_the_one_that_is_given() -> None:
    assert (await sent({"host": "shop.example.com"})).headers["host"] == "shop.example.com"


async def test_tls_with_a_client_certificate() -> None:
    authority = trustme.CA()
    async with recording(ssl_context=demanding(authority)) as server:
        named = {"url": f"https://localhost:{server.port}/"}
        secrets = held(authority)
        assert await fire("http", {**named, "tls": TRUST | CERTIFICATE}, secrets) == "HTTP 200"
        for tls in (TRUST, CERTIFICATE, {"enabled": True}):
            with pytest.raises(TriggerFailed, match=r"http\.url: ") as failed:
                await fire("http", {**named, "tls": tls}, secrets)
            assert not failed.value.permanent
        other = {"url": f"https://127.0.0.1:{server.port}/", "tls": TRUST | CERTIFICATE}
        with pytest.raises(TriggerFailed, match="certificate"):  # not the certificate's name
            await fire("http", other, secrets)
        unchecked = CERTIFICATE | {"insecureSkipVerify": True}
        assert await fire("http", {**other, "tls": unchecked}, secrets) == "HTTP 200"
    assert len(server.got) == 2


async def test_a_rotated_authority_counts_at_once() -> None:
    before, after = trustme.CA(), trustme.CA()
    async with recording(ssl_context=demanding(after)) as server:
        given = {"url": f"https://localhost:{server.port}/", "tls": TRUST | CERTIFICATE}
        with pytest.raises(TriggerFailed, match="certificate"):
            await fire("http", given, held(before))
        assert await fire("http", given, held(after)) == "HTTP 200"


@pytest.mark.parametrize(
    ("tls", "where"),
    [
        ({"clientCertSecret": selector("tls", "cert")}, "tls: clientCertSecret and clientKey"),
        ({"insecureSkipVerify": False}, "tls: caCertSecret, a client certificate, or enabled"),
        ({"enabled": "yes"}, "tls.enabled: "),
    ],
)
def test_a_tls_block_that_cannot_work_is_named(tls: dict[str, Any], where: str) -> None:
    fault = registry.TRIGGERS["http"].check({"url": "https://x/", "tls": tls})
    assert (fault or "").startswith(where)


async def test_a_certificate_that_is_none_is_named() -> None:
    secrets = {"tls": {"ca": "hush"}}
    with pytest.raises(TriggerFailed, match=r"http\.tls\.caCertSecret: is no PEM") as failed:
        await fire("http", {"url": "https://localhost:1/", "tls": TRUST}, secrets)
    assert "hush" not in str(failed.value)


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [
        *((moved, "GET", b"") for moved in (301, 302, 303)),
        *((same, "PUT", b"shop") for same in (307, 308)),
    ],
)
async def test_a_redirect_is_followed(status: int, method: str, body: bytes) -> None:
    def reply(got: Got) -> web.Response:
        if got.path == "/there":
            return web.Response(status=201)
        return web.Response(status=status, headers={"Location": "/there"})

    async with recording(reply) as server:
        given = {"url": server.url, "method": "PUT", "payload": [taken("body.name", "")]}
        given |= {"secureHeaders": [secure("X-Token")], "host": "shop.example.com"}
        assert await fire("http", given, SECRETS) == "HTTP 201"
    first, second = server.got
    assert (second.method, second.body) == (method, body)
    assert second.headers["x-token"] == "t0k"  # the same origin
    assert (first.headers["host"], second.headers["host"]) == ("shop.example.com",) * 2


async def test_secrets_do_not_go_along_to_another_origin() -> None:
    async with recording() as other, recording(answering(307, Location=other.url)) as server:
        given = {
            "url": server.url,
            "basicAuth": LOGIN,
            "host": "shop.example.com",
            "headers": {"X-Plain": "a", "Cookie": "c=1"},
            "secureHeaders": [secure("X-Token")],
        }
        assert await fire("http", given, SECRETS) == "HTTP 200"
    assert server.got[0].headers["x-token"] == "t0k"
    headers = other.got[0].headers
    assert headers["x-plain"] == "a"
    assert headers["host"] == f"127.0.0.1:{other.port}"
    assert not {"x-token", "authorization", "cookie"} & set(headers)


async def test_endless_redirects_are_given_up() -> None:
    async with recording(answering(302, Location="/again")) as server:
        with pytest.raises(TriggerFailed, match=r"http\.url: more than 5 redirects"):
            await fire("http", {"url": server.url}, SECRETS)
    assert len(server.got) == 6


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://0xa9fea9fe/", "link-local"),
        ("http://127.0.0.1:4999/", "belongs to headrace"),
        ("http://[::1]:4999/", "belongs to headrace"),
        ("file:///etc/passwd", "redirected to a file address"),
        ("gopher://127.0.0.1:4999/", "redirected to a gopher address"),
        ("http://[::1", "redirected to what is no address"),
    ],
)
async def test_the_egress_policy_holds_at_every_redirect(target: str, words: str) -> None:
    async with recording(answering(302, Location=target)) as server:
        with pytest.raises(TriggerFailed, match=words):
            await fire("http", {"url": server.url}, SECRETS, egress=own(4999))


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://[fe80::1%25eth0]/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://localhost:4999/",
        "http://0.0.0.0:4999/",
    ],
)
async def test_the_egress_policy_holds(url: str) -> None:
    with pytest.raises(TriggerFailed, match=r"link-local|belongs to headrace|canonical"):
        await fire("http", {"url": url}, SECRETS, egress=own(4999))


@pytest.mark.parametrize(
    ("status", "policy", "passes"),
    [
        (200, None, True),
        (404, None, True),
        (429, None, False),
        (500, None, False),
        (503, None, False),
        (200, {"status": {"allow": [201]}}, False),
        (500, {"status": {"allow": [200, 500]}}, True),
    ],
)
async def test_which_answers_count(status: int, policy: Any, passes: bool) -> None:
    async with recording(answering(status)) as server:
        if passes:
            assert await fire("http", {"url": server.url}, policy=policy) == f"HTTP {status}"
            return
        with pytest.raises(TriggerFailed, match=str(status)) as failed:
            await fire("http", {"url": server.url}, policy=policy)
    assert not failed.value.permanent


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    over = asyncio.Event()

    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    port = ports.free_port()
    async with served(silent, port):
        with pytest.raises(TriggerFailed, match=r"http\.url: no answer within 1 s") as failed:
            await fire("http", {"url": f"http://127.0.0.1:{port}/", "timeout": 1})
        over.set()
    assert not failed.value.permanent


async def test_no_server_is_worth_another_try() -> None:
    with pytest.raises(TriggerFailed, match=r"http\.url: ") as failed:
        await fire("http", {"url": f"http://127.0.0.1:{ports.free_port()}/"})
    assert not failed.value.permanent


@pytest.mark.parametrize(
    ("wrong", "where"),
    [({"url": ""}, "url:"), ({"method": "get"}, "method:"), ({"timeout": -1}, "timeout:")],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    fault = registry.TRIGGERS["http"].check({"url": "http://x/", **wrong})
    assert (fault or "").startswith(where)
