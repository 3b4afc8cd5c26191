"""A Kafka broker of a test module, in KRaft mode, from the jars Apache publishes.

Listeners: PLAINTEXT on `port`, SASL_PLAINTEXT (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512) on `sasl_port`,
SSL on `tls_port`, and on `hub_port` what an Azure Event Hub has: TLS, and PLAIN with the connection
string `HUB`.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests import ports
from tests.events.sources.brokers import program
from tests.events.sources.maven import jars

_VERSION = "3.9.1"
_PARTS = (f"org.apache.kafka:kafka_2.13:{_VERSION}", "org.slf4j:slf4j-nop:1.7.36")
USER, PASSWORD = "orders", "s3cret"
HUB = "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=reader;SharedAccessKey=s3cret="


class Kafka:
    """One node that is broker and controller."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self._java = program("java", "default-jre-headless")
        self._jars = jars("kafka", _VERSION, *_PARTS)
        self.port, self.sasl_port = ports.free_port(), ports.free_port()
        self.tls_port, self.hub_port = ports.free_port(), ports.free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        _certificates(folder, authority)
        self._write_config(ports.free_port())
        self._format()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._folder / "server.properties")),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        give_up = time.monotonic() + 50
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError((self._folder / "output").read_text()[-3000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def _command(self, main: str, *arguments: str) -> list[str]:
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx300m"]
        return [self._java, *quick, "-cp", f"{self._jars}/*", main, *arguments]

    def _format(self) -> None:
        # Never with a dash in front: the tool would take it for an option.
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        users = [f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
        given = [part for user in users for part in ("--add-scram", user)]
        config = str(self._folder / "server.properties")
        command = self._command(
            "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config, *given
        )
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=50)
        if done.returncode != 0:
            raise RuntimeError(done.stdout.decode() + done.stderr.decode())

    def _write_config(self, controller: int) -> None:
        folder = self._folder
        listeners = {
            "PLAINTEXT": self.port,
            "SASL_PLAINTEXT": self.sasl_port,
            "SSL": self.tls_port,
            "SASL_SSL": self.hub_port,
        }
        shown = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())
        login = "org.apache.kafka.common.security"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"{shown},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": shown,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,"
            + ",".join(f"{name}:{name}" for name in listeners),
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(folder / "data"),
            "num.partitions": "1",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "500",
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "200",
            "auto.create.topics.enable": "false",
            "log.flush.interval.messages": "1",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config": (
                f"{login}.scram.ScramLoginModule required;"
            ),
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
                f"{login}.scram.ScramLoginModule required;"
            ),
            "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                f'{login}.plain.PlainLoginModule required user_$ConnectionString="{HUB}";'
            ),
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.ssl.client.auth": "none",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "ssl.client.auth": "required",
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (folder / "server.properties").write_text(text)

    def _accepts(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as client:
                # ApiVersions, version 0, correlation 1, client "t"
                client.sendall(b"\x00\x00\x00\x0b\x00\x12\x00\x00\x00\x00\x00\x01\x00\x01t")
                client.settimeout(5)
                return bool(client.recv(1))
        except OSError:
            return False


def _certificates(folder: Path, authority: trustme.CA) -> None:
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    key = folder / "server.pem"
    key.write_bytes(pkcs8(issued.private_key_pem.bytes()) + issued.cert_chain_pems[0].bytes())


def pkcs8(pem: bytes) -> bytes:
    """A private key as Java reads it."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@contextmanager
def kafka(authority: trustme.CA) -> Iterator[Kafka]:
    """Running."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-kafka-"))
    server: Kafka | None = None
    try:
        server = Kafka(folder, authority)
        server.start()
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)
