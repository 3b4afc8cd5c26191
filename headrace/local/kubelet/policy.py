"""What pods on this machine may have. Deny by default."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from decimal import Decimal

from headrace.local.kubelet.amounts import Amount


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the node has to give: cores, bytes, pods at a time."""

    cpu: Decimal
    memory: Decimal
    pods: int = 110

    @property
    def amount(self) -> Amount:
        """CPU and memory together."""
        return Amount(self.cpu, self.memory)

    @staticmethod
    def of_this_machine() -> Capacity:
        """All cores and all memory."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Capacity(Decimal(len(os.sched_getaffinity(0))), Decimal(memory))


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between restarts of a container: none, `first`, twice that … up to `most`."""

    first: float = 10.0
    most: float = 300.0

    def before(self, restart: int) -> float:
        """The wait before restart number `restart` (0 is the first)."""
        return 0.0 if restart == 0 else min(self.most, self.first * 2.0 ** min(restart - 1, 16))


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed, and the few figures that somebody may want to change.

    `host_paths` are the folders that hostPath volumes may show, none by default.

    `artifact_folders` are those that `file:` URLs of artifacts may reach, none by default.
    `environment` is given to every container beside PATH, HOME and HOSTNAME.
    """

    host_paths: tuple[str, ...] = ()
    artifact_folders: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    node_name: str = "headrace"
    backoff: Backoff = field(default_factory=Backoff)
    log_bytes: int = 10 * 1024 * 1024
    log_files: int = 5
    captured_value: int = 256 * 1024  # bytes of one output parameter
    most_download: int = 20 * 1024**3  # bytes of one input artifact
