"""The `Source` seam: one event of one EventSource, from its first connection to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from events import cloudevent, trace
from events.bus import subjects
from events.bus.contract import Bus, Message, Receipt
from events.cloudevent import CloudEvent
from events.secrets import Secrets
from events.sources.event_filter import EventFilter
from events.sources.http_gateway import HttpGateway
from kube import spans
from kube.clock import Clock
from kube.cluster import Cluster


class SourceError(Exception):
    """The event cannot be served as it is written; tried again now and then.

    `path` names the field, such as `spec.webhook.push.port`.
    """

    def __init__(self, path: str, message: str, reason: str = "InvalidSpec") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SourceServices:
    """What all sources share. `cluster` is for those that read or keep Kubernetes objects."""

    gateway: HttpGateway
    secrets: Secrets
    clock: Clock
    cluster: Cluster


def _gone() -> None:
    return None


@dataclass(frozen=True, slots=True)
class SourceContext:
    """One event of one EventSource and the means to emit it.

    `spec` is the entry as written; `path` its field path; `kind` the CloudEvent type. `wanted`
    gives the entry as it is by now, None when it is gone: what is made outside must outlive a
    restart and most edits.
    """

    namespace: str
    source: str
    event: str
    kind: str
    path: str
    spec: Mapping[str, Any]
    bus: Bus
    bus_prefix: str
    services: SourceServices
    filter: EventFilter | None
    wanted: Callable[[], Mapping[str, Any] | None] = _gone

    @property
    def owner(self) -> str:
        """For messages and logs."""
        return f"{self.namespace}/{self.source}/{self.event}"

    async def emit(self, data: bytes, identity: str, traceparent: str = "") -> bool:
        """Publish `data` (JSON text) as an event; returns when it is durable.

        False when the event filter left it out. Raises the bus's errors.
        """
        return await self.publish(data, identity, traceparent) is not None

    async def publish(self, data: bytes, identity: str, traceparent: str = "") -> Receipt | None:
        """As `emit`; the receipt says whether the id was known. None when it was left out."""
        sent = self.offer(data, identity, traceparent)
        return None if sent is None else await sent

    def offer(self, data: bytes, identity: str, traceparent: str = "") -> Awaitable[Receipt] | None:
        """As `publish`, for a hot path: often a future, which needs no task to wait for it."""
        if self.filter is not None and not self.filter.passes(data, self.owner):
            return None
        event = CloudEvent(
            id=identity,
            source=self.source,
            type=self.kind,
            subject=self.event,
            time=cloudevent.timestamp(self.services.clock.now()),
            data=data,
        )
        if spans.exporting():
            return self._traced(event, traceparent)
        return self._send(event, trace.parent(traceparent))

    async def _traced(self, event: CloudEvent, traceparent: str) -> Receipt:
        attributes = {"event.id": event.id, "event.source": self.owner, "event.type": self.kind}
        given = traceparent if trace.trace_id(traceparent) else ""
        with spans.span(f"event {self.source}/{self.event}", given, attributes) as parent:
            return await self._send(event, parent)

    def _send(self, event: CloudEvent, traceparent: str) -> Awaitable[Receipt]:
        message = Message(
            subjects.event(self.bus_prefix, self.source, self.event),
            event.id,
            cloudevent.encode(event),
            {trace.TRACEPARENT: traceparent},
        )
        return self.bus.publish(message)


class Source(Protocol):
    """One file per type in this folder implements it, as a module-level factory in the registry.

    `run` calls `ready()` when events can arrive, then works until cancelled, and cleans up what
    it made outside when it ends. Raises SourceError for what a user can mend.
    """

    async def run(self, context: SourceContext, ready: ReadySignal) -> None: ...


class ReadySignal(Protocol):
    """Says that the event is being served; `note` appears in the condition. `lost`: it is not, and
    why; the source goes on trying, since ending would make it forget."""

    def __call__(self, note: str = "", lost: SourceError | None = None) -> None: ...
