"""`amqp` against a real RabbitMQ: payload, declarations, acknowledgements, cuts, kills, TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import trustme
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp import encode
from pamqp.commands import Basic

from events.sources.contract import SourceError
from tests import ports
from tests.events.sources.cable import cable
from tests.events.sources.rabbitmq import RabbitMQ, rabbitmq
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

AUTHORITY = trustme.CA()


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    with tempfile.TemporaryDirectory() as name:
        folder, server = Path(name), AUTHORITY.issue_cert("127.0.0.1")
        AUTHORITY.cert_pem.write_to_path(folder / "ca.pem")
        server.private_key_pem.write_to_path(folder / "key.pem")
        server.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        config = (
            "listeners.ssl.1 = 127.0.0.1:TLS_PORT\n"
            f"ssl_options.cacertfile = {folder}/ca.pem\n"
            f"ssl_options.certfile = {folder}/cert.pem\n"
            f"ssl_options.keyfile = {folder}/key.pem\n"
            "ssl_options.verify = verify_peer\n"
            "ssl_options.fail_if_no_peer_cert = true\n"
        )
        with rabbitmq(config) as found:
            yield found


def spec(broker: RabbitMQ, **more: Any) -> dict[str, Any]:
    """With names of its own, since the tests share the broker."""
    name = f"t{uuid.uuid4().hex[:8]}"
    return {
        "url": f"amqp://guest:guest@127.0.0.1:{broker.port}/",
        "exchangeName": name,
        "exchangeType": "topic",
        "routingKey": "orders.*",
        "queueDeclare": {"name": name, "durable": True},
        "connectionBackoff": {"duration": "50ms", "steps": 300},
        **more,
    }


class AsGiven(Basic.Properties):
    """The library invents an id for a message without one; brokers hand over such without."""

    def __setattr__(self, name: str, value: object) -> None:
        if name != "message_id" or not hasattr(self, "message_id"):
            super().__setattr__(name, value)


class Sender:
    """Publishes with confirmation to what a spec declares."""

    def __init__(self, broker: RabbitMQ, given: dict[str, Any]) -> None:
        self._url = f"amqp://guest:guest@127.0.0.1:{broker.port}/"
        self._given = given

    async def __aenter__(self) -> Sender:
        self._connection = await aio_pika.connect(self._url)
        self.channel: AbstractChannel = await self._connection.channel()
        self._plain = await self._connection.channel(publisher_confirms=False)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connection.close()

    async def send(self, *bodies: bytes, key: str = "orders.new", **properties: Any) -> None:
        """Only messages with an id are confirmed."""
        chosen = self.channel if "message_id" in properties else self._plain
        channel = await chosen.get_underlay_channel()
        for body in bodies:
            await channel.basic_publish(
                body,
                exchange=self._given["exchangeName"],
                routing_key=key,
                properties=AsGiven(**{"delivery_mode": 2, **properties}),
            )

    async def waiting(self) -> int:
        """Messages in the queue that nobody holds."""
        declared = await self.channel.declare_queue(
            self._given["queueDeclare"]["name"], durable=True, passive=True
        )
        return declared.declaration_result.message_count or 0


async def ends_empty(broker: RabbitMQ, given: dict[str, Any]) -> None:
    """Called when the source is gone: what it did not acknowledge would be back."""
    async with Sender(broker, given) as sender:
        assert await sender.waiting() == 0


async def ignore(message: AbstractIncomingMessage) -> None:
    """A consumer that never answers."""


def bodies(data: list[Any]) -> list[bytes]:
    return [base64.b64decode(d["body"]) for d in data]


async def test_a_message_becomes_an_event(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker, jsonBody=True, metadata={"team": "a"})
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.send(
                b'{"n": 1.50}',
                content_type="application/json",
                content_encoding="identity",
                priority=3,
                correlation_id="c",
                reply_to="r",
                expiration="60000",
                message_id="m",
                timestamp=datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC),
                message_type="created",
                app_id="shop",
            )
            await sender.send(b"1", key="orders.old", delivery_mode=1)
            await bus.holds(2)
    first, second = bus.events()
    assert json.loads(first.data) == {
        "contentType": "application/json",
        "contentEncoding": "identity",
        "deliveryMode": 2,
        "priority": 3,
        "correlationId": "c",
        "replyTo": "r",
        "expiration": "60000",
        "messageId": "m",
        "timestamp": "2024-02-03 04:05:06 +0000 UTC",
        "type": "created",
        "appId": "shop",
        "exchange": given["exchangeName"],
        "routingKey": "orders.new",
        "body": {"n": 1.5},
        "metadata": {"team": "a"},
    }
    assert b'"body":{"n":1.50}' in first.data
    plain = json.loads(second.data)
    assert plain["timestamp"] == "0001-01-01 00:00:00 +0000 UTC"
    assert (plain["contentType"], plain["priority"], plain["messageId"]) == ("", 0, "")
    assert {(e.type, e.subject) for e in bus.events()} == {("amqp", "e")}
    await ends_empty(broker, given)


async def test_properties_nobody_can_read_do_not_block_the_queue(
    broker: RabbitMQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, given = WatchedBus(), spec(broker)
    async with Sender(broker, given) as sender, serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        with monkeypatch.context() as strange:
            nanoseconds = (1_700_000_000_000_000_000).to_bytes(8, "big")
            table = b"\x01\xfft\x01"  # a header whose name is no text
            strange.setitem(encode.METHODS, "timestamp", lambda value: nanoseconds)
            strange.setitem(encode.METHODS, "shortstr", lambda value: b"\x02x\xff")
            strange.setitem(encode.METHODS, "table", lambda value: b"\0\0\0\4" + table)
            moment = datetime(2024, 1, 1, tzinfo=UTC)
            properties = Basic.Properties(app_id="x", timestamp=moment, headers={"h": 1})
            raw = properties.marshal()
        monkeypatch.setattr(AsGiven, "marshal", lambda self: raw)
        await sender.send(b"strange")
        monkeypatch.undo()
        await sender.send(b"after", message_id="m", timestamp=datetime(2024, 1, 1, tzinfo=UTC))
        data = await bus.holds(2)
    await ends_empty(broker, given)
    assert sorted(bodies(data)) == [b"after", b"strange"]
    first, second = sorted(data, key=lambda each: str(each["timestamp"]))
    assert (first["timestamp"], first["appId"]) == ("2024-01-01 00:00:00 +0000 UTC", "")
    assert (second["timestamp"], second["appId"]) == ("53870857431-07-31 22:13:20 +0000 UTC", "x�")


async def test_without_declarations_a_queue_of_its_own_is_bound(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker)
    del given["queueDeclare"]
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.send(b"x")
            await sender.send(b"not bound", key="other")
            assert bodies(await bus.holds(1)) == [b"x"]
            await sender.channel.declare_exchange(
                given["exchangeName"], "topic", durable=True
            )  # as the reference declares it


async def test_declarations_and_arguments_are_honoured(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker, exchangeType="fanout")
    name = given["exchangeName"]
    given |= {
        "exchangeDeclare": {"autoDelete": True},
        "queueDeclare": {
            "name": name,
            "autoDelete": True,
            "arguments": "x-message-ttl: 60000\nx-max-priority: 5\n",
        },
        "consume": {"consumerTag": "me", "exclusive": True, "autoAck": True},
    }
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.channel.declare_exchange(name, "fanout", auto_delete=True)
            arguments = {"x-message-ttl": 60000, "x-max-priority": 5}
            queue = await sender.channel.declare_queue(name, auto_delete=True, arguments=arguments)
            with pytest.raises(aio_pika.exceptions.ChannelClosed, match="exclusive"):
                await queue.consume(ignore)
        few = given | {"connectionBackoff": {"duration": "5ms", "steps": 2}}
        with pytest.raises(SourceError, match="exclusive"):
            await served.serve(bus, "amqp", "second", few)


async def test_the_default_exchange_delivers_by_queue_name(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker, exchangeName="", exchangeType="direct")
    given["routingKey"] = given["queueDeclare"]["name"]
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.send(b"x", key=given["routingKey"])
            assert [d["exchange"] for d in await bus.holds(1)] == [""]


async def test_a_message_is_acknowledged_only_when_it_is_durable(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker)
    bus.away = True
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.send(b"1", b"2")
            await bus.until(lambda: len(set(bus.attempts)) == 2)
    async with Sender(broker, given) as sender:
        assert await sender.waiting() == 2
    bus.away = False
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        await bus.holds(2)
    await ends_empty(broker, given)


async def test_what_is_no_json_goes_to_the_dead_letters(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker, jsonBody=True)
    dead = f"dead-{uuid.uuid4().hex[:8]}"
    arguments = f"x-dead-letter-exchange: ''\nx-dead-letter-routing-key: {dead}\n"
    given["queueDeclare"]["arguments"] = arguments
    given["filter"] = {"expression": "body.n > 1"}
    async with Sender(broker, given) as sender, serving({}) as served:
        queue = await sender.channel.declare_queue(dead, durable=True)
        await served.serve(bus, "amqp", "e", given)
        await sender.send(b"{", b'{"n":1}', b'{"n":2}')
        assert [d["body"]["n"] for d in await bus.holds(1)] == [2]
        async with asyncio.timeout(10):
            while (letter := await queue.get(fail=False)) is None:
                await asyncio.sleep(0.02)
        assert letter.body == b"{"
        await letter.ack()


async def test_nothing_is_lost_or_doubled_when_the_wire_is_cut(broker: RabbitMQ) -> None:
    bus = WatchedBus()
    async with cable(broker.port) as wire, serving({}) as served:
        given = spec(broker, url=f"amqp://guest:guest@127.0.0.1:{wire.port}/")
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            bus.away = True
            await sender.send(*[b"%d" % n for n in range(40)], *[b"same"] * 10)
            await bus.until(lambda: len(set(bus.attempts)) == 50)
            wire.cut()
            await eventually(lambda: wire.connections == 2)
            bus.away = False
            await sender.send(b"after")
            data = await bus.holds(51)
            await eventually(lambda: wire.connections == 2)
    await ends_empty(broker, given)
    assert sorted(bodies(data)) == sorted(
        [*(b"%d" % n for n in range(40)), *[b"same"] * 10, b"after"]
    )


async def test_what_was_stored_unheard_is_known_after_a_long_outage(broker: RabbitMQ) -> None:
    bus, notes = WatchedBus(silent=True), list[str]()
    async with cable(broker.port) as wire, serving({}) as served:
        given = spec(broker, url=f"amqp://guest:guest@127.0.0.1:{wire.port}/")
        given["connectionBackoff"] = {"duration": "10ms", "steps": 2}
        await served.serve(bus, "amqp", "e", given, notes=notes)
        async with Sender(broker, given) as sender:
            await sender.send(b"no id", b"no id")
            await bus.holds(2)
            wire.refusing = True
            wire.cut()
            await eventually(lambda: any("lost: spec.amqp.e: " in note for note in notes))
            bus.silent = False
            wire.refusing = False
            await bus.until(lambda: len(bus.attempts) == 4)
            await sender.send(b"after")
            assert bodies(await bus.holds(3)) == [b"no id", b"no id", b"after"]
    await ends_empty(broker, given)


async def test_it_comes_back_when_its_queue_was_deleted(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker)
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.channel.queue_delete(given["queueDeclare"]["name"])
            async with asyncio.timeout(15):
                while not bus.store.log:
                    await sender.send(b"x")
                    await asyncio.sleep(0.05)


async def test_a_crash_after_publishing_brings_the_same_id_again(broker: RabbitMQ) -> None:
    first, given = WatchedBus(silent=True), spec(broker)
    async with serving({}) as served:
        await served.serve(first, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.send(b"x", message_id="one")
            await sender.send(b"x", message_id="two")
            await first.holds(2)
    second = WatchedBus(first.store)
    async with serving({}) as served:
        await served.serve(second, "amqp", "e", given)
        await second.until(lambda: len(second.attempts) == 2)
    assert sorted(second.attempts) == sorted(first.attempts)
    assert len(second.store.log) == 2
    await ends_empty(broker, given)


async def test_nothing_is_lost_when_the_broker_is_killed(broker: RabbitMQ) -> None:
    bus, given = WatchedBus(), spec(broker)
    async with serving({}) as served:
        await served.serve(bus, "amqp", "e", given)
        bus.away = True
        async with Sender(broker, given) as sender:
            for n in range(50):
                await sender.send(b"%d" % n, message_id=str(n))
        await bus.until(lambda: len(set(bus.attempts)) >= 50)
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        bus.away = False
        data = await bus.holds(50)
        async with Sender(broker, given) as sender:
            await sender.send(b"after")
        data = await bus.holds(51)
    assert sorted(bodies(data)) == sorted([*(b"%d" % n for n in range(50)), b"after"])


async def test_login_from_secrets_and_a_rotation(broker: RabbitMQ) -> None:
    store = {"login": {"user": "guest", "password": "guest\n"}}
    auth = {
        "username": {"name": "login", "key": "user"},
        "password": {"name": "login", "key": "password"},
    }
    bus = WatchedBus()
    async with cable(broker.port) as wire, serving(store) as served:
        given = spec(broker, url=f"amqp://127.0.0.1:{wire.port}/", auth=auth)
        await served.serve(bus, "amqp", "e", given)
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["login"]["password"] = "guest"  # the same with no newline: a new value
        await served.services.secrets.refresh()
        await eventually(lambda: wire.connections == 2)
        async with Sender(broker, given) as sender:
            await sender.send(b"x")
            await bus.holds(1)


async def test_the_url_from_a_secret_with_tls(broker: RabbitMQ) -> None:
    client = AUTHORITY.issue_cert("client")
    store = {
        "amqp": {
            "url": f"amqps://guest:guest@127.0.0.1:{broker.tls_port}/\n",
            "ca": AUTHORITY.cert_pem.bytes().decode(),
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }
    }
    tls = {
        "caCertSecret": {"name": "amqp", "key": "ca"},
        "clientCertSecret": {"name": "amqp", "key": "cert"},
        "clientKeySecret": {"name": "amqp", "key": "key"},
    }
    bus = WatchedBus()
    given = spec(broker, urlSecret={"name": "amqp", "key": "url"}, tls=tls)
    del given["url"]
    async with serving(store) as served:
        await served.serve(bus, "amqp", "e", given)
        async with Sender(broker, given) as sender:
            await sender.send(b"x")
            await bus.holds(1)
        bad = given | {"tls": {"enabled": True}, "connectionBackoff": {"steps": 1}}
        with pytest.raises(SourceError, match=r"spec\.amqp\.bad: .*certificate"):
            await served.serve(bus, "amqp", "bad", bad)


async def test_a_wrong_password_is_said_and_not_shown(broker: RabbitMQ) -> None:
    url = f"amqp://guest:hunter2@127.0.0.1:{broker.port}/"
    given = spec(broker, url=url, connectionBackoff={"duration": "5ms", "steps": 1})
    async with serving({}) as served:
        with pytest.raises(SourceError, match="ACCESS_REFUSED") as caught:
            await served.serve(WatchedBus(), "amqp", "e", given)
    assert "hunter2" not in str(caught.value)


GOOD = {"url": "amqp://x", "routingKey": "k", "exchangeType": "topic"}


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"url": ""}, r"spec\.amqp\.e\.url: exactly one"),
        ({"urlSecret": {"name": "a", "key": "b"}}, r"spec\.amqp\.e\.url: exactly one"),
        ({"url": "http://u:secret@x"}, r"spec\.amqp\.e\.url: must be amqp"),
        ({"routingKey": ""}, r"spec\.amqp\.e\.routingKey"),
        ({"exchangeType": "star"}, r"spec\.amqp\.e\.exchangeType"),
        ({"queueDeclare": {"arguments": "a: ["}}, r"spec\.amqp\.e\.queueDeclare\.arguments"),
        ({"queueDeclare": {"arguments": "[1]"}}, r"spec\.amqp\.e\.queueDeclare\.arguments"),
        ({"tls": {}}, r"spec\.amqp\.e\.tls"),
    ],
)
async def test_what_is_wrong_is_named(wrong: dict[str, Any], where: str) -> None:
    async with serving({}) as served:
        with pytest.raises(SourceError, match=where) as caught:
            await served.serve(WatchedBus(), "amqp", "e", GOOD | wrong)
    assert "secret@" not in str(caught.value)


async def test_a_broker_that_is_not_there_becomes_the_condition() -> None:
    url = f"amqp://127.0.0.1:{ports.free_port()}"
    given = GOOD | {"url": url, "connectionBackoff": {"duration": "5ms", "steps": 2}}
    async with serving({}) as served:
        with pytest.raises(SourceError, match="AMQP broker at 127") as caught:
            await served.serve(WatchedBus(), "amqp", "e", given)
    assert caught.value.reason == "Unavailable"


async def test_without_the_client_the_condition_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aiormq", None)
    async with serving({}) as served:
        with pytest.raises(SourceError, match=r"pip install 'headrace\[amqp\]'"):
            await served.serve(WatchedBus(), "amqp", "e", GOOD)
