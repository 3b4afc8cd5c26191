"""What all HTTP sources share: limits, names of deliveries, what is hidden. Answers that were
recorded are in `test_ingest_http_oracle`."""

from __future__ import annotations

from typing import Any

import pytest

from tests import ports
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import Answer, request, serving

SECRETS = {"s": {"k": "hush"}}
KEY = {"name": "s", "key": "k"}
READ = "failed to parse request body"
LARGE = "http: request body too large"
FORM = [("Content-Type", "application/x-www-form-urlencoded")]


def spec(kind: str, **more: Any) -> dict[str, Any]:
    """The least that `kind` needs, on a port of its own, at `/e`."""
    endpoint = {"port": str(ports.free_port()), "endpoint": "/e", **more}
    needed: dict[str, dict[str, Any]] = {
        "github": {"organizations": ["acme"]},
        "gitlab": {"gitlabBaseURL": "https://x", "events": ["PushEvents"], "accessToken": KEY},
        "bitbucket": {"repositories": [{"owner": "acme", "repositorySlug": "shop"}]},
        "bitbucketserver": {"bitbucketserverBaseURL": "https://x"},
        "gerrit": {
            "gerritBaseURL": "https://x",
            "projects": ["shop"],
            "events": ["ref-updated"],
            "hookName": "h",
        },
        "stripe": {},
    }
    if kind == "webhook":
        return {"method": "POST", **endpoint}
    return {**needed[kind], "webhook": endpoint}


async def post(given: dict[str, Any], body: bytes, *headers: tuple[str, str]) -> Answer:
    port = int((given.get("webhook") or given)["port"])
    return await request(port, "POST", "/e", headers, body)


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("webhook", 400, f"{READ}, {LARGE}" * 2),  # the reference says it twice
        ("github", 400, LARGE),
        ("gitlab", 400, LARGE),
        ("bitbucket", 400, LARGE),
        ("gerrit", 400, LARGE),
        (
            "bitbucketserver",
            400,
            f"failed to validate bitbucketserver webhook request: {READ}: {LARGE}",
        ),
        ("stripe", 503, ""),
    ],
)
async def test_a_body_of_just_the_limit_is_taken_and_one_more_byte_is_not(
    kind: str, status: int, text: str
) -> None:
    bus, given = WatchedBus(), spec(kind, maxPayloadSize=32)
    json = ("Content-Type", "application/json")
    async with serving(SECRETS) as served:
        await served.serve(bus, kind, "e", given)
        fits = b'{"a":"%b"}' % (b"x" * 24)
        assert len(fits) == 32
        assert (await post(given, fits, json)).status == 200
        answer = await post(given, fits.replace(b"x", b"xx", 1), json)
    assert (answer.status, answer.body.decode()) == (status, text)
    assert len(bus.events()) == 1


async def test_a_form_has_a_limit_of_its_own_and_its_query_is_checked() -> None:
    bus, given = WatchedBus(), spec("webhook", maxPayloadSize=32)
    port = int(given["port"])
    async with serving(SECRETS) as served:
        await served.serve(bus, "webhook", "e", given)
        assert (await post(given, b"a=" + b"x" * 100, *FORM)).status == 200
        answer = await post(given, b"a=" + b"x" * (10 << 20), *FORM)
        assert (answer.status, answer.body) == (500, b"http: POST too large" * 2)
        answer = await request(port, "POST", "/e?q=%zz", FORM, b"a=1")
        assert (answer.status, answer.body) == (500, b'invalid URL escape "%zz"' * 2)
    assert len(bus.events()) == 1


@pytest.mark.parametrize(
    ("kind", "name", "same"),
    [
        ("github", "X-GitHub-Delivery", True),
        ("gitlab", "Idempotency-Key", True),
        ("gitlab", "X-Gitlab-Event-UUID", True),
        ("bitbucket", "X-Request-UUID", True),
        ("bitbucketserver", "X-Request-Id", True),
        ("webhook", "Idempotency-Key", True),
        ("webhook", "Webhook-Id", True),
        ("webhook", "X-Request-Id", False),  # proxies put it on everything
        ("bitbucket", "X-Hook-UUID", False),
        ("github", "Idempotency-Key", False),
    ],
)
async def test_a_delivery_sent_again_is_one_event_where_it_has_a_name(
    kind: str, name: str, same: bool
) -> None:
    bus, given = WatchedBus(), spec(kind)
    json = ("Content-Type", "application/json")
    async with serving(SECRETS) as served:
        await served.serve(bus, kind, "e", given)
        for way in ("a", "b"):
            sent = [json, (name, "d-1"), ("X-Forwarded-For", way)]
            assert (await post(given, b'{"n":1}', *sent)).status == 200
        assert (await post(given, b'{"n":2}', json, (name, "d-1"))).status == 200
    assert len(bus.events()) == (2 if same else 3)


async def test_the_content_of_a_get_is_its_query() -> None:
    bus, given = WatchedBus(), spec("webhook", method="GET")
    async with serving(SECRETS) as served:
        await served.serve(bus, "webhook", "e", given)
        for query in ("a=1", "a=1", "a=2"):
            sent = [("Idempotency-Key", "k")]
            answer = await request(int(given["port"]), "GET", f"/e?{query}", sent)
            assert answer.status == 200
    assert [data["body"] for data in bus.data()] == [{"a": ["1"]}, {"a": ["2"]}]


async def test_all_types_share_a_port() -> None:
    bus = WatchedBus()
    kinds = ("webhook", "github", "gitlab", "bitbucket", "bitbucketserver", "gerrit", "stripe")
    port = str(ports.free_port())
    json = ("Content-Type", "application/json")
    async with serving(SECRETS) as served:
        for kind in kinds:
            given = spec(kind)
            (given.get("webhook") or given).update(port=port, endpoint=f"/{kind}")
            await served.serve(bus, kind, f"of-{kind}", given)
        for kind in kinds:
            answer = await request(int(port), "POST", f"/{kind}", [json], b"{}")
            assert answer.status == 200
    assert [event.subject for event in bus.events()] == [f"of-{kind}" for kind in kinds]


async def test_the_id_of_a_cloudevent_is_its_senders_own() -> None:
    bus, given = WatchedBus(), spec("webhook")
    async with serving(SECRETS) as served:
        await served.serve(bus, "webhook", "e", given)
        for sender in ("a", "a", "b"):
            sent = [("Ce-Id", "1"), ("Ce-Source", sender)]
            assert (await post(given, b"{}", *sent)).status == 200
    assert len(bus.events()) == 2


async def test_an_authorization_is_masked_and_an_empty_one_is_none() -> None:
    bus, given = WatchedBus(), spec("webhook")
    async with serving(SECRETS) as served:
        await served.serve(bus, "webhook", "e", given)
        await post(given, b"{}", ("Authorization", ""))
        await post(given, b"{}", ("Authorization", ""), ("Authorization", "Bearer x"))
    shown = [data["header"]["Authorization"] for data in bus.data()]
    assert shown == [[""], ["*** Masked Auth Secret ***"]]
