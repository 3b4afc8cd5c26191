"""The books as metrics: received = settled + pending, also when a bus is lost in the middle."""

from __future__ import annotations

from prometheus_client import REGISTRY

from events.ledger.counting import Counting
from events.ledger.records import State

BUS = "books/default"


def books() -> dict[str, float]:
    """The four sums of the bus, as a scrape finds them."""
    found = dict.fromkeys(("received_total", "settled_total", "pending", "held"), 0.0)
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            name = sample.name.removeprefix("headrace_event_units_")
            if name in found and sample.labels.get("bus") == BUS:
                found[name] += sample.value
    return found


def test_the_books_close_with_the_bus_and_begin_with_what_waits() -> None:
    first = Counting(BUS, lambda: 2)
    first.begin(waiting=1)
    first.received(3)
    first.settled(State.FIRED, "deploys", "deploys")
    first.settled(State.FILTERED, "audits")
    assert books() == {"received_total": 4, "settled_total": 3, "pending": 1, "held": 2}
    first.end()
    assert not any(books().values())

    second = Counting(BUS, lambda: 1)
    second.begin(waiting=1)
    first.settled(State.DEAD, "deploys")  # what a closed bus still says is not counted
    first.received()
    assert books() == {"received_total": 1, "settled_total": 0, "pending": 1, "held": 1}
    second.settled(State.FIRED, "deploys")
    assert books() == {"received_total": 1, "settled_total": 1, "pending": 0, "held": 1}
    second.end()
    assert not any(books().values())
