"""Which runtime runs containers: the one that was asked for, or the best that works."""

from __future__ import annotations

import asyncio

import structlog

from headrace.local.kubelet import process
from headrace.local.kubelet.process import ProcessRuntime
from headrace.local.kubelet.runtime import Runtime

SHARED = (
    "this kernel allows no private mounts: /tmp is shared by all pods and with this machine, and "
    "volumes are not at their mountPath"
)


async def choose(name: str) -> Runtime:
    """The runtime called `name`. Raises RuntimeUnusable with a sentence."""
    return await _process()


async def _process() -> ProcessRuntime:
    isolated = await asyncio.to_thread(process.probe)
    if not isolated:
        structlog.get_logger("kubelet").warning("pods are not isolated", why=SHARED)
    return ProcessRuntime(isolated=isolated)
