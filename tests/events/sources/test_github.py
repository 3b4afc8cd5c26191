"""`github`: what becomes of the body. Other payloads: the recordings."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests import ports
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import Answer, request, serving

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


async def deliver(bus: WatchedBus, body: bytes, kind: str = JSON) -> Answer:
    port = ports.free_port()
    spec: dict[str, Any] = {
        "organizations": ["acme"],
        "webhook": {"port": str(port), "endpoint": "/gh"},
    }
    async with serving({}) as served:
        await served.serve(bus, "github", "gh", spec)
        return await request(port, "POST", "/gh", [("Content-Type", kind)], body)


@pytest.mark.parametrize("is_form", [False, True])
@pytest.mark.parametrize(
    ("given", "printed"),
    [
        (b"1.0", b"1"),
        (b"1.50", b"1.5"),
        (b"1e3", b"1000"),
        (b"1e21", b"1e+21"),
        (b"1e-7", b"1e-7"),
        (b"12345678901234567890", b"12345678901234567890"),  # digits are kept on purpose
        (b'"<\\u2028\\ud800"', '"\\u003c\\u2028\ufffd"'.encode()),
        (b'{"z":[2.0],"a":1}', b'{"a":1,"z":[2]}'),
    ],
)
async def test_a_body_is_printed_as_the_reference_prints_it(
    given: bytes, printed: bytes, is_form: bool
) -> None:
    bus, body = WatchedBus(), b'{"v":%b}' % given
    if is_form:
        body = b"payload=" + quote(body).encode()
    assert (await deliver(bus, body, FORM if is_form else JSON)).status == 200
    [event] = bus.events()
    assert b'"X-GitHub-Event":"","v":%b}' % printed in event.data


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nul", "invalid character ' ' in literal null (expecting 'l')"),
        (b"-", "invalid character ' ' in numeric literal"),
        (b'{"a":1.', "invalid character ' ' after decimal point in numeric literal"),
        (b'{"a":"\\u12', "invalid character ' ' in \\u hexadecimal character escape"),
        (b'{"a":"b', "unexpected end of JSON input"),
        (b'{"a":1e400}', "json: cannot unmarshal number 1e400 into Go value of type float64"),
        (b"[]", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (b'{"a":' * 700 + b"1" + b"}" * 700, "exceeded max depth"),
    ],
)
async def test_what_is_no_payload_is_refused_in_the_references_words(
    body: bytes, words: str
) -> None:
    bus = WatchedBus()
    answer = await deliver(bus, body)
    assert (answer.status, answer.body.decode()) == (400, words)
    assert bus.events() == []


async def test_bytes_that_are_no_text_become_what_readers_see() -> None:
    bus = WatchedBus()
    assert (await deliver(bus, b'{"a":"\xff","n":1.0}')).status == 200
    assert bus.data()[0]["body"]["a"] == "\ufffd"
    assert bus.data()[0]["body"]["n"] == 1
