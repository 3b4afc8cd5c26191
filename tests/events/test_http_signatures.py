"""Signatures and tokens of webhooks against senders that have none, or somebody else's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest

from events.bus import memory
from events.sources.contract import SourceError
from tests import ports
from tests.events.support import Answer, SecretsOnly, Served, request, serving

SECRETS = {"gh": {"key": "s3cret"}, "empty": {"key": ""}, "auth": {"token": "t0ken"}}


@pytest.fixture
def bus() -> memory.MemoryBus:
    return memory.MemoryBus()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(SECRETS) as found:
        yield found


@pytest.fixture
async def github(served: Served, bus: memory.MemoryBus) -> int:
    number = ports.free_port()
    spec = {
        "organizations": ["acme"],
        "webhook": {"port": str(number), "endpoint": "/gh", "method": "POST"},
        "webhookSecret": {"name": "gh", "key": "key"},
    }
    await served.serve(bus, "github", "gh", spec)
    return number


def signed(body: bytes, secret: str = "s3cret", kind: str = "sha256") -> str:
    return f"{kind}=" + hmac.new(secret.encode(), body, getattr(hashlib, kind)).hexdigest()


async def deliver(port: int, body: bytes, **headers: str) -> Answer:
    fields = [("Content-Type", "application/json"), ("X-GitHub-Event", "push")]
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return await request(port, "POST", "/gh", fields, body)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=00",
        signed(b'{"a":1}')[:-2],
        signed(b'{"a":1}', "wrong"),
        signed(b'{"a":1}', ""),
        signed(b'{ "a": 1 }'),
        signed(b'{"a":1}').replace("sha256", "sha1"),
        signed(b'{"a":1}').replace("=", "=\u0661"),
        "sha256=" + "０" * 64,
        "sha512",
    ],
)
async def test_wrong_signatures_are_refused(
    github: int, bus: memory.MemoryBus, signature: str
) -> None:
    answer = await deliver(github, b'{"a":1}', X_Hub_Signature_256=signature)
    assert answer.status == 400
    assert [d async for d in bus.replay()] == []


async def test_upper_case_digits_are_the_same_signature(github: int) -> None:
    kind, _, digits = signed(b"{}").partition("=")
    assert (
        await deliver(github, b"{}", X_Hub_Signature_256=f"{kind}={digits.upper()}")
    ).status == 200


async def test_a_right_old_signature_does_not_help_a_wrong_new_one(
    github: int, bus: memory.MemoryBus
) -> None:
    old, new = signed(b"{}", kind="sha1"), signed(b"{}", "wrong")
    answer = await deliver(github, b"{}", X_Hub_Signature=old, X_Hub_Signature_256=new)
    assert answer.status == 400
    assert (await deliver(github, b"{}", X_Hub_Signature=old)).status == 200  # of old servers
    assert len([d async for d in bus.replay()]) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_of_several_signatures_the_first_counts(github: int, order: tuple[int, int]) -> None:
    signatures = (signed(b"{}"), signed(b"{}", "wrong"))
    fields = [("Content-Type", "application/json")]
    fields += [("X-Hub-Signature-256", signatures[each]) for each in order]
    answer = await request(github, "POST", "/gh", fields, b"{}")
    assert answer.status == (200 if order[0] == 0 else 400)


async def test_the_signature_is_of_the_bytes_whatever_they_are_said_to_be(
    github: int, bus: memory.MemoryBus
) -> None:
    inner = b'{"a":1}'
    form = b"payload=%7B%22a%22%3A1%7D"
    sent = [
        ("application/x-www-form-urlencoded", form, signed(inner)),
        ("application/json", form, signed(form)),
        ("text/plain", inner, signed(inner)),
        ("application/json; charset", inner, signed(inner)),
        ("multipart/form-data; boundary=x", inner, signed(inner)),
        ("", inner, signed(inner)),
    ]
    for kind, body, signature in sent:
        fields = [("Content-Type", kind), ("X-Hub-Signature-256", signature)]
        assert (await request(github, "POST", "/gh", fields, body)).status == 400
    assert [d async for d in bus.replay()] == []


REFERENCES = [{}, {"name": "empty", "key": "key"}, {"name": "gh", "key": "none"}]


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize(
    ("kind", "field", "spec"),
    [
        ("webhook", "authSecret", {"method": "POST"}),
        ("github", "webhookSecret", {"organizations": ["acme"]}),
        (
            "gitlab",
            "secretToken",
            {
                "gitlabBaseURL": "https://x",
                "events": ["PushEvents"],
                "accessToken": {"name": "gh", "key": "key"},
            },
        ),
        ("bitbucketserver", "webhookSecret", {"bitbucketserverBaseURL": "https://x"}),
        ("slack", "signingSecret", {"token": {"name": "gh", "key": "key"}}),
    ],
)
async def test_a_secret_that_holds_nothing_never_means_no_check(
    served: Served,
    bus: memory.MemoryBus,
    kind: str,
    field: str,
    spec: dict[str, object],
    reference: dict[str, str],
) -> None:
    number = ports.free_port()
    endpoint = {"port": str(number), "endpoint": "/e"}
    given = {**spec, field: reference} | (endpoint if kind == "webhook" else {"webhook": endpoint})
    with pytest.raises(SourceError, match=rf"spec\.{kind}\.e\.{field}"):
        await served.serve(bus, kind, "e", given)
    with pytest.raises(ConnectionRefusedError):
        await request(number, "POST", "/e", (), b"{}")


async def test_a_secret_that_becomes_empty_takes_nothing(
    served: Served, github: int, bus: memory.MemoryBus
) -> None:
    cluster = served.services.secrets._cluster
    assert isinstance(cluster, SecretsOnly)
    for emptied in ({"key": ""}, {"key": "\n"}, {}):
        cluster.secrets["gh"] = emptied
        await served.services.secrets.refresh()
        for signature in (signed(b"{}", ""), signed(b"{}"), signed(b"{}", "\n")):
            answer = await deliver(github, b"{}", X_Hub_Signature_256=signature)
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert [d async for d in bus.replay()] == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("Bearer t0ken", 200),
        ("Bearer t0ke", 401),
        ("Bearer t0ken\u00e9", 401),
        ("Bearer ", 401),
        ("bearer t0ken", 401),
        ("Basic dDBrZW4=", 401),
        ("", 401),
    ],
)
async def test_the_bearer_token(
    served: Served, bus: memory.MemoryBus, given: str, status: int
) -> None:
    number = ports.free_port()
    spec = {"port": str(number), "endpoint": "/a", "method": "POST"}
    secret = {"name": "auth", "key": "token"}
    await served.serve(bus, "webhook", "a", {**spec, "authSecret": secret})
    answer = await request(number, "POST", "/a", [("Authorization", given)], b"{}")
    assert answer.status == status
    for stored in [d async for d in bus.replay()]:
        assert b"t0ken" not in stored.message.data
    cluster = served.services.secrets._cluster
    assert isinstance(cluster, SecretsOnly)
    del cluster.secrets["auth"]
    await served.services.secrets.refresh()
    answer = await request(number, "POST", "/a", [("Authorization", "Bearer t0ken")], b"{}")
    assert answer.status == 503  # not the sender's fault: it comes again


async def test_a_rotated_secret_is_used_without_a_restart(
    served: Served, github: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"a":1}'
    good = await deliver(github, body, X_Hub_Signature_256=signed(body))
    assert good.status == 200
    cluster = served.services.secrets._cluster
    assert isinstance(cluster, SecretsOnly)
    cluster.secrets["gh"]["key"] = "new"
    await served.services.secrets.refresh()
    old = await deliver(github, body, X_Hub_Signature_256=signed(body))
    new = await deliver(github, body, X_Hub_Signature_256=signed(body, "new"))
    assert (old.status, new.status) == (400, 200)


async def test_a_redelivery_is_one_event_and_another_body_is_another(
    github: int, bus: memory.MemoryBus
) -> None:
    for body in (b'{"a":1}', b'{"a":1}', b'{"a":2}'):
        answer = await deliver(
            github, body, X_Hub_Signature_256=signed(body), X_GitHub_Delivery="d-1"
        )
        assert answer.status == 200
    assert len([d async for d in bus.replay()]) == 2
