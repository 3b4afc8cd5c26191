"""`awsLambda` against a server that checks the request and its signature."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from events.aws import sigv4
from events.aws.sigv4 import Keys, Scope
from events.triggers import aws_identity, registry
from events.triggers.contract import TriggerFailed
from tests.events.triggers.firing import KEY, TRACE, fire, selector, taken, whole
from tests.events.triggers.recorder import Got, Recorder, recording

SECRETS = {"aws": {"id": "AKIDEXAMPLE\n", "key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}}
Here = Callable[[Recorder], None]
KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def spec(**more: Any) -> dict[str, Any]:
    return {
        "functionName": "hello",
        "region": "eu-central-1",
        "accessKey": selector("aws", "id"),
        "secretKey": selector("aws", "key"),
        "payload": [whole()],
        **more,
    }


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    def point(recorder: Recorder) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", recorder.url)

    return point


def signed_rightly(got: Got, port: int, keys: Keys, service: str = "lambda") -> bool:
    """The request signed again from what arrived; names not signed by the client are left out."""
    authorization = got.headers["authorization"]
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    made = {"host", "x-amz-date", "x-amz-security-token"}
    headers = {name: got.headers[name] for name in names if name not in made}
    moment = datetime.strptime(got.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = sigv4.Request(got.method, f"http://127.0.0.1:{port}{got.path}", headers, got.body)
    again = sigv4.sign(request, keys, Scope("eu-central-1", service), moment.timestamp())
    return "host" in names and again["Authorization"] == authorization


async def test_a_function_is_invoked_with_a_signed_request(here: Here) -> None:
    async with recording() as server:
        here(server)
        effect = await fire(
            "awsLambda", spec(functionName="arn:aws:lambda:x:1:function:hello:2"), SECRETS
        )
        [got] = server.got
        assert signed_rightly(got, server.port, KEYS)
    assert effect == "Lambda arn:aws:lambda:x:1:function:hello:2 (200)"
    name = "arn%3Aaws%3Alambda%3Ax%3A1%3Afunction%3Ahello%3A2"
    assert (got.method, got.path) == ("POST", f"/2015-03-31/functions/{name}/invocations")
    assert json.loads(got.body) == {"name": "shop", "count": 3, "topic": "orders.new"}
    assert got.headers["x-amz-invocation-type"] == "RequestResponse"
    assert json.loads(base64.b64decode(got.headers["x-amz-client-context"])) == {
        "custom": {"idempotency-key": KEY, "traceparent": TRACE}
    }


async def test_an_event_invocation_is_accepted(here: Here) -> None:
    async with recording(lambda got: web.Response(status=202)) as server:
        here(server)
        given = spec(invocationType="Event", parameters=[taken("body.name", "functionName")])
        assert await fire("awsLambda", given, SECRETS) == "Lambda shop (202)"
    assert "x-amz-client-context" not in server.got[0].headers


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "match"),
    [
        (200, {"X-Amz-Function-Error": "Unhandled"}, False, "the function failed"),
        (404, {}, True, "404: nope"),
        (403, {}, False, "403"),
        (429, {}, False, "429"),
        (500, {}, False, "500"),
    ],
)
async def test_failures(
    here: Here, status: int, headers: dict[str, str], permanent: bool, match: str
) -> None:
    def reply(got: Got) -> web.Response:
        return web.Response(status=status, headers=headers, text="nope")

    async with recording(reply) as server:
        here(server)
        with pytest.raises(TriggerFailed, match=match) as caught:
            await fire("awsLambda", spec(), SECRETS)
    assert caught.value.permanent is permanent
    assert "wJalr" not in str(caught.value)


async def test_a_policy_decides_what_counts(here: Here) -> None:
    async with recording(lambda got: web.Response(status=500)) as server:
        here(server)
        await fire("awsLambda", spec(), SECRETS, policy={"status": {"allow": [500]}})
        with pytest.raises(TriggerFailed, match=r"policy\.status: 500"):
            await fire("awsLambda", spec(), SECRETS, policy={"status": {"allow": [200]}})


async def test_a_role_is_assumed(here: Here) -> None:
    answer = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        "<SecretAccessKey>temp</SecretAccessKey><SessionToken>tok/en==</SessionToken>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )

    def reply(got: Got) -> web.Response:
        return web.Response(text=answer if got.path == "/" else "")

    async with recording(reply) as server:
        here(server)
        await fire("awsLambda", spec(roleARN="arn:aws:iam::1:role/r"), SECRETS)
        asked, invoked = server.got
        assert signed_rightly(asked, server.port, KEYS, "sts")
        assert signed_rightly(invoked, server.port, Keys("ASIA", "temp", "tok/en=="))
    assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr" in asked.body


def test_endpoints() -> None:
    assert aws_identity.endpoint("lambda", "eu-west-1") == "https://lambda.eu-west-1.amazonaws.com"
    found = aws_identity.endpoint("lambda", "cn-north-1")
    assert found == "https://lambda.cn-north-1.amazonaws.com.cn"


async def test_a_region_cannot_name_another_host() -> None:
    with pytest.raises(TriggerFailed, match=r"awsLambda\.region") as caught:
        await fire("awsLambda", spec(region="evil.example.com/"), SECRETS)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"functionName": ""}, "functionName:"),
        ({"region": None}, "region:"),
        ({"payload": []}, "payload:"),
        ({"secretKey": None}, "secretKey:"),
        ({"invocationType": "Later"}, "invocationType:"),
    ],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    assert (registry.TRIGGERS["awsLambda"].check(spec(**wrong)) or "").startswith(where)
