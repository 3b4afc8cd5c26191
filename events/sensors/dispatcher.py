"""One bus: every event is matched once against all Sensors, and acknowledged once it is settled.

An index from (event source, event name) finds the dependencies, so an event costs what it
concerns. Deciding (transform, filters, conditions) is done here, in stream order; firings run
beside it in their lanes, so a slow trigger delays nobody. When the table cannot be written the
dispatcher ends and is started again from what is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from events import cloudevent
from events.bus.contract import Bus, BusError, Delivered, Subscription, Table
from events.cloudevent import BadEvent, CloudEvent
from events.ledger import commands, records
from events.ledger.counting import Counting
from events.ledger.records import Firing, Outcome, State
from events.sensors.arrival import Arrival
from events.sensors.compiled import Dependency, Sensor
from events.sensors.deciding import Deciding, Decision
from events.sensors.firings import Firings
from events.sensors.joins import Joins
from events.sensors.rounds import Failure
from events.sensors.waiting import Waiting
from events.triggers.contract import TriggerServices
from kube import crashpoints
from kube.service import Service

_PROGRESS_SECONDS = 4.0
_SLOW_SECONDS = 0.5


@dataclass(slots=True)
class _Ticket:
    """A delivered event and how much of it is still to be settled."""

    delivered: Delivered
    left: int = 0


class Dispatcher(Service):
    """See the module. `ttl`: seconds for which settled outcomes are kept. `on_rounds` is called
    with the Sensor whose rounds may have failed, or work again."""

    def __init__(
        self,
        bus: Bus,
        services: TriggerServices,
        name: str,
        *,
        ttl: float,
        on_rounds: Callable[[str, str], None] = lambda _namespace, _name: None,
    ) -> None:
        super().__init__(f"events.sensors.{name}")
        self._bus = bus
        self._services = services
        self._ttl = ttl
        self._table: Table = bus.table(records.TABLE)
        self._joins = Joins()
        self._counting = Counting(name.replace(".", "/", 1), self._held)
        self._firings = Firings(self._table, services, self._find, self._counting, ttl)
        self._firings.rounds.on_change = on_rounds
        self._deciding = Deciding(self._joins, self._firings, services.clock)
        self._sensors: dict[tuple[str, str], Sensor] = {}
        self._waiting = Waiting(self._joins, self._table, self._sensors, services.clock, ttl)
        self._waiting.settled = self._counting.settled
        self._index: dict[tuple[str, str, str], dict[tuple[str, str], list[Dependency]]] = {}
        self._inflight: dict[int, _Ticket] = {}
        # Whatever is not newer may have been here before, even where the bus does not know: a
        # server that was killed gives again what was acknowledged.
        self._newest = 0
        self._subscription: Subscription | None = None

    async def run(self) -> None:
        """Load what waits, then take events until stopped."""
        pending = await self._load()
        self._newest = await self._bus.last()
        self._subscription = await self._bus.subscribe(records.DURABLE)
        self.mark_started()
        self._counting.begin(self._held() + sum(len(firing.events) for firing in pending))
        try:
            await self._waiting.drop_orphans()
            for firing in pending:
                self._start(self._firings.run(firing, persisted=True), "firing")
            self.spawn(self._report_progress(), "progress")
            self.spawn(self._write_down_slow(), "slow")
            self.spawn(self._waiting.reset_conditions(), "resets")
            while True:
                await self._take(await self._subscription.next())
        finally:
            self._counting.end()
            with contextlib.suppress(BusError):
                await self._subscription.close()

    def _held(self) -> int:
        """Units of the books that are in our hands."""
        joined = sum(map(len, self._joins.waiting.values()))
        return joined + self._firings.held()

    @property
    def serving(self) -> bool:
        """Whether events are being taken."""
        return self._subscription is not None

    # -- sensors ------------------------------------------------------------------------

    def put(self, sensor: Sensor) -> None:
        """A Sensor is new or edited."""
        key = (sensor.namespace, sensor.name)
        self._unindex(key)
        self._sensors[key] = sensor
        self._waiting.names[sensor.uid] = key
        self._firings.rounds.edited(sensor)
        for dependency in sensor.dependencies.values():
            place = (sensor.namespace, dependency.source, dependency.event)
            self._index.setdefault(place, {}).setdefault(key, []).append(dependency)
        self._waiting.resets_changed.set()
        if self._subscription is not None:
            self.spawn(self._waiting.drop_orphans(), "orphans")

    def drop(self, namespace: str, name: str) -> None:
        """A Sensor is gone (or uses another bus now)."""
        key = (namespace, name)
        self._unindex(key)
        gone = self._sensors.pop(key, None)
        if gone is None:
            return
        self._firings.rounds.edited(gone)
        if self._subscription is not None:
            self.spawn(self._waiting.drop_orphans(), "orphans")

    def failed_round(self, sensor: Sensor) -> Failure | None:
        """The round for which `sensor` fires no more."""
        return self._firings.rounds.failure(sensor)

    def _unindex(self, key: tuple[str, str]) -> None:
        known = self._sensors.get(key)
        for dependency in known.dependencies.values() if known else ():
            place = (key[0], dependency.source, dependency.event)
            entries = self._index.get(place, {})
            entries.pop(key, None)
            if not entries:
                self._index.pop(place, None)

    def _find(self, namespace: str, name: str) -> Sensor | None:
        return self._sensors.get((namespace, name))

    # -- events -------------------------------------------------------------------------

    async def _take(self, delivered: Delivered) -> None:
        crashpoints.reached("sensor.delivered")
        assert self._subscription is not None
        if delivered.sequence in self._inflight:
            self._subscription.progress(delivered)
            return
        ticket = self._inflight[delivered.sequence] = _Ticket(delivered)
        if commands.is_command(delivered.message.subject):
            ticket.left = 1
            self._start(self._obey(ticket), "command")
            return
        try:
            event = cloudevent.decode(delivered.message.data)
        except BadEvent as error:
            self.log.error("undecodable_event", sequence=delivered.sequence, error=str(error))
            await self._undecodable(ticket, str(error))
            return
        again = delivered.attempt > 1 or delivered.sequence <= self._newest
        self._newest = max(self._newest, delivered.sequence)
        known = await self._outcomes(event.id) if again else frozenset()
        decision = await self._decide(event, delivered, known)
        self._counting.received(decision.units)
        if decision.filtered:
            key = records.filtered_key(event.id)
            decision.ended[key] = records.encode(decision.filtered)
        crashpoints.reached("sensor.decided")
        ticket.left = len(decision.direct) + 1
        writes = bool(decision.changes or decision.ended)
        if writes:
            self._start(self._write(ticket, decision), "write")
        for firing in decision.direct.values():
            self._start(self._firings.run(firing, lambda: self._settled(ticket)), "firing")
        if not writes:
            self._settled(ticket)

    async def _obey(self, ticket: _Ticket) -> None:
        """Carry out a command that came over the bus: put dead letters back to work."""
        wanted = commands.redrive_pattern(ticket.delivered.message)
        if wanted is not None:
            dead = [v async for _, v in self._table.scan(wanted)]
            for firing in map(records.decode_firing, dead):
                firing.attempts, firing.due, firing.reason = 0, 0.0, ""
                changes: dict[str, bytes | None] = {
                    f"dead.{firing.key}": None,
                    f"fire.{firing.key}": records.encode(firing),
                    **self._firings.outcomes(firing, State.PENDING, reason="redriven"),
                }
                await self._table.commit(changes)
                self._counting.received(len(firing.events))
                self._firings.rounds.redriven(firing)
                self._start(self._firings.run(firing, persisted=True, redriven=True), "firing")
        self._settled(ticket)

    async def _undecodable(self, ticket: _Ticket, why: str) -> None:
        identity = ticket.delivered.message.id or str(ticket.delivered.sequence)
        outcome = Outcome(State.DEAD, "", "", "", self._services.clock.now(), reason=why)
        key = records.out_key(identity, "", "", "")
        ticket.left = 1
        self._counting.received()
        await self._table.commit({}, {key: records.encode(outcome)}, ttl=self._ttl)
        self._counting.settled(State.DEAD, "")
        self._settled(ticket)

    async def _decide(
        self, event: CloudEvent, delivered: Delivered, known: frozenset[str]
    ) -> Decision:
        decision = Decision()
        namespace = self._namespace(delivered)
        place = (namespace, event.source, event.subject)
        arrival = Arrival(event, delivered, known)
        wanted = [*self._index.get(place, {}).items()]
        await arrival.prepare(d for _, dependencies in wanted for d in dependencies)
        for key, dependencies in wanted:
            sensor = self._sensors.get(key)
            if sensor is None:
                continue  # gone while its scripts ran
            for dependency in dependencies:
                self._deciding.decide(decision, sensor, dependency, arrival)
        return decision

    def _namespace(self, delivered: Delivered) -> str:
        # A bus belongs to one namespace: the first part of its stream's name.
        return delivered.message.subject.partition(".")[0].partition("_")[0]

    async def _write(self, ticket: _Ticket, decision: Decision) -> None:
        await self._table.commit(decision.changes, decision.ended, ttl=self._ttl)
        crashpoints.reached("sensor.recorded")
        filtered = [outcome.sensor for outcome in decision.filtered]
        self._counting.settled(State.FILTERED, *filtered, *decision.left_out)
        for firing in decision.written:
            self._start(self._firings.run(firing, persisted=True), "firing")
        self._settled(ticket)

    def _settled(self, ticket: _Ticket) -> None:
        ticket.left -= 1
        if ticket.left == 0 and self._inflight.pop(ticket.delivered.sequence, None) is not None:
            assert self._subscription is not None
            self._subscription.ack(ticket.delivered)
            crashpoints.reached("sensor.acknowledged")

    async def _outcomes(self, event_id: str) -> frozenset[str]:
        """The units of an event that are written down already (it is delivered again)."""
        prefix = records.filtered_key(event_id).removesuffix("=")
        return frozenset([key async for key, _ in self._table.scan(f"{prefix}>")])

    # -- keeping ------------------------------------------------------------------------

    async def _load(self) -> list[Firing]:
        async for key, value in self._table.scan("join.>"):
            self._joins.load(key, records.decode_arrived(value))
        if any(sensor.halts for sensor in self._sensors.values()):
            async for _, value in self._table.scan("dead.>"):
                dead = records.decode_firing(value)
                self._firings.rounds.failed(dead, self._find(dead.namespace, dead.sensor))
        return [records.decode_firing(value) async for _, value in self._table.scan("fire.>")]

    async def _report_progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            for ticket in list(self._inflight.values()):
                if self._subscription is not None:
                    self._subscription.progress(ticket.delivered)

    async def _write_down_slow(self) -> None:
        while True:
            await asyncio.sleep(_SLOW_SECONDS)
            await self._firings.write_down_slow()

    def _start(self, body: Coroutine[Any, Any, None], name: str) -> None:
        self.spawn(body, name)
