"""Two Sensors over the same events: what fires now, what no longer does, what is different."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from events.sensors.compiled import Sensor, Trigger
from headrace.insight.events.simulating import WouldFire

Key = tuple[str, tuple[str, ...]]
Value = tuple[str, str | None, str | None]


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
        return found.ids if found else ()

    def values(self) -> Iterator[Value]:
        """`(dest, before, after)` of every parameter that differs, and of the trigger's kind."""
        if self.before and self.after and self.before.kind != self.after.kind:
            yield "the trigger's kind", self.before.kind, self.after.kind
        old, new = _by_place(self.before), _by_place(self.after)
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield key[1], old.get(key), new.get(key)


def _by_place(firing: WouldFire | None) -> dict[tuple[str, str, int], str | None]:
    """Values by where they go; a place may be written to several times."""
    found: dict[tuple[str, str, int], str | None] = {}
    for each in firing.parameters if firing else ():
        turn = sum((each.place, each.dest) == key[:2] for key in found)
        value = each.value
        if each.operation not in ("", "overwrite"):
            value = f"({each.operation}) {value}"
        found[each.place, each.dest, turn] = value
    return found


@dataclass(slots=True)
class Comparison:
    """What came of it so far. Only what differs is kept: a firing whose other half is not there
    yet, and each difference. `keep`: with its events, for those who want to fire it."""

    keep: bool = False
    same: int = 0
    _before: dict[Key, deque[WouldFire]] = field(default_factory=dict)
    _after: dict[Key, deque[int]] = field(default_factory=dict)
    _found: list[Difference | None] = field(default_factory=list)

    def add(self, before: Sequence[WouldFire], after: Sequence[WouldFire]) -> None:
        """What the next event (or several) brings about under either Sensor."""
        for firing in before:
            firing = replace(firing, events={})
            if places := self._after.get(firing.key):
                at = places.popleft()
                new = self._found[at]
                if new is not None and new.after is not None:
                    self._found[at] = self._paired(firing, new.after)
            else:
                self._before.setdefault(firing.key, deque()).append(firing)
        for firing in after:
            firing = firing if self.keep else replace(firing, events={})
            if waiting := self._before.get(firing.key):
                self._found.append(self._paired(waiting.popleft(), firing))
            else:
                self._after.setdefault(firing.key, deque()).append(len(self._found))
                self._found.append(Difference(Change.NEW, None, firing))

    def differences(self) -> list[Difference]:
        """All of them, in the order of the changed Sensor; what is gone comes last."""
        gone = [firing for waiting in self._before.values() for firing in waiting]
        found = [each for each in self._found if each is not None]
        return found + [Difference(Change.GONE, firing, None) for firing in gone]

    def _paired(self, before: WouldFire, after: WouldFire) -> Difference | None:
        old, new = ((f.kind, f.parameters, f.problem) for f in (before, after))
        if old != new:
            return Difference(Change.OTHER, before, after)
        self.same += 1
        return None


def compare(before: Sequence[WouldFire], after: Sequence[WouldFire]) -> Comparison:
    """Every firing of either Sensor."""
    found = Comparison()
    found.add(before, after)
    return found


def other_templates(before: Sensor, after: Sensor) -> list[str]:
    """Triggers of both whose template differs in more than its parameters, by name."""
    both = (name for name in after.triggers if name in before.triggers)
    return [n for n in both if _template(before.triggers[n]) != _template(after.triggers[n])]


def _template(trigger: Trigger) -> Mapping[str, Any]:
    """What it does, without what events put into it and without when it does it."""
    body = trigger.template[trigger.kind] or {}
    return {
        trigger.kind: {k: v for k, v in body.items() if k not in ("parameters", "payload")},
        **{key: trigger.spec.get(key) for key in ("policy", "retryStrategy", "dlqTrigger")},
    }
