"""The `Trigger` seam: do one thing outside for one firing, at most once as far as it can be told.

A firing may be handed over again after a crash; its key is the same, and what was already done
under that key counts as done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from events.secrets import Secrets
from events.sensors.parameters import Events
from events.triggers.clients import ClientPool
from events.triggers.open_files import OpenFiles
from kube.clock import Clock
from kube.cluster import Cluster
from kube.discovery import Discovery
from kube.egress import Egress


class TriggerFailed(Exception):
    """Nothing was done. `permanent`: trying again is pointless."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class TriggerServices:
    """What all triggers share."""

    cluster: Cluster
    secrets: Secrets
    clock: Clock
    egress: Egress
    clients: ClientPool = field(default_factory=ClientPool)
    files: OpenFiles = field(default_factory=OpenFiles)
    discovery: Discovery = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "discovery", Discovery(self.cluster, self.clock))


@dataclass(frozen=True, slots=True)
class FiringContext:
    """One firing of one trigger."""

    key: str
    namespace: str
    sensor: str
    trigger: str
    events: Events
    traceparent: str
    policy: Mapping[str, Any]
    services: TriggerServices

    @property
    def event_ids(self) -> list[str]:
        """Ids of the events, sorted."""
        return sorted({event.id for event in self.events.values()})


class Trigger(Protocol):
    """One file per kind in this folder implements it."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What in `spec` can never work, as `field: message`; None when nothing."""
        ...

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Do it; returns what was made, such as `Workflow/ns/name`.

        `spec` is the kind's part of the template, parameters of the template level applied.
        Raises TriggerFailed, ParameterError, KubeError, MissingValue.
        """
        ...
