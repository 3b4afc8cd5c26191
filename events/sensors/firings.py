"""Carrying firings out: one lane per trigger, retries with backoff, dead letters.

A firing that settles at its first attempt is never written down before; the event it comes from
is still unacknowledged then, and would bring it again after a crash under the same key. One
that has to wait (retry, full lane) is written to the table first and survives by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from crds import decode
from crds.errors import CrdError
from crds.sensor import TriggerTemplate
from events import cloudevent, trace
from events.bus.contract import Table
from events.cloudevent import CloudEvent
from events.ledger import records
from events.ledger.counting import Counting
from events.ledger.records import Firing, Outcome, State
from events.secrets import MissingValue
from events.sensors import parameters
from events.sensors.compiled import Sensor, Trigger
from events.sensors.parameters import ParameterError
from events.triggers import registry
from events.triggers.contract import FiringContext, TriggerFailed, TriggerServices
from kube import crashpoints, spans
from kube.errors import BadRequest, Forbidden, Invalid, KubeError, NotFound
from lang.errors import LangError

_CONCURRENT = 16
_WAITING = 64
_ATTEMPT_SECONDS = 120.0
_PERMANENT = (BadRequest, Invalid)
_log = structlog.get_logger("events.firings")

FindSensor = Callable[[str, str], Sensor | None]


@dataclass(slots=True)
class _Lane:
    """Bounds one trigger: how many at once, and how close together."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CONCURRENT))
    waiting: int = 0
    next_start: float = 0.0


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
        self._table = table
        self._services = services
        self._find = find
        self._counting = counting
        self._ttl = ttl
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self.active: dict[str, int] = {}  # units of the books, by firing key

    async def run(
        self, firing: Firing, settled: Callable[[], None], *, persisted: bool = False
    ) -> None:
        """Carry `firing` out. `settled` is called once: it is over, or written down."""
        if firing.key in self.active:
            settled()
            return
        self.active[firing.key] = len(firing.events)
        try:
            await self._run(firing, settled, persisted)
        finally:
            self.active.pop(firing.key, None)

    async def _run(self, firing: Firing, settled: Callable[[], None], persisted: bool) -> None:
        lane = self._lanes.setdefault((firing.sensor_uid, firing.trigger), _Lane())
        if persisted:
            settled()
        elif lane.waiting > _WAITING:
            await self._keep(firing)
            settled()
            persisted = True
        clock = self._services.clock
        while True:
            await clock.sleep_until(firing.due)
            sensor = self._find(firing.namespace, firing.sensor)
            trigger = sensor.triggers.get(firing.trigger) if sensor else None
            if sensor is None or trigger is None or sensor.uid != firing.sensor_uid:
                await self._bury(firing, "the sensor or trigger is gone")
                break
            failure = await self._attempt(lane, firing, trigger, trigger.spec)
            firing.attempts += 1
            if isinstance(failure, str):
                await self._settle(firing, failure, persisted=persisted)
                break
            firing.reason = str(failure)
            wait = None if failure.permanent else trigger.retry.wait(firing.attempts)
            if wait is None:
                await self._last_resort(firing, trigger)
                break
            firing.due = clock.now() + wait
            await self._keep(firing)
            if not persisted:
                settled()
                persisted = True
        if not persisted:
            settled()

    async def _attempt(
        self, lane: _Lane, firing: Firing, trigger: Trigger, spec: Mapping[str, Any]
    ) -> str | TriggerFailed:
        """The effect, or the failure."""
        lane.waiting += 1
        try:
            async with lane.slots:
                clock = self._services.clock
                if trigger.spacing:
                    start = max(clock.now(), lane.next_start)
                    lane.next_start = start + trigger.spacing
                    await clock.sleep_until(start)
                lane.waiting -= 1
                try:
                    async with asyncio.timeout(_ATTEMPT_SECONDS):
                        return await carry_out(self._services, firing, spec)
                finally:
                    lane.waiting += 1
        except TimeoutError:
            return TriggerFailed(f"no result within {_ATTEMPT_SECONDS:.0f} s")
        except TriggerFailed as failure:
            return failure
        except (ParameterError, LangError, CrdError) as error:
            return TriggerFailed(str(error), permanent=True)
        except MissingValue as error:
            return TriggerFailed(str(error))
        except KubeError as error:
            return TriggerFailed(_shown(error), permanent=_is_permanent(error))
        except Exception as error:
            # A defect of one trigger must not stop the others; the firing ends as a dead letter.
            _log.exception("trigger_failed", trigger=firing.trigger)
            return TriggerFailed(f"internal error ({type(error).__name__})", permanent=True)
        finally:
            lane.waiting -= 1

    async def _last_resort(self, firing: Firing, trigger: Trigger) -> None:
        """Every attempt failed: the dead-letter trigger, if there is one, and the record."""
        reason = firing.reason
        dlq = trigger.spec.get("dlqTrigger")
        if dlq and dlq.get("template"):
            lane = _Lane()
            for attempt in range(1, 6):
                outcome = await self._attempt(lane, firing, trigger, dlq)
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

    async def _keep(self, firing: Firing) -> None:
        changes: dict[str, bytes | None] = {
            f"fire.{firing.key}": records.encode(firing),
            **self.outcomes(firing, State.PENDING, reason=firing.reason),
        }
        await self._table.commit(changes)

    async def _settle(self, firing: Firing, effect: str, *, persisted: bool) -> None:
        _log.info("fired", **_who(firing), effect=effect)
        over: dict[str, bytes | None] = {f"fire.{firing.key}": None} if persisted else {}
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
    found = trace.trace_id(_trace(firing))
    return {"sensor": firing.sensor, "trigger": firing.trigger, "trace": found}


async def carry_out(services: TriggerServices, firing: Firing, spec: Mapping[str, Any]) -> str:
    """One attempt of the trigger written in `spec`."""
    events = {name: cloudevent.decode(bytes(a.event)) for name, a in firing.events.items()}
    template, kind = applied_template(spec, events)
    attributes: spans.Attributes = {
        "firing.key": firing.key,
        "trigger.kind": kind,
        "attempt": firing.attempts + 1,
    }
    name = f"trigger {firing.namespace}/{firing.sensor}/{firing.trigger}"
    with spans.span(name, _trace(firing), attributes) as parent:
        context = FiringContext(
            firing.key,
            firing.namespace,
            firing.sensor,
            firing.trigger,
            events,
            parent,
            spec.get("policy") or {},
            services,
        )
        crashpoints.reached("trigger.before")
        effect = await registry.TRIGGERS[kind].fire(context, template[kind])
        crashpoints.reached("trigger.after")
        return effect


def _trace(firing: Firing) -> str:
    """The traceparent of the first of the firing's events that has one."""
    return next((a.traceparent for a in firing.events.values() if a.traceparent), "")


def applied_template(
    spec: Mapping[str, Any], events: Mapping[str, CloudEvent], *, served_only: bool = True
) -> tuple[Mapping[str, Any], str]:
    """The trigger's template with its own parameters put in, and its kind.

    Raises ParameterError, CrdError (a value does not fit its field).
    """
    template: Mapping[str, Any] = spec["template"]
    if spec.get("parameters"):
        template = parameters.apply_object(template, spec["parameters"], events)
        decode.decode(dict(template), TriggerTemplate)
    kind = next((k for k in registry.ORDER if template.get(k) is not None), "")
    if served_only and kind not in registry.TRIGGERS:
        raise ParameterError(f"template: no trigger of a served kind ({kind or 'none'})")
    return template, kind


def _is_permanent(error: KubeError) -> bool:
    if isinstance(error, Forbidden):
        return "exceeded quota" not in error.message
    return isinstance(error, _PERMANENT) or type(error) is NotFound


def _shown(error: KubeError) -> str:
    return f"{error.reason}: {error.message}"
