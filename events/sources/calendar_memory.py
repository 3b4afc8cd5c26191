"""What a calendar remembers: its last tick, in a ConfigMap, under `<EventSource>.<event>`.

The value is the event's data, as the reference keeps it, so that its ConfigMaps are read and it
reads ours. Called by the calendar source.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
import structlog

from crds.eventsource_local import CalendarEventSource, CatchupConfiguration
from events.sources.contract import SourceContext, SourceError
from kube.errors import AlreadyExists, KubeError, NotFound
from kube.resources import CONFIGMAPS
from lang import duration
from lang.errors import LangError

_GO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d{1,9})? ([+-])(\d\d)(\d\d) .*\Z", re.ASCII
)
_log = structlog.get_logger("events.sources.calendar")


class Memory(Protocol):
    """Where a calendar begins, and what it keeps."""

    async def begin(self, now: float) -> float:
        """The moment after which ticks are due. Raises SourceError, KubeError."""
        ...

    async def keep(self, data: bytes) -> None:
        """A tick is durable; `data` is its event's."""
        ...


def of(context: SourceContext, spec: CalendarEventSource) -> Memory:
    """The memory that `persistence` asks for. Raises SourceError."""
    wanted = spec.persistence
    if wanted is None or wanted.config_map is None:
        return _Nothing()
    path = f"{context.path}.persistence"
    if not wanted.config_map.name:
        raise SourceError(f"{path}.configMap.name", "is required")
    longest = None
    catchup = wanted.catchup or CatchupConfiguration()
    if catchup.enabled and catchup.max_duration:
        try:
            longest = duration.parse_go(catchup.max_duration)
        except LangError as error:
            raise SourceError(f"{path}.catchup.maxDuration", error.message) from None
    return _ConfigMap(
        context,
        wanted.config_map.name,
        create=wanted.config_map.create_if_not_exist,
        catch_up=catchup.enabled,
        longest=longest,
    )


class _Nothing:
    async def begin(self, now: float) -> float:
        return now

    async def keep(self, data: bytes) -> None:
        return


class _ConfigMap:
    def __init__(
        self,
        context: SourceContext,
        name: str,
        *,
        create: bool,
        catch_up: bool,
        longest: float | None,
    ) -> None:
        self._context = context
        self._name = name
        self._key = f"{context.source}.{context.event}"
        self._create = create
        self._catch_up = catch_up
        self._longest = longest

    async def begin(self, now: float) -> float:
        """See `Memory`. A value that cannot be read is named and not passed over: ticks may be
        due."""
        kept = await self._value()
        if not self._catch_up or not kept:
            return now
        try:
            last = _moment(str(orjson.loads(kept)["eventTime"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            path = f"{self._context.path}.persistence.configMap"
            what = f"the key {self._key!r} of ConfigMap {self._name!r} holds no calendar event"
            raise SourceError(path, what) from None
        last = min(last, now)
        return last if self._longest is None else max(last, now - self._longest)

    async def keep(self, data: bytes) -> None:
        """See `Memory`. A ConfigMap that cannot be written costs ticks that are sent twice, not
        lost."""
        body = {"data": {self._key: data.decode()}}
        cluster, namespace = self._context.services.cluster, self._context.namespace
        try:
            try:
                await cluster.patch(CONFIGMAPS, namespace, self._name, body)
            except NotFound:
                await self._make(body)
        except KubeError as error:
            _log.warning("calendar_not_kept", owner=self._context.owner, error=error.message)

    async def _value(self) -> str:
        cluster, namespace = self._context.services.cluster, self._context.namespace
        try:
            found = await cluster.get(CONFIGMAPS, namespace, self._name)
        except NotFound:
            if not self._create:
                path = f"{self._context.path}.persistence.configMap.name"
                what = f"ConfigMap {self._name!r} does not exist"
                raise SourceError(path, what, "MissingConfigMap") from None
            await self._make({})
            return ""
        return str((found.get("data") or {}).get(self._key) or "")

    async def _make(self, body: dict[str, Any]) -> None:
        cluster, namespace = self._context.services.cluster, self._context.namespace
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self._name}, **body}
        try:
            await cluster.create(CONFIGMAPS, namespace, made)
        except AlreadyExists:
            if body:
                await cluster.patch(CONFIGMAPS, namespace, self._name, body)


def _moment(text: str) -> float:
    """Seconds since the epoch of a time as Go prints it. Raises ValueError."""
    match = _GO_TIME.match(text)
    if match is None:
        raise ValueError(text)
    local = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    east = int(match[4]) * 3600 + int(match[5]) * 60
    fraction = float(match[2] or 0.0)
    return local.timestamp() + fraction - (east if match[3] == "+" else -east)
