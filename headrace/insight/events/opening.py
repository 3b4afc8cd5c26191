"""The bus behind an EventBus object, opened for reading (and for commands) from another process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from events import bus_config
from events.bus import jetstream, subjects
from events.bus.contract import Bus, BusError
from events.secrets import MissingValue, Secrets
from headrace.local import instance
from kube import resources
from kube.clock import SystemClock
from kube.cluster import Cluster
from kube.errors import NotFound


class NoBus(Exception):
    """The bus cannot be opened; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """The NATS server of managed buses, where it is not the one of a local `headrace up`."""

    url: str = ""
    user: str = ""
    password_file: Path | None = None
    kubeconfig: str | None = None


@asynccontextmanager
async def opened(cluster: Cluster, namespace: str, name: str, server: Server) -> AsyncIterator[Bus]:
    """The bus, started. Raises NoBus, KubeError."""
    try:
        found = await cluster.get(resources.EVENT_BUSES, namespace, name)
    except NotFound as error:
        raise NoBus(f'there is no EventBus "{name}" in namespace "{namespace}"') from error
    secrets = Secrets(cluster, SystemClock())
    try:
        plan = await bus_config.plan(secrets, namespace, found.get("spec") or {})
    except (bus_config.BadBus, MissingValue) as error:
        raise NoBus(f"EventBus {name}: {error}") from error
    connection = plan.connection
    if connection is None:
        connection = await asyncio.to_thread(_managed, server)
    bus = jetstream.JetStreamBus(connection, subjects.stream(namespace, name), plan.limits)
    try:
        await bus.start(timeout=10.0)
    except (BusError, OSError, TimeoutError) as error:
        raise NoBus(f"the bus at {connection.url} does not answer: {error}") from error
    try:
        yield bus
    finally:
        await bus.stop()


def _managed(server: Server) -> jetstream.Connection:
    """The server of buses that headrace runs itself. Raises NoBus."""
    if server.url:
        password = server.password_file.read_text().strip() if server.password_file else ""
        return _connection(server.url, server.user, password)
    folder = _folder(server.kubeconfig)
    if folder is None:
        raise NoBus(
            "this bus is managed by headrace in the cluster: name its NATS server with --nats-url, "
            "--nats-user and --nats-password-file"
        )
    try:
        listed = next((folder / "nats").glob("*.ports"))
        port = json.loads(listed.read_text())["nats"][0].rpartition(":")[2]
        password = (folder / "nats" / "password").read_text().strip()
    except (OSError, StopIteration, ValueError, KeyError) as error:
        raise NoBus(f"NATS does not run in {folder}: start it with headrace up") from error
    return _connection(f"nats://127.0.0.1:{port}", "headrace", password)


def _folder(kubeconfig: str | None) -> Path | None:
    """The data folder of the local cluster that the kubeconfig is of, or of the running one."""
    if kubeconfig:
        folder = Path(kubeconfig).absolute().parent
        return folder if (folder / "nats").is_dir() else None
    running = instance.running()
    return running.data_dir if running else None


def _connection(url: str, user: str, password: str) -> jetstream.Connection:
    credentials = jetstream.Credentials(user=lambda: user, password=lambda: password)
    return jetstream.Connection(url, credentials)
