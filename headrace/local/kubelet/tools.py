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
