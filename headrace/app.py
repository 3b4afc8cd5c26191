"""The composition root of `headrace up`: which parts there are, and in which order they start.

Nothing else builds parts of other houses. Parts stop in the reverse order; the first that fails
stops all, and its error is what the user sees.
"""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import prometheus_client

from crds import definitions
from engine.runtime import limit_database, metrics
from engine.runtime.controller import EngineRuntime
from engine.runtime.controller import Settings as EngineSettings
from engine.runtime.cronworkflows import CronRuntime
from engine.runtime.limit_database import LimitDatabase
from events.bus import jetstream
from events.buses import ManagedJetStream
from events.runtime import EventsRuntime, EventsSettings
from events.triggers.open_files import OpenFiles
from headrace import logs
from headrace.local.apiserver.server import ApiServer
from headrace.local.apiserver.server import Settings as ApiSettings
from headrace.local.kubelet.kubelet import Kubelet
from headrace.local.nats import NatsServer, NatsSettings, NatsUnavailable
from kube import resources, spans
from kube.clock import SystemClock
from kube.egress import EgressSettings
from kube.egress_rules import Rule
from kube.errors import NotFound
from kube.service import Service
from kube.throttle import Throttle

DEFAULT_PORT = 6445


@dataclass(frozen=True, slots=True)
class Options:
    """What `headrace up` was asked for. `port` None: the default one, 0: any free one.
    `egress_allow`: the only places that requests on behalf of users may go to; empty for all.
    `trigger_files`: folders whose files may be trigger objects, but for our own and the kernel's.
    """

    data_dir: Path
    port: int | None = None
    runtime: str = "auto"
    nats_server: Path | None = None
    log_level: str = "info"
    egress_allow: tuple[Rule, ...] = ()
    trigger_files: tuple[Path, ...] = (Path("/"),)


class Application(Service):
    """Everything in one process."""

    def __init__(self, options: Options) -> None:
        super().__init__("headrace")
        self._options = options
        self.url = ""

    async def run(self) -> None:
        """Start all parts in order, then wait for the first that ends."""
        options = self._options
        logs.configure(options.data_dir / "headrace.log", options.log_level)
        port = DEFAULT_PORT if options.port is None else options.port
        api = ApiServer(ApiSettings(options.data_dir, port))
        nats = NatsServer(NatsSettings(options.data_dir / "nats", str(options.nats_server or "")))
        async with AsyncExitStack() as stack:
            if (flush := spans.configure()) is not None:
                stack.push_async_callback(asyncio.to_thread, flush)

            async def begin(part: Service) -> None:
                stack.push_async_callback(part.stop)
                await part.start(timeout=60)

            async with asyncio.TaskGroup() as group:
                group.create_task(begin(api))
                group.create_task(begin(nats))
            await self._install_kinds(api)
            parts = self._controllers(api, nats)
            for part in parts:
                await begin(part)
            api.set_metrics(_metrics)
            self.url = api.url
            api.set_ready()
            self.mark_started()
            _spare_the_collector()
            await _first_to_end([api, nats, *parts])

    def _controllers(self, api: ApiServer, nats: NatsServer) -> list[Service]:
        """What works on the objects, in the order of its start."""
        options, clock, folder = self._options, SystemClock(), self._options.data_dir
        kubelet = Kubelet(api.cluster, folder, runtime=options.runtime)
        api.set_node(kubelet)
        egress = EgressSettings(lambda: _ports(api.url, nats.url), options.egress_allow)
        database = os.environ.get(limit_database.VARIABLE) or limit_database.file_in(folder)
        engine = EngineRuntime(
            api.cluster,
            clock,
            Throttle(),
            EngineSettings(
                artifact_folder=folder / "artifacts",
                egress=egress,
                local_plugins=True,
                limits=LimitDatabase(database),
            ),
        )
        events = EventsRuntime(
            api.cluster,
            ManagedJetStream(_connection(nats)),
            clock,
            EventsSettings(egress=egress, files=_open_files(options.trigger_files, folder)),
        )
        return [kubelet, engine, CronRuntime(api.cluster, clock), events]

    async def _install_kinds(self, api: ApiServer) -> None:
        """Make the cluster know our kinds, in the form of this version."""
        for definition in kinds():
            name = definition["metadata"]["name"]
            try:
                present = await api.cluster.get(resources.CRDS, None, name)
            except NotFound:
                await api.cluster.create(resources.CRDS, None, definition)
                continue
            if present["spec"] != definition["spec"]:
                changed = {"metadata": {"name": name}, "spec": definition["spec"]}
                await api.cluster.patch(resources.CRDS, None, name, changed)


def kinds() -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of this version."""
    return definitions.load()


def _spare_the_collector() -> None:
    """What the start has made stays, so the garbage collector need not look through it again:
    its pauses were what one request in a hundred waited for (benchmarks/ingestion)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _metrics() -> bytes:
    """The process's own metrics and those that workflows define."""
    return prometheus_client.generate_latest() + prometheus_client.generate_latest(metrics.REGISTRY)


def _connection(nats: NatsServer) -> jetstream.Connection:
    credentials = jetstream.Credentials(user=lambda: nats.user, password=lambda: nats.password)
    return jetstream.Connection(nats.url, credentials)


def _open_files(folders: tuple[Path, ...], own: Path) -> OpenFiles:
    """Whoever may write a Sensor here is who runs us; our own files stay ours all the same."""
    return OpenFiles(folders, (own, *map(Path, ("/proc", "/sys", "/dev"))))


def _ports(*urls: str) -> frozenset[int]:
    """Our own ports: nothing that runs on behalf of users connects to them."""
    return frozenset(port for url in urls if (port := urlsplit(url).port) is not None)


async def _first_to_end(parts: list[Service]) -> None:
    waits = {asyncio.ensure_future(part.wait()): part for part in parts}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
            raise RuntimeError(f"{waits[ended].name} has stopped")
    finally:
        for wait in waits:
            wait.cancel()


__all__ = ["Application", "NatsUnavailable", "Options"]
