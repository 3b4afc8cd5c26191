"""`kafka` against a real broker: message, key, headers, logins, TLS, shared producers, refusals."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trustme
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from events.triggers import kafka_producer, registry
from events.triggers.clients import ClientPool
from events.triggers.contract import FiringContext, TriggerFailed
from kube import egress_rules
from kube.egress import EgressSettings
from tests import ports
from tests.events.sources.kafka_server import PASSWORD, USER, Kafka, kafka
from tests.events.triggers.firing import KEY, TRACE, context, fire, selector, taken, whole

AUTHORITY = trustme.CA()
LOGIN = {"login": {"user": USER, "password": PASSWORD + "\n", "wrong": "no"}}


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    with kafka(AUTHORITY) as found:
        yield found


async def topic(broker: Kafka, **config: str) -> str:
    name = f"t{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}")
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=config)])
    await admin.close()
    return name


async def read(broker: Kafka, name: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(
        name, bootstrap_servers=f"127.0.0.1:{broker.port}", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


def spec(broker: Kafka, name: str, **more: Any) -> dict[str, Any]:
    return {"url": f"127.0.0.1:{broker.port}", "topic": name, "payload": [whole()], **more}


async def test_a_message_is_produced_under_the_firing_key(broker: Kafka) -> None:
    name = await topic(broker)
    secrets = {"headers": {"token": "hush\n"}}
    given = spec(
        broker,
        "other",
        partitioningKey="x",
        headers={"team": "a"},
        secureHeaders=[
            {"name": "auth", "valueFrom": {"secretKeyRef": selector("headers", "token")}}
        ],
        compress=True,
        flushFrequency=5,
        requiredAcks=1,
        parameters=[
            {"src": {"dependencyName": "push", "value": name}, "dest": "topic"},
            taken("body.name", "partitioningKey"),
        ],
    )
    assert await fire("kafka", given, secrets) == f"Kafka {name}[0]@0"
    [message] = await read(broker, name, 1)
    assert json.loads(message.value)["count"] == 3
    assert message.key == b"shop"
    assert dict(message.headers) == {
        "Idempotency-Key": KEY.encode(),
        "traceparent": TRACE.encode(),
        "team": b"a",
        "auth": b"hush",
    }


@pytest.mark.parametrize("mechanism", ["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_it_logs_in(broker: Kafka, mechanism: str) -> None:
    name = await topic(broker)
    sasl = {
        "mechanism": mechanism,
        "userSecret": selector("login", "user"),
        "passwordSecret": selector("login", "password"),
    }
    given = spec(broker, name, url=f"127.0.0.1:{broker.sasl_port}", sasl=sasl)
    await fire("kafka", given, LOGIN)
    assert len(await read(broker, name, 1)) == 1
    wrong = given | {"sasl": sasl | {"passwordSecret": selector("login", "wrong")}}
    with pytest.raises(TriggerFailed, match=r"kafka\.url") as caught:
        await fire("kafka", wrong, LOGIN)
    assert "s3cret" not in str(caught.value)


async def test_tls_with_a_client_certificate(broker: Kafka) -> None:
    name, client = await topic(broker), AUTHORITY.issue_cert("client")
    secrets = {
        "tls": {
            "ca": AUTHORITY.cert_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }
    }
    tls = {
        "caCertSecret": selector("tls", "ca"),
        "clientCertSecret": selector("tls", "cert"),
        "clientKeySecret": selector("tls", "key"),
    }
    given = spec(broker, name, url=f"127.0.0.1:{broker.tls_port}", tls=tls)
    await fire("kafka", given, secrets)
    assert len(await read(broker, name, 1)) == 1
    with pytest.raises(TriggerFailed, match=r"kafka\.url"):
        await fire("kafka", given | {"tls": {"enabled": True}}, secrets)


@asynccontextmanager
async def sharing() -> AsyncIterator[FiringContext]:
    pool = ClientPool()
    await pool.start()
    found = context()
    try:
        yield replace(found, services=replace(found.services, clients=pool))
    finally:
        await pool.stop()


async def test_firings_share_a_producer(broker: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    name, made = await topic(broker), []
    start = kafka_producer.start

    async def counted(*args: Any) -> Any:
        made.append(args)
        return await start(*args)

    monkeypatch.setattr(kafka_producer, "start", counted)
    trigger = registry.TRIGGERS["kafka"]
    async with sharing() as firing:
        for _ in range(3):
            await trigger.fire(firing, spec(broker, name))
        await trigger.fire(firing, spec(broker, name, compress=True))
    assert len(made) == 2
    assert len(await read(broker, name, 4)) == 4


async def test_a_message_that_is_too_large_is_permanent(broker: Kafka) -> None:
    name = await topic(broker, **{"max.message.bytes": "100"})
    given = spec(broker, name, headers={"long": "x" * 500})
    with pytest.raises(TriggerFailed, match=r"kafka\.topic") as caught:
        await fire("kafka", given)
    assert caught.value.permanent


async def test_a_topic_that_can_be_none_is_permanent(broker: Kafka) -> None:
    with pytest.raises(TriggerFailed, match=r"kafka\.topic") as caught:
        await fire("kafka", spec(broker, "a/b"))
    assert caught.value.permanent


async def test_a_broker_the_cluster_names_is_checked_too(broker: Kafka) -> None:
    # Reached by another name than the one the cluster gives, which is not in the allow list.
    allowed = EgressSettings(allow=egress_rules.parse(["localhost"]))
    name = await topic(broker)
    given = spec(broker, name, url=f"localhost:{broker.port}")
    with pytest.raises(TriggerFailed, match=r"127\.0\.0\.1 is not in the list of allowed"):
        await fire("kafka", given, egress=allowed)


async def test_a_broker_of_headrace_itself_is_refused() -> None:
    own = EgressSettings(own_ports=lambda: frozenset({4999}))
    given = {"url": "localhost:4999", "topic": "t", "payload": [whole()]}
    with pytest.raises(TriggerFailed, match="belongs to headrace"):
        await fire("kafka", given, egress=own)


async def test_no_broker_is_worth_another_try() -> None:
    given = {"url": f"127.0.0.1:{ports.free_port()}", "topic": "t", "payload": [whole()]}
    with pytest.raises(TriggerFailed, match=r"kafka\.url") as caught:
        await fire("kafka", given)
    assert not caught.value.permanent


def test_the_password_is_not_shown() -> None:
    settings = kafka_producer.Settings((("h", 1),), password="hush")
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, "url:"),
        ({"url": "http://x:1"}, "url: must be"),
        ({"topic": ""}, "topic:"),
        ({"payload": []}, "payload:"),
        ({"sasl": {"mechanism": "NTLM"}}, "sasl.mechanism:"),
        ({"sasl": {"userSecret": selector("a", "b")}}, "sasl:"),
    ],
)
def test_what_is_missing_is_named(wrong: dict[str, Any], where: str) -> None:
    given = {"url": "h:1", "topic": "t", "payload": [whole()], **wrong}
    assert (registry.TRIGGERS["kafka"].check(given) or "").startswith(where)
