"""Every recorded HTTP ingestion of the types served: status, body and the event's payload.

Left out: ids and times (ours are derived from the delivery) and the bus subject (ours also
names the namespace and the bus, so that two namespaces may share a server).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from events import cloudevent
from events.bus import memory
from events.sources import registry
from events.sources.contract import SourceError
from tests import ports
from tests.events.support import Answer, Served, request, serving
from tests.events.triggers.recorder import Got, Recorder, recording

ORACLE = json.loads(
    (Path(__file__).parent.parent / "oracles/data/events/ingest-http.json").read_text()
)
EVENTS: dict[str, dict[str, Any]] = ORACLE["eventSource"]["spec"]
PORT_KINDS = {
    int((entry.get("webhook") or entry)["port"]): kind
    for kind, events in EVENTS.items()
    for entry in events.values()
}
REFUSED = ("gl", "sl-open")  # a required field is missing: served by nobody, there and here
CASES = [c for c in ORACLE["cases"] if PORT_KINDS[c["port"]] in registry.SOURCES]


def wanted_event(case: dict[str, Any]) -> tuple[str, str] | None:
    """The event whose endpoint is the case's path, if there is just one."""
    kind = PORT_KINDS[case["port"]]
    for name, entry in EVENTS[kind].items():
        if (entry.get("webhook") or entry)["endpoint"] == case["path"].partition("?")[0]:
            return kind, name
    return None


UPSTREAM = "http://127.0.0.1:23190"  # where the recording's providers were


@pytest.fixture
async def upstream() -> AsyncIterator[Recorder]:
    """Stands in for the providers: AWS confirms, the others have nothing yet."""

    def reply(got: Got) -> web.Response:
        if got.path.startswith("/aws"):
            return web.Response(text="<SubscriptionArn>arn:s</SubscriptionArn>")
        return web.json_response({} if got.path.startswith("/sg") else [])

    async with recording(reply) as recorder:
        yield recorder


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(ORACLE["secrets"]) as found:
        yield found


def at(entry: dict[str, Any], port: int, upstream: Recorder) -> dict[str, Any]:
    """`entry` on `port`, its provider at `upstream`."""
    spec: dict[str, Any] = json.loads(json.dumps(entry).replace(UPSTREAM, upstream.url))
    (spec.get("webhook") or spec)["port"] = str(port)
    return spec


async def serve_for(
    served: Served, bus: memory.MemoryBus, case: dict[str, Any], upstream: Recorder
) -> int:
    """Serve what the case needs on a port of its own; the whole type where the path is odd."""
    port = ports.free_port()
    kind = PORT_KINDS[case["port"]]
    exact = wanted_event(case)
    for name, entry in EVENTS[kind].items():
        if exact is not None and name != exact[1]:
            continue
        if exact is None and (entry.get("filter") or {}).get("expression"):
            continue
        spec = at(entry, port, upstream)
        if name == "noslash":
            with pytest.raises(SourceError, match="slash"):
                await served.serve(bus, kind, name, spec)
            continue
        if name in REFUSED:
            with pytest.raises(SourceError, match="is required"):
                await served.serve(bus, kind, name, spec)
            other = next(n for n in EVENTS[kind] if n not in REFUSED)
            name, spec = other, at(EVENTS[kind][other], port, upstream)
        await served.serve(bus, kind, name, spec)
    return port


async def send(port: int, case: dict[str, Any]) -> Answer:
    body = None
    if "body" in case:
        body = case["body"].encode()
    if "bodyBase64" in case:
        body = base64.b64decode(case["bodyBase64"])
    headers = [*case.get("headers", ())]
    if signing := case.get("slackSign"):
        moment = str(int(time.time()) - signing.get("age", 0))
        signed = f"v0:{moment}:".encode() + (body or b"")
        digest = hmac.new(signing["secret"].encode(), signed, hashlib.sha256).hexdigest()
        headers += [("X-Slack-Request-Timestamp", moment), ("X-Slack-Signature", f"v0={digest}")]
    return await request(port, case["method"], case["path"], headers, body)


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
async def test_agrees_with_the_recording(
    served: Served, upstream: Recorder, case: dict[str, Any]
) -> None:
    bus = memory.MemoryBus()
    port = await serve_for(served, bus, case, upstream)
    answer = await send(port, case)
    expected = case["answer"]
    assert (answer.status, answer.body.decode()) == (expected["status"], expected["body"])
    assert answer.headers.get("content-type") == expected.get("contentType")
    calls = [{"body": g.body.decode(), "method": g.method, "path": g.path} for g in upstream.got]
    assert all(call in calls for call in expected.get("upstreamCalls") or ())
    stored = [cloudevent.decode(d.message.data) async for d in bus.replay()]
    assert len(stored) == len(expected["events"])
    for event, wanted in zip(stored, expected["events"], strict=True):
        for field in ("source", "subject", "type", "datacontenttype", "specversion"):
            assert getattr(event, field) == wanted[field]
        data = base64.b64decode(wanted["data_base64"]).decode("utf-8", "replace")
        assert event.data.decode() == data
