"""Which executor runs which kind of leaf: the one place where they are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from engine.artifacts.locations import Locations
from engine.executors.capture import Annotator
from engine.executors.data import DataWorker
from engine.executors.http import HttpWorker
from engine.executors.inprocess import InProcessExecutor
from engine.executors.kinds import ExecutorKind
from engine.executors.lanes import Lanes
from engine.executors.plugin import PluginSettings, PluginWorker
from engine.executors.pods import PodExecutor
from engine.executors.resource import Impersonating, ResourceWorker
from engine.executors.window import Window
from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.discovery import Discovery
from kube.egress import Egress
from kube.throttle import Throttle

REQUESTS = 128
"""HTTP requests and plugin calls of this process at a time."""


@runtime_checkable
class _Impersonates(Protocol):
    def as_service_account(self, namespace: str, name: str) -> Cluster: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What executors need. `plugin_maps(namespace)`: the ConfigMaps of plugins there."""

    cluster: Cluster
    clock: Clock
    throttle: Throttle
    window: Window
    locations: Locations
    egress: Egress
    plugins: PluginSettings
    plugin_maps: Callable[[str], list[Object]]
    repository: Mapping[str, Any] | None


def build(parts: Parts) -> dict[ExecutorKind, PodExecutor | InProcessExecutor]:
    """One executor for each kind."""
    cluster, clock, lanes = parts.cluster, parts.clock, Lanes(REQUESTS)
    discovery = Discovery(cluster, clock)
    impersonating: Impersonating | None = cluster if isinstance(cluster, _Impersonates) else None
    return {
        ExecutorKind.POD: PodExecutor(
            cluster, parts.throttle, Annotator(parts.locations), parts.window
        ),
        ExecutorKind.RESOURCE: InProcessExecutor(
            ResourceWorker(cluster, impersonating, parts.throttle, discovery, parts.locations),
            clock,
        ),
        ExecutorKind.DATA: InProcessExecutor(DataWorker(parts.locations, parts.repository), clock),
        ExecutorKind.HTTP: InProcessExecutor(HttpWorker(cluster, parts.egress, lanes), clock),
        ExecutorKind.PLUGIN: InProcessExecutor(
            PluginWorker(cluster, parts.plugin_maps, parts.egress, lanes, parts.plugins), clock
        ),
    }
