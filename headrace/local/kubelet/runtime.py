"""The `Runtime` seam: what differs between ways of running a container.

All runtimes share the shim (logs, exit record, survival); a runtime only says what the shim
starts and where a container's files are. Implementations: `process`, `bubblewrap`, `containers`
(podman and docker). One conformance suite runs against each that works on the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.records import RunPaths, Start

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Container:
    """One run of one container, with everything looked up and expanded."""

    name: str
    pod_name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    binds: tuple[Bind, ...]
    paths: RunPaths
    memory: int = 0  # bytes, 0: no limit
    stdin: bool = False
    capture: bool = False  # keep the end of stdout
    user: int | None = None
    group: int | None = None


class Runtime(Protocol):
    """A way to run containers. Methods do not block and do not start anything themselves."""

    @property
    def name(self) -> str:
        """As `--runtime` spells it."""
        ...

    @property
    def pulls_images(self) -> bool:
        """False where the tools of this machine stand in for the image's."""
        ...

    def run_spec(self, container: Container) -> Spec:
        """What the shim starts: argv, env, cwd, root, memory. Raises LaunchError."""
        ...

    def exec_spec(self, container: str, paths: RunPaths, start: Start, argv: Sequence[str]) -> Spec:
        """What the zygote starts to run `argv` in a running container."""
        ...

    def host_path(self, paths: RunPaths, binds: Sequence[Bind], path: str) -> Path | None:
        """Where a container's file is on this machine, with no symlink followed out of the
        container's own view; None when nothing is there."""
        ...

    async def was_oom_killed(self, paths: RunPaths) -> bool:
        """Whether the runtime itself knows that an ended run had used up its memory."""
        ...

    async def clean_up(self, paths: RunPaths) -> None:
        """Let go of what a run held besides its folder."""
        ...
