"""An event at the door of the sensors: transformed and filtered per dependency, parsed once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from events import cloudevent, trace
from events.bus.contract import Delivered
from events.cloudevent import CloudEvent
from events.ledger.records import Arrived
from events.sensors import filters, scripts
from events.sensors.compiled import Dependency
from events.sensors.payload import Payload
from lang.errors import LangError

_LARGE = 64 << 10  # bytes

Verdict = tuple[Arrived | None, str]


class Arrival:
    """One delivered event on its way through the dependencies that want it; parsed once."""

    def __init__(self, event: CloudEvent, delivered: Delivered, known: frozenset[str]) -> None:
        self.event = event
        self.delivered = delivered
        self.known = known
        self._payload = Payload(event)
        self._untouched: Arrived | None = None
        self._scripted: dict[int, Verdict] = {}

    async def prepare(self, dependencies: Iterable[Dependency]) -> None:
        """Look beside the event loop at what may take long, for `at` to tell: scripts, and
        filters of a large event (a path or template may go over all of it many times)."""
        large = len(self.event.data) > _LARGE
        slow = [d for d in dependencies if d.scripted or (large and d.filters)]
        if slow:
            self._scripted = await asyncio.to_thread(lambda: {id(d): self._look(d) for d in slow})

    def at(self, dependency: Dependency) -> Verdict:
        """(the transformed event, "") when it passes, else (None, why not)."""
        known = self._scripted.get(id(dependency))
        return self._look(dependency) if known is None else known

    def _look(self, dependency: Dependency) -> Verdict:
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
