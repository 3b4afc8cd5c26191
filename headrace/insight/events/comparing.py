"""Two Sensors over the same events: what fires now, what no longer does, what is different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from headrace.insight.events.simulating import WouldFire


class Change(StrEnum):
    """How a firing differs under the changed Sensor."""

    NEW = "now fires"
    GONE = "no longer fires"
    OTHER = "other parameters"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Difference:
    """One firing under both Sensors; None where it does not fire."""

    change: Change
    before: WouldFire | None
    after: WouldFire | None

    @property
    def trigger(self) -> str:
        """Its trigger."""
        found = self.after or self.before
        return found.trigger if found else ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The events of the firing."""
        found = self.after or self.before
        return found.key[1] if found else ()

    def values(self) -> Iterator[tuple[str, str | None, str | None]]:
        """`(dest, before, after)` of every parameter that differs."""
        old = {(p.place, p.dest): p.value for p in self.before.parameters} if self.before else {}
        new = {(p.place, p.dest): p.value for p in self.after.parameters} if self.after else {}
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield key[1], old.get(key), new.get(key)


def compare(before: Sequence[WouldFire], after: Sequence[WouldFire]) -> list[Difference]:
    """Every firing of either, in order; those that are gone come last."""
    left = {firing.key: firing for firing in before}
    found = []
    for firing in after:
        old = left.pop(firing.key, None)
        if old is None:
            change = Change.NEW
        elif (old.parameters, old.problem) != (firing.parameters, firing.problem):
            change = Change.OTHER
        else:
            change = Change.SAME
        found.append(Difference(change, old, firing))
    return found + [Difference(Change.GONE, firing, None) for firing in left.values()]
