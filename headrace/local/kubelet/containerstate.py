"""What the kubelet knows of one container: the facts behind its `containerStatuses` entry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headrace.local.kubelet.records import RunPaths, Start
from kube.cluster import Object


class Role(StrEnum):
    """What a container is in its pod."""

    INIT = "init"
    SIDECAR = "sidecar"  # an init container with restartPolicy Always
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running, and why."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Running since (epoch seconds)."""

    started_at: float


@dataclass(frozen=True, slots=True)
class Terminated:
    """Ended. Times are epoch seconds."""

    exit_code: int
    reason: str
    message: str = ""
    signal: int = 0
    started_at: float = 0.0
    finished_at: float = 0.0
    container_id: str = ""


State = Waiting | Running | Terminated


@dataclass(slots=True, eq=False)
class ContainerState:
    """One container over all its runs. Changed only by the pod's own actor."""

    spec: Object
    role: Role
    state: State
    last: Terminated | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    container_id: str = ""
    paths: RunPaths | None = None
    record: Start | None = None

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.spec["name"])

    @property
    def ended(self) -> Terminated | None:
        """The final state, if it is in one."""
        return self.state if isinstance(self.state, Terminated) else None

    @property
    def is_running(self) -> bool:
        """Whether a process runs."""
        return isinstance(self.state, Running)
