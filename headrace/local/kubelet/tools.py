"""What a pod's actor needs from the kubelet, in one bundle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from headrace.local.kubelet.launcher import Launcher
from headrace.local.kubelet.policy import Capacity, Policy
from headrace.local.kubelet.recorder import Recorder
from headrace.local.kubelet.records import Folders
from headrace.local.kubelet.runtime import Runtime
from kube.clock import Clock
from kube.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between restarts of a container: none, `first`, twice that … up to `most`."""

    first: float = 10.0
    most: float = 300.0

    def before(self, restart: int) -> float:
        """The wait before restart number `restart` (0 is the first)."""
        return 0.0 if restart == 0 else min(self.most, self.first * 2.0 ** min(restart - 1, 16))


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all pods of one kubelet."""

    cluster: Cluster
    folders: Folders
    launcher: Launcher
    runtime: Runtime
    policy: Policy
    capacity: Capacity
    node_name: str
    clock: Clock
    recorder: Recorder
    given: dict[str, str]  # environment of every container
    writes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(64))
    backoff: Backoff = Backoff()
