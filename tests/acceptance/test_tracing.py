"""One trace from the sender's span to the pods, at a real OTLP receiver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.acceptance.local_cluster import LocalCluster, argo
from tests.events.triggers.recorder import Recorder, recording

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorder]:
    """Where spans are sent to."""
    async with recording() as recorder:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", recorder.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=events")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield recorder


def received(collector: Recorder) -> dict[str, Span]:
    """The spans of our trace, by name."""
    found: dict[str, Span] = {}
    for got in collector.got:
        assert (got.method, got.path) == ("POST", "/v1/traces")
        assert got.headers["x-team"] == "events"
        for resource in ExportTraceServiceRequest.FromString(got.body).resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "headrace"
            for scope in resource.scope_spans:
                found |= {s.name: s for s in scope.spans if s.trace_id.hex() == TRACE}
    return found


def manifests(port: int) -> list[dict[str, Any]]:
    """A webhook, and a Sensor that makes a workflow of two steps, the second of which fails."""
    command = ["sh", "-c", "echo $TRACEPARENT"]
    good = {"name": "good", "container": {"image": "alpine", "command": command}}
    bad = {"name": "bad", "container": {"image": "alpine", "command": ["false"]}}
    steps = [[{"name": "one", "template": "good"}], [{"name": "two", "template": "bad"}]]
    spec = {"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, good, bad]}
    workflow = {**argo("Workflow", "", spec), "metadata": {"generateName": "traced-"}}
    creates = {"operation": "create", "source": {"resource": workflow}}
    webhook = {"endpoint": "/go", "method": "POST", "port": str(port)}
    dependency = {"name": "go", "eventSourceName": "hook", "eventName": "go"}
    triggers = [{"template": {"name": "make", "k8s": creates}}]
    return [
        argo("EventBus", "default", {"jetstream": {"version": "latest"}}),
        argo("EventSource", "hook", {"webhook": {"go": webhook}}),
        argo("Sensor", "maker", {"dependencies": [dependency], "triggers": triggers}),
    ]


async def test_spans_lead_from_the_sender_to_the_pods(
    local: LocalCluster, port: int, collector: Recorder
) -> None:
    await local.start()
    local.apply(*manifests(port))
    await local.deployed()
    headers = {"traceparent": f"00-{TRACE}-{SENDER}-01"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"http://127.0.0.1:{port}/go", json={"secret": "hush"}) as answer,
    ):
        assert answer.status == 200
    [workflow] = await local.finished()
    name = workflow["metadata"]["name"]
    wanted = ["event hook/go", "trigger default/maker/make", f"workflow {name}", f"Steps {name}"]
    async with asyncio.timeout(20):
        while not {*wanted, "Pod one", "Pod two"} <= received(collector).keys():
            await asyncio.sleep(0.05)
    found = received(collector)
    parent = SENDER
    for each in wanted:
        assert found[each].parent_span_id.hex() == parent, each
        parent = found[each].span_id.hex()
    for pod in ("Pod one", "Pod two"):
        step = next(s for s in found.values() if s.span_id == found[pod].parent_span_id)
        assert step.name.startswith(("StepGroup ", "Steps "))
    fails, works = Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET
    assert found["Pod two"].status.code == found[f"workflow {name}"].status.code == fails
    assert found["Pod one"].status.code == works
    assert found["Pod two"].start_time_unix_nano >= found["Pod one"].end_time_unix_nano
    trigger = found["trigger default/maker/make"].span_id.hex()
    said = local.cli("logs", name).stdout
    assert f"00-{TRACE}-{trigger}-01" in said
    assert not any(b"hush" in got.body for got in collector.got)


async def test_a_collector_that_is_away_holds_nothing_up(
    local: LocalCluster, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    await local.start()
    local.apply(*manifests(port))
    await local.deployed()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/go", json={}) as answer,
    ):
        assert answer.status == 200
    await local.finished()
    async with asyncio.timeout(10):
        await local.stop()
    assert local.process is not None
    assert local.process.returncode == 0
