"""`ApiServer`: store, state, controllers and HTTP, as one service."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from headrace.local.apiserver import meta, pki
from headrace.local.apiserver.api import Api
from headrace.local.apiserver.app import App
from headrace.local.apiserver.collecting import Collector
from headrace.local.apiserver.definitions import kinds_of
from headrace.local.apiserver.inprocess import InProcessCluster
from headrace.local.apiserver.kinds import Kinds
from headrace.local.apiserver.nodeproxy import NodeProxy
from headrace.local.apiserver.state import Key, State
from headrace.local.apiserver.store import Store
from kube import resources
from kube.service import Service

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
NAMESPACES = ("default", "kube-system")


class PortInUse(OSError):
    """Something else listens on the port; the text says how to choose another."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`port` 0 takes a free one. `token` empty: the one of the data folder."""

    data_dir: Path
    port: int = 0
    token: str = ""
    insecure_http: bool = False


class ApiServer(Service):
    """Loopback only. `cluster` works as soon as `open()` was called, before it serves HTTP."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("apiserver")
        self._settings = settings
        self._store = Store(settings.data_dir / "cluster.sqlite3")
        self.state = State(self._store)
        self.api = Api(self.state, Kinds())
        self.cluster = InProcessCluster(self.api)
        self._collector = Collector(self.api)
        self._ready = False
        self.url = ""
        self._app: App | None = None
        self._socket: socket.socket | None = None

    @property
    def kubeconfig(self) -> Path:
        """Where the kubeconfig is."""
        return self._settings.data_dir / "kubeconfig"

    def set_node(self, node: NodeProxy) -> None:
        """Who answers logs and exec."""
        if self._app is not None:
            self._app.node = node

    def set_metrics(self, exposition: Callable[[], bytes]) -> None:
        """What `/metrics` answers, in the text format of Prometheus."""
        if self._app is not None:
            self._app.metrics = exposition

    def set_ready(self) -> None:
        """Let `/readyz` say so."""
        self._ready = True

    async def run(self) -> None:
        """Load, serve, and close in order."""
        settings = self._settings
        identity = await asyncio.to_thread(pki.identity, settings.data_dir / "pki")
        await asyncio.to_thread(self.state.load)
        for crd in self.state.items(CRDS):
            for kind in kinds_of(crd):
                self.api.kinds.add(kind)
        self._store.start()
        self._app = App(self.api, settings.token or identity.token, lambda: self._ready)
        self._socket = _listen(settings.port)
        port = self._socket.getsockname()[1]
        scheme = "http" if settings.insecure_http else "https"
        self.url = f"{scheme}://127.0.0.1:{port}"
        server = _Server(self._config(identity))
        try:
            await self._collector.start()
            await self._namespaces()
            serving = asyncio.ensure_future(server.serve(sockets=[self._socket]))
            await server.listening(serving)
            pki.write_kubeconfig(self.kubeconfig, identity, self.url)
            self.mark_started()
            await serving
        finally:
            server.should_exit = server.force_exit = True
            await self._collector.stop()
            await asyncio.to_thread(self._store.close)
            self._socket.close()

    def _config(self, identity: pki.Identity) -> uvicorn.Config:
        tls: dict[str, Any] = {}
        if not self._settings.insecure_http:
            tls = {"ssl_certfile": identity.certificate, "ssl_keyfile": identity.key}
        return uvicorn.Config(
            self._app,  # type: ignore[arg-type]
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
            ws="websockets-sansio",
            **tls,
        )

    async def _namespaces(self) -> None:
        kind = self.api.kind(resources.NAMESPACES)
        for name in NAMESPACES:
            if self.state.get(Key("namespaces", "", name)) is None:
                body = {"metadata": {"name": name, "creationTimestamp": meta.now()}}
                await self.api.create(kind, None, body)


class _Server(uvicorn.Server):
    """uvicorn inside our loop: it says when it listens, and leaves signals to us."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and tell."""
        await super().startup(sockets)
        self._up.set()

    async def listening(self, serving: asyncio.Future[None]) -> None:
        """Until it listens; raises what kept it from listening."""
        up = asyncio.ensure_future(self._up.wait())
        first: set[asyncio.Future[Any]] = {up, serving}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if serving.done():
            await serving

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process's signals belong to the application."""
        yield


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"cannot listen on 127.0.0.1:{port} ({error.strerror}); choose another port with "
            "--port, or --port 0 for a free one"
        ) from error
    listener.listen(1024)
    listener.setblocking(False)
    return listener
