"""EventSource objects: each event of each object is one supervised task.

An edit restarts only the events whose entry changed; a failing event waits and tries again
while the others live on. What is wrong stands in a condition `endpoint.<type>.<event>`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crds.errors import CrdError
from events.bus.contract import BusError
from events.buses import Buses, BusKey
from events.conditions import Condition, StatusWriter
from events.secrets import MissingValue
from events.sources import registry
from events.sources.contract import SourceContext, SourceError, SourceServices
from events.sources.event_filter import EventFilter
from kube.cluster import Cluster, Object
from kube.errors import KubeError
from kube.resources import EVENT_SOURCES
from kube.service import Service, end
from lang.errors import LangError

_BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)
_NO_FILTER = frozenset({"minio", "storageGrid", "resource", "stripe"})


@dataclass(slots=True)
class _Event:
    """One entry of one EventSource: its fingerprint, task and newest condition."""

    kind: str
    name: str
    fingerprint: tuple[Any, ...]
    task: asyncio.Task[None] | None = None
    condition: Condition | None = None


@dataclass(slots=True)
class _Object:
    """One EventSource. `lock`: an edit and its bus's coming must not both start an event."""

    obj: Object
    events: dict[str, _Event] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SourceController(Service):
    """See the module. Fed by the runtime with changed and deleted objects."""

    def __init__(self, cluster: Cluster, buses: Buses, services: SourceServices) -> None:
        super().__init__("events.sources")
        self._buses = buses
        self._services = services
        self._status = StatusWriter(cluster, EVENT_SOURCES)
        self._objects: dict[tuple[str, str], _Object] = {}
        buses.on_change.append(self._bus_changed)

    async def run(self) -> None:
        """Host the events' tasks until stopped."""
        self.mark_started()
        await asyncio.Event().wait()

    async def changed(self, obj: Object) -> None:
        """An EventSource is new or edited."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        if meta.get("deletionTimestamp"):
            await self.deleted(obj)
            return
        known = self._objects.setdefault(key, _Object(obj))
        known.obj = obj
        await self._settle(key, known)

    async def deleted(self, obj: Object) -> None:
        """An EventSource is gone."""
        meta = obj["metadata"]
        known = self._objects.pop((meta.get("namespace", ""), meta["name"]), None)
        self._status.forget(meta["uid"])
        if known is None:
            return
        async with known.lock:
            for event in known.events.values():
                await _cancel(event)

    async def _bus_changed(self, key: BusKey) -> None:
        for place, known in list(self._objects.items()):
            if (place[0], _bus_name(known.obj)) == key:
                await self._settle(place, known)

    async def _settle(self, key: tuple[str, str], known: _Object) -> None:
        """Run the events that the object has now, each on the bus there is now."""
        async with known.lock:
            if self._objects.get(key) is not known:
                return
            wanted, known.problems = _entries(known.obj.get("spec") or {})
            bus_name = _bus_name(known.obj)
            for name in [n for n in known.events if n not in wanted]:
                await _cancel(known.events.pop(name))
            for name, (kind, spec) in wanted.items():
                fingerprint = (kind, spec, bus_name, self._buses.current(key[0], bus_name))
                before = known.events.get(name)
                if before is not None and before.fingerprint == fingerprint:
                    continue
                if before is not None:
                    await _cancel(before)
                event = known.events[name] = _Event(kind, name, fingerprint)
                event.condition = Condition(_type(event), False, "Starting")
                event.task = self.spawn(
                    self._supervise(known, event, spec, bus_name), f"{key[0]}/{key[1]}/{name}"
                )
        await self._report(known)

    async def _supervise(
        self, known: _Object, event: _Event, spec: Mapping[str, Any], bus_name: str
    ) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            problem = await self._once(known, event, spec, bus_name)
            if loop.time() - began > 60.0:
                failures = 0
            await self._set(known, event, problem)
            pause = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    async def _once(
        self, known: _Object, event: _Event, spec: Mapping[str, Any], bus_name: str
    ) -> Condition:
        """Run the event until it ends or fails; the condition says why."""
        kind, path = _type(event), _path(event)

        def signal(note: str = "", lost: SourceError | None = None) -> None:
            condition = Condition(kind, True, "Serving", note)
            if lost is not None:
                condition = Condition(kind, False, lost.reason, str(lost))
            self.spawn(self._set(known, event, condition), "announce")

        try:
            context = self._context(known.obj, event, spec, bus_name)
            await registry.SOURCES[event.kind].make().run(context, signal)
        except SourceError as error:
            return Condition(kind, False, error.reason, str(error))
        except (MissingValue, LangError) as error:
            return Condition(kind, False, "InvalidSpec", f"{path}: {error}")
        except CrdError as error:
            return Condition(kind, False, "InvalidSpec", crd_message(path, error))
        except (BusError, KubeError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            return Condition(kind, False, "Unavailable", f"{path}: {why}")
        except Exception:
            # A defect of one source must not end the others: reported, logged, tried again.
            self.log.exception("source_failed", owner=path)
            return Condition(kind, False, "InternalError", f"{path}: internal error")
        return Condition(kind, False, "Ended", "the source ended")

    def _context(
        self, obj: Object, event: _Event, spec: Mapping[str, Any], bus_name: str
    ) -> SourceContext:
        meta = obj["metadata"]
        namespace = meta.get("namespace", "")
        bus = self._buses.current(namespace, bus_name)
        if bus is None:
            exists = self._buses.exists(namespace, bus_name)
            why = "is not connected yet" if exists else "does not exist"
            raise SourceError("spec.eventBusName", f"EventBus {bus_name!r} {why}", "NoEventBus")
        expression = ((spec.get("filter") or {}).get("expression") or "").strip()
        if event.kind in _NO_FILTER:
            expression = ""
        try:
            passing = EventFilter(expression) if expression else None
        except LangError as error:
            field = f"{_path(event)}.filter.expression"
            raise SourceError(field, error.message, "InvalidSpec") from None
        return SourceContext(
            namespace=namespace,
            source=meta["name"],
            event=event.name,
            kind=registry.SOURCES[event.kind].event_type,
            path=_path(event),
            spec=spec,
            bus=bus,
            bus_prefix=self._buses.prefix(namespace, bus_name),
            services=self._services,
            filter=passing,
            wanted=lambda: self._wanted((namespace, meta["name"]), event),
        )

    def _wanted(self, key: tuple[str, str], event: _Event) -> Mapping[str, Any] | None:
        """The entry of `event` as its object has it now."""
        known = self._objects.get(key)
        entries = {} if known is None else _entries(known.obj.get("spec") or {})[0]
        kind, entry = entries.get(event.name, ("", None))
        return entry if kind == event.kind else None

    async def _set(self, known: _Object, event: _Event, condition: Condition) -> None:
        if event.condition != condition:
            if not condition.ok:
                self.log.warning(
                    "event_not_served",
                    source=known.obj["metadata"]["name"],
                    event_name=event.name,
                    why=condition.message,
                )
            event.condition = condition
            await self._report(known)

    async def _report(self, known: _Object) -> None:
        found = [e.condition for e in known.events.values() if e.condition is not None]
        problems = known.problems
        provided = Condition(
            "SourcesProvided", not problems, "InvalidSpec" if problems else "", "; ".join(problems)
        )
        bad = [c for c in found if not c.ok]
        deployed = Condition(
            "Deployed",
            not bad and not problems,
            bad[0].reason if bad else "",
            "; ".join(c.message for c in bad if c.message),
        )
        await self._status.write(
            known.obj, [provided, deployed, *found], self._services.clock.now()
        )


def _entries(spec: Mapping[str, Any]) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Events by name, and what is wrong with the rest."""
    wanted: dict[str, tuple[str, Any]] = {}
    problems: list[str] = []
    for kind, events in spec.items():
        if kind in registry.OTHER_FIELDS or not events:
            continue
        if kind not in registry.SOURCES:
            problems.append(f"spec.{kind}: this event source type is not served")
            continue
        if not isinstance(events, Mapping):
            problems.append(f"spec.{kind}: must map event names to events")
            continue
        for name, entry in events.items():
            if name in wanted:
                problems.append(f"spec.{kind}.{name}: the name is used by another type")
            elif not isinstance(entry, Mapping):
                problems.append(f"spec.{kind}.{name}: must be an object")
            else:
                wanted[name] = (kind, entry)
    return wanted, problems


def crd_message(path: str, error: CrdError) -> str:
    """The findings of `error`, each with its path from the object's root."""
    return "; ".join(f"{path}.{e.path}: {e.message}" for e in error.errors)


def _bus_name(obj: Object) -> str:
    return str((obj.get("spec") or {}).get("eventBusName") or "default")


def _type(event: _Event) -> str:
    return f"endpoint.{event.kind}.{event.name}"


def _path(event: _Event) -> str:
    return f"spec.{event.kind}.{event.name}"


async def _cancel(event: _Event) -> None:
    if event.task is not None:
        await end(event.task)
