"""What EventBus objects ask for: limits, logins, certificates; and a server of the user's own that
wants certificates, which change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from events import buses
from events.bus.contract import Message
from events.bus.jetstream import Timing
from events.bus_config import BadBus, plan
from events.buses import Buses, ManagedJetStream
from events.secrets import MissingValue, Secrets
from kube.clock import SystemClock
from kube.cluster import Cluster, Object
from tests.events.sources.brokers import Broker
from tests.events.sources.test_nats import running
from tests.events.support import SecretsOnly


def secrets(**known: dict[str, str]) -> Secrets:
    return Secrets(cast("Cluster", SecretsOnly(known)), SystemClock())


def exotic(**more: Any) -> dict[str, Any]:
    return {"jetstreamExotic": {"url": "nats://bus.example:4222", **more}}


async def test_limits_are_those_of_the_stream_config() -> None:
    text = "maxMsgs: 7\nmaxBytes: 2MB\nmaxAge: 1h30m\nduplicates: 10s\nreplicas: 3\n"
    found = await plan(secrets(), "argo", exotic(streamConfig=text))
    limits = found.limits
    assert (limits.max_messages, limits.max_bytes, limits.max_age) == (7, 2 << 20, 5400.0)
    assert (limits.duplicates, limits.replicas) == (10.0, 3)
    managed = await plan(secrets(), "argo", {"jetstream": {"streamConfig": text}})
    assert managed.limits.replicas == 1  # the managed server is one
    assert managed.connection is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, r"spec: exactly one of"),
        ({"jetstream": {}, "kafka": {}}, r"spec: exactly one of"),
        ({"kafka": {}}, r"spec\.kafka: a Kafka bus is not served"),
        ({"jetstreamExotic": {}}, r"spec\.jetstreamExotic\.url: is required"),
        ({"jetstream": {"streamConfig": "maxAge: soon"}}, r"streamConfig\.maxAge: "),
        ({"jetstream": {"streamConfig": "- a"}}, r"streamConfig: is no mapping"),
        (exotic(tls={"caCertSecret": {"name": "pem", "key": "bad"}}), r"caCertSecret: is no PEM"),
        (
            exotic(tls={"clientCertSecret": {"name": "pem", "key": "bad"}}),
            r"tls: .*belong together",
        ),
        (exotic(tls={"insecureSkipVerify": "yes"}), r"tls\.insecureSkipVerify: "),
    ],
)
async def test_what_cannot_be_served_names_its_field(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(BadBus, match=message):
        await plan(secrets(pem={"bad": "no certificate"}), "argo", spec)


async def test_a_missing_secret_names_its_field() -> None:
    spec = exotic(accessSecret={"name": "gone", "key": "auth"})
    with pytest.raises(MissingValue, match=r"spec\.jetstreamExotic\.accessSecret: .*not exist"):
        await plan(secrets(), "argo", spec)


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("username: ann\npassword: p1\n", ("ann", "p1", "")),
        ("token: t1\n", ("", "", "t1")),
        ("t1\n", ("", "", "t1")),
    ],
)
async def test_a_login_is_read_from_the_access_secret(
    text: str, login: tuple[str, str, str]
) -> None:
    held = secrets(access={"auth": text})
    found = await plan(held, "argo", exotic(accessSecret={"name": "access", "key": "auth"}))
    assert found.connection is not None
    said = found.connection.login()
    assert (said.user, said.password, said.token) == login


class Served:
    """One EventBus of a user's own server, in a cluster that holds only its Secret."""

    def __init__(self, broker: Broker, authority: trustme.CA, connect: float = 20.0) -> None:
        self.cluster = SecretsOnly({"tls": {"ca": authority.cert_pem.bytes().decode()}})
        self.conditions: dict[str, tuple[str, str]] = {}
        self.secrets = Secrets(cast("Cluster", self), SystemClock())
        connector = ManagedJetStream(None, Timing(connect=connect))
        self.buses = Buses(cast("Cluster", self), connector, self.secrets, SystemClock())
        reference = [{"name": "tls", "key": key} for key in ("ca", "cert", "key")]
        names = ("caCertSecret", "clientCertSecret", "clientKeySecret")
        spec = {
            "url": f"nats://localhost:{broker.port}",
            "tls": dict(zip(names, reference, strict=True)),
        }
        meta = {"namespace": "argo", "name": "default", "uid": "u", "generation": 1}
        self.obj: Object = {"metadata": meta, "spec": {"jetstreamExotic": spec}}

    async def get(self, *place: Any) -> Object:
        return await self.cluster.get(*place)

    async def patch(self, *place: Any) -> Object:
        for each in place[3]["status"]["conditions"]:
            self.conditions[each["type"]] = (each["status"], each.get("message", ""))
        return {}

    def certify(self, authority: trustme.CA) -> None:
        client = authority.issue_cert("client")
        self.cluster.secrets["tls"] |= {
            "cert": client.cert_chain_pems[0].bytes().decode(),
            "key": client.private_key_pem.bytes().decode(),
        }

    async def until(self, status: str) -> str:
        async with asyncio.timeout(40):
            while self.conditions.get("Deployed", ("", ""))[0] != status:
                await asyncio.sleep(0.01)
        return self.conditions["Deployed"][1]


@asynccontextmanager
async def demanding(folder: Path, authority: trustme.CA) -> AsyncIterator[Broker]:
    """A nats-server that talks to clients of this authority only."""
    server = authority.issue_cert("localhost")
    server.private_key_pem.write_to_path(folder / "key.pem")
    server.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    files = (
        f'cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem", ca_file: "{folder}/ca.pem"'
    )
    config = f'tls {{ {files}, verify: true }}\njetstream {{ store_dir: "{folder}/store" }}'
    async with running(folder, config) as broker:
        yield broker


async def test_a_bus_with_certificates_follows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buses, "_LOOK", 0.02)
    authority = trustme.CA()
    async with demanding(tmp_path, authority) as broker:
        served = Served(broker, authority)
        served.certify(authority)
        await served.buses.start()
        await served.buses.changed(served.obj)
        await served.until("True")
        first = served.buses.current("argo", "default")
        assert first is not None
        await first.publish(Message("argo_default.s.e", "1", b"{}"))

        served.certify(authority)
        await served.secrets.refresh()
        async with asyncio.timeout(40):
            while served.buses.current("argo", "default") in (first, None):
                await asyncio.sleep(0.01)
        second = served.buses.current("argo", "default")
        assert second is not None
        await second.publish(Message("argo_default.s.e", "2", b"{}"))
        assert await second.last() == 2
        await served.buses.stop()


async def test_a_certificate_of_somebody_else_is_said_in_the_condition(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with demanding(tmp_path, authority) as broker:
        served = Served(broker, authority, connect=1.0)
        served.certify(trustme.CA())
        await served.buses.start()
        await served.buses.changed(served.obj)
        assert "no NATS server" in await served.until("False")
        await served.buses.stop()
