"""The egress policy holds for every kind that connects to something: metadata services of clouds
and headrace's own ports are not reached, however their address is written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
from tests import ports
from tests.events.triggers import firing
from tests.events.triggers.firing import selector, whole
from tests.events.triggers.recorder import recording

SECRETS = {
    "s": {"token": "t", "key": "k", "bus": "", "user": "u"},
}
KEY = selector("s", "key")


def resource(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"operation": "create", "source": dict(source)}


def s3(place: str) -> dict[str, Any]:
    bucket = {"name": "b", "key": "k"}
    return {
        "endpoint": place,
        "insecure": True,
        "bucket": bucket,
        "accessKey": KEY,
        "secretKey": KEY,
    }


LAMBDA = {"functionName": "f", "region": "eu-west-1", "accessKey": KEY, "secretKey": KEY}
KINDS: dict[str, tuple[str, Callable[[str, str, int], dict[str, Any]]]] = {
    "http": ("http", lambda place, host, port: {"url": f"http://{place}/"}),
    "kafka": ("kafka", lambda place, host, port: {"url": place, "topic": "t"}),
    "schema": (
        "kafka",
        lambda place, host, port: {
            "url": "127.0.0.1:1",
            "topic": "t",
            "schemaRegistry": {"url": f"http://{place}", "schemaId": 1},
        },
    ),
    "nats": ("nats", lambda place, host, port: {"url": f"nats://{place}", "subject": "s"}),
    "pulsar": ("pulsar", lambda place, host, port: {"url": f"ws://{place}", "topic": "t"}),
    "openWhisk": (
        "openWhisk",
        lambda place, host, port: {"host": f"http://{place}", "actionName": "a"},
    ),
    "custom": ("custom", lambda place, host, port: {"serverURL": place, "spec": {"a": "b"}}),
    "email": (
        "email",
        lambda place, host, port: {
            "host": host.strip("[]"),
            "port": port,
            "from": "a@b.c",
            "to": ["a@b.c"],
            "subject": "s",
            "body": "b",
        },
    ),
    "slack": (
        "slack",
        lambda place, host, port: {"slackToken": KEY, "channel": "c", "message": "m"},
    ),
    "awsLambda": ("awsLambda", lambda place, host, port: LAMBDA),
    "azureEventHubs": (
        "azureEventHubs",
        lambda place, host, port: {
            "fqdn": place,
            "hubName": "h",
            "sharedAccessKeyName": KEY,
            "sharedAccessKey": KEY,
        },
    ),
    "azureServiceBus": (
        "azureServiceBus",
        lambda place, host, port: {"connectionString": selector("s", "bus"), "queueName": "q"},
    ),
    "url": ("k8s", lambda place, host, port: resource({"url": {"path": f"http://{place}/"}})),
    "s3": ("k8s", lambda place, host, port: resource({"s3": s3(place)})),
    "git": (
        "k8s",
        lambda place, host, port: resource(
            {"git": {"url": f"http://{place}/r.git", "filePath": "a"}}
        ),
    ),
    "ssh": (
        "k8s",
        lambda place, host, port: resource(
            {"git": {"url": f"ssh://{place}/r.git", "filePath": "a", "sshKeySecret": KEY}}
        ),
    ),
}


@dataclass(slots=True)
class Own:
    """A port of headrace itself; counts those that come."""

    port: int
    connections: int = 0


@pytest.fixture
async def own() -> AsyncIterator[Own]:
    found = Own(ports.free_port())

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        writer.close()

    async with await asyncio.start_server(come, "", found.port):
        yield found


async def attempt(kind: str, host: str, port: int, own: Own, environment: Any) -> str:
    """Fire it, to this address; what it says."""
    place = f"{host}:{port}"
    for variable in ("AWS_ENDPOINT_URL", "SLACK_API_URL"):
        environment.setenv(variable, f"http://{place}")
    bus = f"Endpoint=sb://{place}/;SharedAccessKeyName=n;SharedAccessKey=k;"
    secrets = {"s": {**SECRETS["s"], "bus": bus + "UseDevelopmentEmulator=true"}}
    name, spec = KINDS[kind]
    egress = EgressSettings(own_ports=lambda: frozenset({own.port}))
    given = {"payload": [whole()], **spec(place, host, port)}
    with pytest.raises((TriggerFailed, AssertionError)) as refused:
        await firing.fire(name, given, secrets, egress=egress)
    return str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
async def test_metadata_services_are_not_reached(
    kind: str, own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await attempt(kind, "169.254.169.254", 80, own, monkeypatch)
    assert "link-local address" in said


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.0.0.2", "0.0.0.0", "[::1]", "[::]"]
)
@pytest.mark.parametrize("kind", KINDS)
async def test_ports_of_headrace_itself_are_not_reached(
    kind: str, host: str, own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await attempt(kind, host, own.port, own, monkeypatch)
    written = "[" in host and kind in ("azureEventHubs", "azureServiceBus", "kafka")
    assert "belongs to headrace itself" in said or written
    assert own.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_spelling_gets_around_it(
    kind: str, host: str, own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await attempt(kind, host, 80, own, monkeypatch)
    assert any(words in said for words in ("link-local address", "canonical", "must be", "no host"))


async def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing(
    own: Own, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.1", "169.254.169.254"]

    def changing(host: str, port: int, *more: Any) -> list[Any]:
        assert host == "rebind.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    async with recording() as server:
        given = {"url": f"http://rebind.example:{server.port}/"}
        monkeypatch.setattr(socket, "getaddrinfo", changing)
        assert await firing.fire("http", given) == "HTTP 200"  # one look-up, and its own address
        with pytest.raises(TriggerFailed, match="link-local"):
            await firing.fire("http", given)
    assert len(server.got) == 1
