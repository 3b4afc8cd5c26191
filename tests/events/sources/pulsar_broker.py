"""A standalone Pulsar of a test, from the jars Apache publishes: broker, bookie and WebSocket API.

Who comes needs a token, made with `token`. The API is at `port` without and at `tls_port` with TLS.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import trustme

from tests import ports
from tests.events.sources.brokers import Broker, program
from tests.events.sources.kafka_server import pkcs8
from tests.events.sources.maven import jars

FETCH_SECONDS = 200.0
_VERSION = "4.0.7"
_PARTS = (f"org.apache.pulsar:pulsar-broker:{_VERSION}",)
# What its functions and its etcd need, which are not started.
_WITHOUT = (
    "io.kubernetes:*",
    "com.squareup.okhttp3:*",
    "com.squareup.okio:*",
    "org.jetbrains.kotlin:*",
    "io.reactivex.rxjava3:*",
    "io.vertx:*",
    "net.bytebuddy:*",
    "org.conscrypt:*",
    "io.grpc:grpc-xds",
    "io.grpc:grpc-netty-shaded",
)
_MAIN = "org.apache.pulsar.PulsarStandaloneStarter"
_METADATA = "org.apache.pulsar.metadata.bookkeeper.PulsarMetadata"
_TOKENS = "org.apache.pulsar.broker.authentication.AuthenticationProviderToken"
_ADMIN = "admin"


class Pulsar:
    """The running broker and what is asked of it."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.port, self.tls_port = ports.free_port(), ports.free_port()
        self._key = secrets.token_bytes(32)
        self._configure(folder, authority)
        java = program("java", "default-jre-headless")
        folders = jars("pulsar", _VERSION, *_PARTS, without=_WITHOUT, seconds=FETCH_SECONDS)
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx300m"]
        drivers = [
            f"-Dbookkeeper.metadata.bookie.drivers={_METADATA}BookieDriver",
            f"-Dbookkeeper.metadata.client.drivers={_METADATA}ClientDriver",
        ]
        places = [
            "--bookkeeper-dir",
            str(folder / "bookie"),
            "--metadata-dir",
            str(folder / "meta"),
        ]
        options = ["--config", str(folder / "standalone.conf"), "--no-functions-worker"]
        options += ["--no-stream-storage", "--bookkeeper-port", str(ports.free_port()), *places]
        command = [java, *quick, *drivers, "-cp", f"{folders}/*", _MAIN, *options]
        self.broker = Broker(command, self.port, folder, alive=self._answers, seconds=50)

    def token(self, role: str) -> str:
        """What proves to be `role`: a JSON Web Token with a shared key."""
        parts = [{"alg": "HS256"}, {"sub": role}]
        signed = ".".join(_part(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_part(hmac.digest(self._key, signed.encode(), 'sha256'))}"

    async def send(self, topic: str, *payloads: bytes, **more: str) -> None:
        """Messages through the WebSocket API; `more` is what else a message may have."""
        headers = {"Authorization": f"Bearer {self.token('sender')}"}
        url = f"ws://127.0.0.1:{self.port}/ws/v2/producer/persistent/public/default/{topic}"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(url) as socket,
        ):
            for payload in payloads:
                await socket.send_json({"payload": base64.b64encode(payload).decode(), **more})
                answer = await socket.receive_json()
                assert answer["result"] == "ok", answer

    async def backlog(self, topic: str, subscription: str) -> int:
        """How many messages wait or are not acknowledged."""
        path = f"/admin/v2/persistent/public/default/{topic}/stats?getPreciseBacklog=true"
        found = json.loads((await self._ask(path))[1])
        return int(found["subscriptions"][subscription]["msgBacklog"])

    async def _ask(self, path: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.token(_ADMIN)}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def _answers(self) -> bool:
        try:
            status, text = await self._ask("/admin/v2/namespaces/public")
        except aiohttp.ClientError:
            return False
        return status == 200 and "public/default" in text

    def _configure(self, folder: Path, authority: trustme.CA) -> None:
        issued = authority.issue_cert("127.0.0.1")
        (folder / "key.pem").write_bytes(pkcs8(issued.private_key_pem.bytes()))
        issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        settings = {
            "clusterName": "standalone",
            "bindAddress": "127.0.0.1",
            "advertisedAddress": "127.0.0.1",
            "brokerServicePort": str(ports.free_port()),
            "webServicePort": str(self.port),
            "webServicePortTls": str(self.tls_port),
            "webServiceTlsProvider": "",
            "tlsCertificateFilePath": str(folder / "cert.pem"),
            "tlsKeyFilePath": str(folder / "key.pem"),
            "webSocketServiceEnabled": "true",
            "webSocketMaxTextFrameSize": str(8 << 20),
            "authenticationEnabled": "true",
            "authenticationProviders": _TOKENS,
            "tokenSecretKey": f"data:;base64,{base64.b64encode(self._key).decode()}",
            "superUserRoles": _ADMIN,
            "brokerClientAuthenticationPlugin": (
                "org.apache.pulsar.client.impl.auth.AuthenticationToken"
            ),
            "brokerClientAuthenticationParameters": f"token:{self.token(_ADMIN)}",
            "managedLedgerDefaultEnsembleSize": "1",
            "managedLedgerDefaultWriteQuorum": "1",
            "managedLedgerDefaultAckQuorum": "1",
            "loadBalancerEnabled": "false",
            "systemTopicEnabled": "false",
            "topicLevelPoliciesEnabled": "false",
            "narExtractionDirectory": str(folder),
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (folder / "standalone.conf").write_text(text)


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@asynccontextmanager
async def pulsar_broker(authority: trustme.CA | None = None) -> AsyncIterator[Pulsar]:
    """Running."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-pulsar-"))
    server: Pulsar | None = None
    try:
        server = Pulsar(folder, authority or trustme.CA())
        await server.broker.start()
        yield server
    finally:
        if server is not None:
            await server.broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
