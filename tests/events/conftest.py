"""What the tests of this folder run against: a real nats-server, the embedded API in process."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from events.bus import jetstream
from headrace.local.apiserver.api import Api
from headrace.local.apiserver.definitions import kinds_of
from headrace.local.apiserver.inprocess import InProcessCluster
from headrace.local.apiserver.kinds import Kind, Kinds
from headrace.local.apiserver.state import State
from headrace.local.apiserver.store import Store
from headrace.local.nats import NatsServer, NatsSettings
from kube.resources import NAMESPACES


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(NatsSettings(tmp_path / "nats"))
    await server.start()
    yield server
    await server.stop()


def connection(server: NatsServer) -> jetstream.Connection:
    return jetstream.Connection(
        server.url,
        jetstream.Credentials(user=lambda: server.user, password=lambda: server.password),
    )


CRDS = Path(__file__).parent.parent.parent / "crds/manifests"


@functools.cache
def argo_kinds() -> list[Kind]:
    """The kinds of all CRD manifests; reading them takes longer than a test."""
    found = []
    for path in CRDS.glob("*.yaml"):
        found += kinds_of(yaml.load(path.read_text(), Loader=yaml.CSafeLoader))
    return found


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    """The embedded API with the kinds of Argo and a namespace `argo`; no HTTP."""
    store = Store(tmp_path / "cluster.sqlite3")
    api = Api(State(store), Kinds())
    await asyncio.to_thread(api.state.load)
    for kind in await asyncio.to_thread(argo_kinds):
        api.kinds.add(kind)
    store.start()
    found = InProcessCluster(api)
    await found.create(NAMESPACES, None, {"metadata": {"name": "argo"}})
    yield found
    await asyncio.to_thread(store.close)
