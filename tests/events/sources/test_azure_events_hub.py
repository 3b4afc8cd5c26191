"""`azureEventsHub` against a real Kafka broker with a hub's TLS and login."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from events.sources.contract import SourceError
from tests.events.sources.kafka_server import Kafka, kafka
from tests.events.sources.watched_bus import WatchedBus
from tests.events.support import serving

AUTHORITY = trustme.CA()
SECRETS = {"hub": {"name": "reader", "key": "s3cret=\n", "other": "guess"}}


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    with kafka(AUTHORITY) as found:
        yield found


@pytest.fixture
def _trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's certificate is one the system trusts."""
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def spec(fqdn: str, hub: str, **more: Any) -> dict[str, Any]:
    return {
        "fqdn": fqdn,
        "hubName": hub,
        "sharedAccessKeyName": {"name": "hub", "key": "name"},
        "sharedAccessKey": {"name": "hub", "key": "key"},
        **more,
    }


async def made(broker: Kafka, partitions: int) -> str:
    name = f"t{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1)])
    await admin.close()
    return name


async def send(broker: Kafka, hub: str, partition: int, *bodies: bytes, key: bytes | None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{broker.port}")
    await producer.start()
    for body in bodies:
        await producer.send_and_wait(hub, body, key=key, partition=partition)
    await producer.stop()


@pytest.mark.usefixtures("_trusted")
async def test_events_of_all_partitions_arrive_and_none_is_missed_by_a_restart(
    broker: Kafka,
) -> None:
    bus, hub = WatchedBus(), await made(broker, 2)
    await send(broker, hub, 0, b"before", key=None)
    given = spec(f"127.0.0.1:{broker.hub_port}", hub, metadata={"x": "y"})
    async with serving(SECRETS) as served:
        await served.serve(bus, "azureEventsHub", "one", given)
        await send(broker, hub, 0, b"a", key=None)
        await send(broker, hub, 1, b"b", key=b"k")
        await bus.holds(2)
        await served.stop()
        await send(broker, hub, 1, b"while it is away", key=None)
        await served.serve(bus, "azureEventsHub", "one", given)
        await bus.holds(3)
        await served.serve(bus, "azureEventsHub", "two", given)  # every event sees all of it
        await send(broker, hub, 0, b"both", key=None)
        await bus.holds(5)
    body = lambda data: base64.b64decode(data["body"]).decode()  # noqa: E731
    found = {(e.type, e.subject) for e in bus.events()}
    assert found == {("azureEventsHub", "one"), ("azureEventsHub", "two")}
    assert sorted(map(body, bus.data())) == ["a", "b", "both", "both", "while it is away"]
    by_body = {body(data): data for data in bus.data()}
    assert by_body["a"] == {
        "id": "0-1",
        "partitionKey": "",
        "body": base64.b64encode(b"a").decode(),
        "metadata": {"x": "y"},
    }
    assert (by_body["b"]["id"], by_body["b"]["partitionKey"]) == ("1-0", "k")


@pytest.mark.usefixtures("_trusted")
async def test_a_wrong_key_becomes_the_error(broker: Kafka) -> None:
    hub = await made(broker, 1)
    key = {"name": "hub", "key": "other"}
    given = spec(f"127.0.0.1:{broker.hub_port}", hub, sharedAccessKey=key)
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError) as caught:
            await served.serve(WatchedBus(), "azureEventsHub", "e", given)
    assert "guess" not in str(caught.value)
    assert caught.value.path == "spec.azureEventsHub.e"


async def test_a_certificate_nobody_trusts_is_refused(broker: Kafka) -> None:
    given = spec(f"127.0.0.1:{broker.hub_port}", "any")
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=r"spec\.azureEventsHub\.e: "):
            await served.serve(WatchedBus(), "azureEventsHub", "e", given)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fqdn": ""}, "fqdn: '' is no host name"),
        ({"fqdn": "a;b"}, "fqdn: 'a;b' is no host name"),
        ({"fqdn": "a:99999"}, "fqdn: 'a:99999' is no host name"),
        ({"hubName": "a/b"}, "hubName: 'a/b' is no name of a hub"),
        ({"sharedAccessKeyName": None}, "sharedAccessKeyName: is required"),
        ({"sharedAccessKey": None}, "sharedAccessKey: is required"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    async with serving(SECRETS) as served:
        with pytest.raises(SourceError, match=rf"spec\.azureEventsHub\.e\.{words}"):
            await served.serve(
                WatchedBus(), "azureEventsHub", "e", {**spec("hub.example.com", "orders"), **wrong}
            )
