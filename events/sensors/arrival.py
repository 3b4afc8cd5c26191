"""An event at the door of the sensors: transformed and filtered per dependency, parsed once."""

from __future__ import annotations

import msgspec

from events import cloudevent, trace
from events.bus.contract import Delivered
from events.cloudevent import CloudEvent
from events.ledger.records import Arrived
from events.sensors import filters, scripts
from events.sensors.compiled import Dependency
from events.sensors.payload import Payload
from lang.errors import LangError


class Arrival:
    """One delivered event on its way through the dependencies that want it; parsed once."""

    def __init__(self, event: CloudEvent, delivered: Delivered, known: frozenset[str]) -> None:
        self.event = event
        self.delivered = delivered
        self.known = known
        self._payload = Payload(event)
        self._untouched: Arrived | None = None

    def at(self, dependency: Dependency) -> tuple[Arrived | None, str]:
        """(the transformed event, "") when it passes, else (None, why not)."""
        payload = self._payload
        if dependency.transform:
            try:
                changed = scripts.transform(dependency.transform, self.event)
            except LangError as error:
                return None, f"transform: {error.message}"
            payload = Payload(changed)
        try:
            verdict = filters.evaluate(dependency.filters, dependency.operator, payload)
        except LangError as error:
            return None, error.message
        if not verdict.passed:
            return None, verdict.error or "the filters do not match"
        if payload is not self._payload:
            return self._arrived(payload.event), ""
        if self._untouched is None:
            self._untouched = self._arrived(self.event)
        return self._untouched, ""

    def _arrived(self, event: CloudEvent) -> Arrived:
        delivered = self.delivered
        return Arrived(
            msgspec.Raw(cloudevent.encode(event)),
            self.event.id,
            delivered.sequence,
            delivered.stored_at,
            delivered.message.headers.get(trace.TRACEPARENT, ""),
        )
