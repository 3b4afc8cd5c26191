"""Sensor objects: compiled, handed to the dispatcher of their bus, their problems reported."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from crds.validation.sensor import validate_sensor
from events.bus.contract import BusError
from events.buses import Buses, BusKey
from events.conditions import Condition, StatusWriter
from events.sensors import compiled
from events.sensors.compiled import Sensor
from events.sensors.dispatcher import Dispatcher
from events.triggers.contract import TriggerServices
from kube.cluster import Cluster, Object
from kube.resources import SENSORS
from kube.service import Service, end

_RESTART = 1.0
_DAY = 24 * 3600.0
_KEEP, _AFTERWARDS, _KEEP_WITHOUT_LIMIT = 7 * _DAY, _DAY, 400 * _DAY
"""How long outcomes are kept: a week at least, and longer than the events they are of."""


class SensorController(Service):
    """See the module. Fed by the runtime with changed and deleted objects."""

    def __init__(self, cluster: Cluster, buses: Buses, services: TriggerServices) -> None:
        super().__init__("events.sensors")
        self._buses = buses
        self._services = services
        self._status = StatusWriter(cluster, SENSORS)
        self._objects: dict[tuple[str, str], Object] = {}
        self._sensors: dict[tuple[str, str], Sensor] = {}
        self._dispatchers: dict[BusKey, Dispatcher] = {}
        self._tasks: dict[BusKey, asyncio.Task[None]] = {}
        self._locks: dict[BusKey, asyncio.Lock] = {}
        self._begun = False
        buses.on_change.append(self._bus_changed)

    async def run(self) -> None:
        """Host the dispatchers until stopped."""
        self.mark_started()
        await asyncio.Event().wait()

    async def begin(self) -> None:
        """Every Sensor there is has been handed over: start taking events."""
        self._begun = True
        for key in {(s.namespace, s.bus) for s in self._sensors.values()}:
            await self._bus_changed(key)

    async def changed(self, obj: Object) -> None:
        """A Sensor is new or edited."""
        key = _key(obj)
        before = self._objects.get(key)
        if obj["metadata"].get("deletionTimestamp"):
            await self.deleted(obj)
            return
        self._objects[key] = obj
        same_uid = before is not None and before["metadata"]["uid"] == obj["metadata"]["uid"]
        if before is not None and same_uid and before.get("spec") == obj.get("spec"):
            return
        sensor = compiled.compile_sensor(obj)
        old = self._sensors.get(key)
        self._sensors[key] = sensor
        if old is not None and old.bus != sensor.bus:
            self._with_bus((old.namespace, old.bus), lambda d: d.drop(*key))
        bus_key = (sensor.namespace, sensor.bus)
        self._with_bus(bus_key, lambda d: d.put(sensor))
        self._start_dispatcher(bus_key)
        await self._report(key)

    async def deleted(self, obj: Object) -> None:
        """A Sensor is gone; its half-arrived conditions end, its firings become dead letters."""
        key = _key(obj)
        self._objects.pop(key, None)
        self._status.forget(obj["metadata"]["uid"])
        sensor = self._sensors.pop(key, None)
        if sensor is not None:
            self._with_bus((sensor.namespace, sensor.bus), lambda d: d.drop(*key))

    def _with_bus(self, key: BusKey, act: object) -> None:
        dispatcher = self._dispatchers.get(key)
        if dispatcher is not None and callable(act):
            act(dispatcher)

    async def _bus_changed(self, key: BusKey) -> None:
        """(Re)start the dispatcher of a bus whose connection came or went."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            task = self._tasks.get(key)
            self._dispatchers.pop(key, None)
            if task is not None:
                await end(task)
                if self._tasks[key] is task:
                    del self._tasks[key]
            self._start_dispatcher(key)
        for place, sensor in list(self._sensors.items()):
            if (sensor.namespace, sensor.bus) == key:
                await self._report(place)

    def _start_dispatcher(self, key: BusKey) -> None:
        """Start the bus's dispatcher if it may run and does not; two would share its events."""
        task = self._tasks.get(key)
        running = task is not None and not task.done()
        if self._begun and not running and self._buses.current(*key) is not None:
            self._tasks[key] = self.spawn(self._dispatch(key), f"{key[0]}/{key[1]}")

    async def _dispatch(self, key: BusKey) -> None:
        """Run the bus's dispatcher; when it fails, begin again from what is durable."""
        while True:
            bus = self._buses.current(*key)
            if bus is None:
                return
            name = f"{key[0]}.{key[1]}"
            kept = self._buses.keeps(*key)
            ttl = max(_KEEP, kept + _AFTERWARDS) if kept else _KEEP_WITHOUT_LIMIT
            dispatcher = Dispatcher(
                bus, self._services, name, ttl=ttl, on_rounds=self._rounds_changed
            )
            for sensor in self._sensors.values():
                if (sensor.namespace, sensor.bus) == key:
                    dispatcher.put(sensor)
            try:
                self._dispatchers[key] = dispatcher
                await dispatcher.start()
                for place, sensor in list(self._sensors.items()):
                    if (sensor.namespace, sensor.bus) == key:
                        await self._report(place)
                await dispatcher.wait()
            except (BusError, TimeoutError) as error:
                self.log.warning("dispatcher_restarts", bus=key, error=str(error))
            except Exception:
                # One boundary: a defect in one bus's dispatcher must not end the others.
                self.log.exception("dispatcher_failed", bus=key)
            finally:
                await asyncio.shield(dispatcher.stop())
            await asyncio.sleep(_RESTART)

    def _rounds_changed(self, namespace: str, name: str) -> None:
        sensor = self._sensors.get((namespace, name))
        if sensor is not None and sensor.halts:
            self.spawn(self._report((namespace, name)), "rounds")

    async def _report(self, key: tuple[str, str]) -> None:
        sensor, obj = self._sensors.get(key), self._objects.get(key)
        if sensor is None or obj is None:
            return
        checked = [str(each) for each in validate_sensor(obj, strict=False)]
        ours = [each for each in checked if each.startswith("spec.dependencies")]
        dependencies = _joined(sensor.dependency_problems, ours)
        triggers = _joined(sensor.problems, [each for each in checked if each not in ours])
        bus_key = (sensor.namespace, sensor.bus)
        if not self._buses.exists(*bus_key):
            bus_problem = f"spec.eventBusName: EventBus {sensor.bus!r} does not exist"
        elif bus_key not in self._dispatchers or not self._dispatchers[bus_key].serving:
            bus_problem = f"spec.eventBusName: EventBus {sensor.bus!r} is not connected yet"
        else:
            bus_problem = ""
        conditions = [
            _finding("DependenciesProvided", "InvalidSpec", dependencies),
            _finding("TriggersProvided", "InvalidSpec", triggers),
            _finding("Deployed", "NoEventBus", bus_problem)
            if bus_problem
            else _finding("Deployed", "InvalidSpec", dependencies or triggers),
        ]
        if sensor.halts:
            conditions.append(_rounds(sensor, self._dispatchers.get(bus_key)))
        await self._status.write(obj, conditions, self._services.clock.now())


def _rounds(sensor: Sensor, dispatcher: Dispatcher | None) -> Condition:
    """Whether a Sensor with `errorOnFailedRound` still fires."""
    failure = dispatcher.failed_round(sensor) if dispatcher is not None else None
    if failure is None:
        return _finding("RoundsSucceeded", "", "")
    what = f"trigger {failure.trigger!r} failed: {failure.reason}"
    way_out = "no trigger fires until it is redriven (headrace events redrive) or the Sensor edited"
    return _finding("RoundsSucceeded", "RoundFailed", f"{what}; {way_out}")


def _joined(found: Iterable[str], checked: Iterable[str]) -> str:
    """All problems, each field once: what compiling said of it comes first."""
    by_field: dict[str, str] = {}
    for problem in (*found, *checked):
        by_field.setdefault(problem.partition(":")[0], problem)
    return "; ".join(by_field.values())


def _finding(kind: str, reason: str, problem: str) -> Condition:
    return Condition(kind, not problem, reason if problem else "", problem)


def _key(obj: Object) -> tuple[str, str]:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]
