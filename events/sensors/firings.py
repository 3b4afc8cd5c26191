"""Carrying firings out: one lane per trigger, retries with backoff, dead letters.

A firing that settles quickly at its first attempt is never written down before; the event it
comes from is still unacknowledged then, and would bring it again after a crash under the same
key. One that has to wait (retry, full lane, a failed round) or takes long is written to the table
first and survives by itself: what the bus gives at a time is shared by all triggers.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from events import trace
from events.bus.contract import Table
from events.ledger import records
from events.ledger.counting import Counting
from events.ledger.records import Firing, Outcome, State
from events.sensors import carrying
from events.sensors.compiled import Sensor, Trigger
from events.sensors.rounds import WAITING, Rounds
from events.triggers.contract import TriggerFailed, TriggerServices
from kube import crashpoints

_CONCURRENT = 16
_WAITING = 64
_SLOW = 2.0
_log = structlog.get_logger("events.firings")

FindSensor = Callable[[str, str], Sensor | None]


@dataclass(slots=True)
class _Lane:
    """Bounds one trigger: how many at once, and how close together."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT))
    waiting: int = 0
    next_start: float = 0.0


@dataclass(slots=True)
class _Course:
    """A firing on its way. `settled` is called once: it is over, or written down."""

    firing: Firing
    settled: Callable[[], None]
    began: float
    written: bool
    redriven: bool
    _said: bool = False

    def settle(self) -> None:
        """Its events need no longer be kept by the bus."""
        if not self._said:
            self._said = True
            self.settled()


class Firings:
    """Runs the firings of one bus. `ttl`: seconds for which settled outcomes are kept."""

    def __init__(
        self,
        table: Table,
        services: TriggerServices,
        find: FindSensor,
        counting: Counting,
        ttl: float,
    ) -> None:
        self.rounds = Rounds()
        self._table = table
        self._services = services
        self._find = find
        self._counting = counting
        self._ttl = ttl
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._active: dict[str, _Course] = {}
        self._unwritten: dict[str, _Course] = {}  # of those, in the order they began

    def runs(self, key: str) -> bool:
        """Whether the firing of that key is on its way."""
        return key in self._active

    def held(self) -> int:
        """Units of the books that are on their way."""
        return sum(len(course.firing.events) for course in self._active.values())

    async def run(
        self,
        firing: Firing,
        settled: Callable[[], None] = lambda: None,
        *,
        persisted: bool = False,
        redriven: bool = False,
    ) -> None:
        """Carry `firing` out. `settled` is called once: it is over, or written down."""
        if firing.key in self._active:
            settled()
            return
        now = self._services.clock.now()
        course = self._active[firing.key] = _Course(firing, settled, now, persisted, redriven)
        if not persisted:
            self._unwritten[firing.key] = course
        try:
            await self._run(course)
        finally:
            self._active.pop(firing.key, None)
            self._unwritten.pop(firing.key, None)

    async def write_down_slow(self) -> None:
        """Write down what is on its way for long; to be called now and then."""
        before = self._services.clock.now() - _SLOW
        slow = list(itertools.takewhile(lambda c: c.began < before, self._unwritten.values()))
        if not slow:
            return
        changes: dict[str, bytes | None] = {}
        for course in slow:
            self._write(course)  # before the commit: whoever ends it now, commits after it
            changes |= self._pending(course.firing, "is being tried")
        await self._table.commit(changes)
        for course in slow:
            course.settle()

    async def _run(self, course: _Course) -> None:
        firing = course.firing
        lane = self._lanes.setdefault((firing.sensor_uid, firing.trigger), _Lane())
        if course.written:
            course.settle()
        elif lane.waiting > _WAITING:
            await self._keep(course)
        while True:
            await self._services.clock.sleep_until(firing.due)
            trigger = self._trigger_of(firing)
            if trigger is None:
                await self._bury(firing, "the sensor or trigger is gone")
                break
            gate = self.rounds.gate
            outcome = await self._attempt(lane, firing, trigger, course.redriven)
            if isinstance(outcome, str):
                firing.attempts += 1
                await self._settle(course, outcome)
                break
            if outcome is None:
                await self._wait(course, gate)
                continue
            if not self._tried_again(firing, trigger, outcome):
                await self._last_resort(firing, trigger)
                break
            await self._keep(course)
        course.settle()

    async def _wait(self, course: _Course, gate: asyncio.Event) -> None:
        """Until something about failed rounds changes, written down."""
        if course.firing.reason != WAITING:
            course.firing.reason = WAITING
            await self._keep(course)
        await gate.wait()

    def _trigger_of(self, firing: Firing) -> Trigger | None:
        sensor = self._find(firing.namespace, firing.sensor)
        if sensor is None or sensor.uid != firing.sensor_uid:
            return None
        return sensor.triggers.get(firing.trigger)

    def _tried_again(self, firing: Firing, trigger: Trigger, failure: TriggerFailed) -> bool:
        """Note the failure in `firing`, and when it is tried again, if it is."""
        firing.attempts += 1
        firing.reason = str(failure)
        wait = None if failure.permanent else trigger.retry.wait(firing.attempts)
        if wait is not None:
            firing.due = self._services.clock.now() + wait
        return wait is not None

    async def _attempt(
        self, lane: _Lane, firing: Firing, trigger: Trigger, redriven: bool
    ) -> str | TriggerFailed | None:
        """The effect, or the failure; None when an earlier round has failed."""
        lane.waiting += 1
        try:
            await lane.slots.acquire()
        finally:
            lane.waiting -= 1
        try:
            sensor = self._find(firing.namespace, firing.sensor)
            if sensor is not None and not redriven and self.rounds.failure(sensor) is not None:
                return None
            await self._space(lane, trigger.spacing)
            return await carrying.attempt(self._services, firing, trigger.spec)
        finally:
            lane.slots.release()

    async def _space(self, lane: _Lane, spacing: float) -> None:
        """`rateLimit`: wait until it is this one's turn."""
        if not spacing:
            return
        clock = self._services.clock
        start = max(clock.now(), lane.next_start)
        lane.next_start = start + spacing
        lane.waiting += 1
        try:
            await clock.sleep_until(start)
        finally:
            lane.waiting -= 1

    async def _last_resort(self, firing: Firing, trigger: Trigger) -> None:
        """Every attempt failed: the dead-letter trigger, if there is one, and the record."""
        reason = firing.reason
        dlq: Mapping[str, Any] = trigger.spec.get("dlqTrigger") or {}
        if dlq.get("template"):
            for attempt in range(1, 6):
                outcome = await carrying.attempt(self._services, firing, dlq)
                if isinstance(outcome, str):
                    reason = f"{reason} (dlqTrigger: {outcome})"
                    break
                wait = None if outcome.permanent else trigger.retry.wait(attempt)
                if wait is None:
                    reason = f"{reason} (dlqTrigger failed: {outcome})"
                    break
                clock = self._services.clock
                await clock.sleep_until(clock.now() + wait)
        await self._bury(firing, reason)

    def _write(self, course: _Course) -> None:
        course.written = True
        self._unwritten.pop(course.firing.key, None)

    async def _keep(self, course: _Course) -> None:
        self._write(course)
        await self._table.commit(self._pending(course.firing, course.firing.reason))
        course.settle()

    def _pending(self, firing: Firing, reason: str) -> dict[str, bytes | None]:
        return {
            f"fire.{firing.key}": records.encode(firing),
            **self.outcomes(firing, State.PENDING, reason=reason),
        }

    async def _settle(self, course: _Course, effect: str) -> None:
        firing = course.firing
        _log.info("fired", **_who(firing), effect=effect)
        over: dict[str, bytes | None] = {f"fire.{firing.key}": None} if course.written else {}
        outcomes = self.outcomes(firing, State.FIRED, effect=effect)
        await self._table.commit(over, outcomes, ttl=self._ttl)
        self._counting.settled(State.FIRED, *[firing.sensor] * len(firing.events))
        crashpoints.reached("sensor.recorded")

    async def _bury(self, firing: Firing, reason: str) -> None:
        firing.reason = reason
        _log.error("dead_letter", **_who(firing), reason=reason)
        await self._table.commit(
            {
                f"fire.{firing.key}": None,
                f"dead.{firing.key}": records.encode(firing),
                **self.outcomes(firing, State.DEAD, reason=reason),
            }
        )
        self._counting.settled(State.DEAD, *[firing.sensor] * len(firing.events))
        self.rounds.failed(firing, self._find(firing.namespace, firing.sensor))
        crashpoints.reached("sensor.recorded")

    def outcomes(
        self, firing: Firing, state: State, *, effect: str = "", reason: str = ""
    ) -> dict[str, bytes]:
        """The records of all events of a firing."""
        return {
            records.out_key(
                arrived.id, firing.sensor_uid, dependency, firing.trigger
            ): records.encode(
                Outcome(
                    state=state,
                    namespace=firing.namespace,
                    sensor=firing.sensor,
                    dependency=dependency,
                    at=self._services.clock.now(),
                    trigger=firing.trigger,
                    firing=firing.key,
                    effect=effect,
                    reason=reason,
                    attempts=firing.attempts,
                    sequence=arrived.sequence,
                    traceparent=arrived.traceparent,
                )
            )
            for dependency, arrived in firing.events.items()
        }


def _who(firing: Firing) -> dict[str, str]:
    """For logs; the trace is there also when nothing is exported."""
    found = trace.trace_id(carrying.trace_of(firing))
    return {"sensor": firing.sensor, "trigger": firing.trigger, "trace": found}
