"""The books as they go on, for Prometheus: what `headrace events audit` finds by reading.

One unit is (event, sensor, dependency, trigger), as in the ledger. A unit is received when it is
decided, or found waiting when the bus begins to be served; it is settled when its outcome is
durable. So at any time received = fired + filtered + dead + pending; and what is pending is held
by a join or a firing: if `pending` stays above `held`, something was lost. When the bus is served
no more (its connection was lost), its books close: what was pending comes again, so they begin
from zero, as counters do with a new process. Called by the dispatcher.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge

from events.ledger.records import State

_RECEIVED = Counter(
    "headrace_event_units_received",
    "Units of the books received: (event, sensor, dependency, trigger), or filtered.",
    ["bus"],
)
_SETTLED = Counter(
    "headrace_event_units_settled",
    "Units of the books whose outcome is durable.",
    ["bus", "sensor", "state"],
)
_PENDING = Gauge("headrace_event_units_pending", "Units received and not settled.", ["bus"])
_HELD = Gauge("headrace_event_units_held", "Units that a join or a firing holds.", ["bus"])


class Counting:
    """The running books of one bus. `held` counts what the dispatcher has in its hands."""

    def __init__(self, bus: str, held: Callable[[], int]) -> None:
        self._bus = bus
        self._held = held
        self._pending = 0
        self._open = True
        self._children: dict[tuple[State, str], Counter] = {}

    def begin(self, waiting: int) -> None:
        """Units that an earlier process left waiting."""
        _HELD.labels(self._bus).set_function(self._held)
        self.received(waiting)

    def received(self, units: int = 1) -> None:
        """Decided, and not yet settled."""
        if units and self._open:
            _RECEIVED.labels(self._bus).inc(units)
            self._owe(units)

    def settled(self, state: State, *sensors: str) -> None:
        """Outcomes are durable: one unit for each name of a Sensor."""
        if not self._open:
            return
        for sensor in sensors:
            child = self._children.get((state, sensor))
            if child is None:
                child = _SETTLED.labels(self._bus, sensor, state.value)
                self._children[state, sensor] = child
            child.inc()
        if sensors:
            self._owe(-len(sensors))

    def end(self) -> None:
        """The bus is served no more by this dispatcher; what it still hears of is not counted."""
        self._open = False
        for metric in (_RECEIVED, _PENDING, _HELD):
            metric.remove(self._bus)
        for state, sensor in self._children:
            _SETTLED.remove(self._bus, sensor, state.value)

    def _owe(self, units: int) -> None:
        self._pending += units
        _PENDING.labels(self._bus).set(self._pending)
