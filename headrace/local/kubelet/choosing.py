"""Which runtime runs containers: the one that was asked for, or the best that works.

`auto`: podman or docker if an engine answers, else bubblewrap if it can make a sandbox here, else
plain processes.
"""

from __future__ import annotations

import asyncio
import os
import shutil

import structlog

from headrace.local.kubelet import containers
from headrace.local.kubelet.bubblewrap import BubblewrapRuntime
from headrace.local.kubelet.containers import ContainerRuntime
from headrace.local.kubelet.errors import KubeletError
from headrace.local.kubelet.launcher import Launcher
from headrace.local.kubelet.process import ProcessRuntime
from headrace.local.kubelet.runtime import Runtime

ENGINES = ("podman", "docker")
SHARED = (
    "this kernel allows no private mounts: /tmp is shared by all pods and with this machine, and "
    "volumes are not at their mountPath"
)
OTHERS = "choose another with --runtime, or leave it to --runtime auto"


async def choose(name: str, launcher: Launcher) -> Runtime:
    """The runtime called `name`. Raises KubeletError with a sentence and the way out."""
    match name:
        case "auto":
            for found in await asyncio.gather(*(_engine(engine) for engine in ENGINES)):
                if found is not None:
                    return found
            return await _bubblewrap() or await _process(launcher)
        case "podman" | "docker":
            found = await _engine(name)
            if found is None:
                raise _unusable(f"no {name} engine answers here")
            return found
        case "bubblewrap":
            sandbox = await _bubblewrap()
            if sandbox is None:
                raise _unusable("bwrap is not installed, or this kernel allows it no sandbox")
            return sandbox
        case "process":
            return await _process(launcher)
        case _:
            raise _unusable(f"there is no runtime {name!r}")


def _unusable(why: str) -> KubeletError:
    return KubeletError("RuntimeUnusable", f"{why}; {OTHERS}")


async def _engine(name: str) -> ContainerRuntime | None:
    client = shutil.which(name)
    if client is None or not await containers.usable(client):
        return None
    return ContainerRuntime(name, client)


async def _bubblewrap() -> BubblewrapRuntime | None:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return None
    words = ["--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    trial = await asyncio.create_subprocess_exec(
        bwrap,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", "")},
    )
    return BubblewrapRuntime(bwrap) if await trial.wait() == 0 else None


async def _process(launcher: Launcher) -> ProcessRuntime:
    isolated = await launcher.can_isolate()
    if not isolated:
        structlog.get_logger("kubelet").warning("pods are not isolated", why=SHARED)
    return ProcessRuntime(isolated=isolated)
