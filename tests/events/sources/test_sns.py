"""`sns`: subscription and confirmation at a server that records, signatures of a certificate of our
own, what is wrong. Other payloads: the recordings."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from events.sources import registry, sns
from events.sources.contract import SourceError
from events.sources.sns_signature import BadSignature, Verifier, check_url
from tests import ports
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import request, serving
from tests.events.triggers.recorder import Got, Recorder, recording
from tests.events.triggers.recorder import served as served_http

SECRETS = {"aws": {"access": "AKIAEXAMPLE", "secret": "hush"}}
TOPIC = "arn:aws:sns:us-east-1:123456789012:t"
MESSAGE = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": TOPIC,
    "Subject": "hello",
    "Message": "text\nof two lines",
    "Timestamp": "2026-05-06T07:08:09.123Z",
    "SigningCertURL": "https://sns.us-east-1.amazonaws.com/cert.pem",
}
SIGNED = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


class Signer:
    """A key and its certificate."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        self.pem = made.public_bytes(serialization.Encoding.PEM)

    def sign(self, version: str = "2", **more: str) -> dict[str, str]:
        message = {**MESSAGE, **more}
        text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED if message.get(name))
        kind = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), kind)
        encoded = base64.b64encode(signature).decode()
        return {**message, "SignatureVersion": version, "Signature": encoded}


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    return Signer()


@pytest.fixture
async def amazon(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorder]:
    def reply(got: Got) -> web.Response:
        if got.method == "GET":
            return web.Response(body=signer.pem, status=200 if got.path == "/cert.pem" else 503)
        return web.Response(text="<SubscriptionArn>arn:sub</SubscriptionArn>")

    async with recording(reply) as server:
        kind = registry.SourceType("sns", lambda: sns.Sns(Verifier(server.url)))
        monkeypatch.setitem(registry.SOURCES, "sns", kind)
        yield server


def spec(base: str, **more: Any) -> dict[str, Any]:
    return {
        "topicArn": TOPIC,
        "region": "us-east-1",
        "endpoint": f"{base}/aws",
        "accessKey": {"name": "aws", "key": "access"},
        "secretKey": {"name": "aws", "key": "secret"},
        "webhook": {
            "endpoint": "/sns",
            "port": str(ports.free_port()),
            "url": "https://hooks.example.com",
        },
        **more,
    }


async def send(wanted: dict[str, Any], message: Any) -> tuple[int, bytes]:
    port = int(wanted["webhook"]["port"])
    answer = await request(port, "POST", "/sns", [], json.dumps(message).encode())
    return answer.status, answer.body


async def test_the_endpoint_is_subscribed_signed_and_confirms(amazon: Recorder) -> None:
    wanted = spec(amazon.url)
    async with serving(SECRETS) as served:
        await served.serve(WatchedBus(), "sns", "s", wanted)
        await eventually(lambda: len(amazon.got) == 1)
        confirmation = {"Type": "SubscriptionConfirmation", "Token": "tok", "TopicArn": "other"}
        assert await send(wanted, confirmation) == (200, b"")
    subscribe, confirm = amazon.got
    assert b"Action=Subscribe&Endpoint=https%3A%2F%2Fhooks.example.com%2Fsns" in subscribe.body
    assert b"Protocol=https" in subscribe.body
    assert b"Action=ConfirmSubscription&Token=tok" in confirm.body
    assert b"123456789012%3At" in confirm.body
    assert subscribe.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert "/us-east-1/sns/aws4_request" in subscribe.headers["authorization"]


async def test_a_refused_subscription_is_said(amazon: Recorder) -> None:
    notes = list[str]()
    refusal = web.Response(status=403, text="<Code>AccessDenied")
    async with recording(lambda got: refusal) as aws, serving(SECRETS) as served:
        await served.serve(WatchedBus(), "sns", "s", spec(aws.url), notes=notes)
        await eventually(lambda: "sns answered 403 AccessDenied" in notes[-1])


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_message_is_one_event(
    amazon: Recorder, signer: Signer, version: str
) -> None:
    bus, wanted = WatchedBus(), spec(amazon.url, validateSignature=True, metadata={"x": "y"})
    message = signer.sign(version)
    async with serving(SECRETS) as served:
        await served.serve(bus, "sns", "s", wanted)
        for _ in range(2):
            assert await send(wanted, message) == (200, b"success")
    [data] = bus.data()
    assert (data["body"], data["metadata"]) == (message, {"x": "y"})
    assert [got.path for got in amazon.got if got.method == "GET"] == ["/cert.pem"]


async def test_a_certificate_that_comes_in_pieces_is_read_to_its_end(signer: Signer) -> None:
    chain = signer.pem

    async def reply(got: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(got)
        for at in range(0, len(chain), 100):
            await answer.write(chain[at : at + 100])
            await asyncio.sleep(0)
        return answer

    port = ports.free_port()
    async with served_http(reply, port):
        await Verifier(f"http://127.0.0.1:{port}").verify(signer.sign())


async def test_a_message_without_its_envelope_is_refused_and_members_have_any_case(
    amazon: Recorder,
) -> None:
    bus, wanted = WatchedBus(), spec(amazon.url)
    port = int(wanted["webhook"]["port"])
    async with serving(SECRETS) as served:
        await served.serve(bus, "sns", "s", wanted)
        raw = [("X-Amz-Sns-Rawdelivery", "true")]
        answer = await request(port, "POST", "/sns", raw, b'{"order":1}')
        assert (answer.status, bus.events()) == (400, [])
        assert await send(wanted, {"type": "Notification", "MessageID": "m"}) == (200, b"success")
        half = b'{"Type":"Notification","Message":"\\ud83d"}'
        assert (await request(port, "POST", "/sns", [], half)).status == 200
    assert len(bus.events()) == 2


async def test_what_is_not_signed_so_is_refused(amazon: Recorder, signer: Signer) -> None:
    bus, wanted = WatchedBus(), spec(amazon.url, validateSignature=True)
    good = signer.sign()
    other_topic = signer.sign(TopicArn="arn:aws:sns:us-east-1:999999999999:mine")
    elsewhere = {**good, "SigningCertURL": "https://sns.us-east-1.amazonaws.com/other.pem"}
    wrong = [
        {**good, "Message": "changed"},
        {**good, "SignatureVersion": "1"},
        {**good, "SignatureVersion": "3"},
        {**good, "Type": "Other"},
        {key: value for key, value in good.items() if key != "Signature"},
        other_topic,
    ]
    async with serving(SECRETS) as served:
        await served.serve(bus, "sns", "s", wanted)
        for message in wrong:
            assert (await send(wanted, message))[0] == 400
        assert (await send(wanted, elsewhere))[0] == 503
    assert bus.events() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com\n.evil.example/x.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com",
        "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
        "https://user@sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com:8443/x.pem",
        "https://169.254.169.254/x.pem",
        "https://[::1",
        "file:///etc/passwd",
        "",
    ],
)
def test_certificates_come_from_amazon_only(url: str) -> None:
    with pytest.raises(BadSignature, match="failed to verify SigningCertURL"):
        check_url(url)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"topicArn": ""}, "topicArn: is required"),
        ({"region": "us-east-1.evil.example/"}, "region: 'us-east-1.evil.example/' is no region"),
        ({"accessKey": None}, "accessKey: is required"),
        ({"secretKey": {"name": "none", "key": "x"}}, "secretKey: "),
        ({"webhook": {"endpoint": "/x", "port": "1"}}, "webhook.url: is required"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.sns\.s\.{words}"):
            await served.serve(WatchedBus(), "sns", "s", spec("http://127.0.0.1:1", **wrong))
