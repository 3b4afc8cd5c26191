"""Memoization caches: ConfigMaps labelled as such, one entry a key.

Source: Argo Workflows `workflow/controller/cache`: `{"nodeID", "outputs", "creationTimestamp",
"lastHitTimestamp"}` as JSON text under the cache key. Reads and writes go on in the background
and answer with facts; a hit refreshes `lastHitTimestamp`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.core import facts
from engine.core.decisions import ReadMemo, SaveMemo
from kube import resources
from kube.clock import Clock
from kube.cluster import Cluster
from kube.errors import AlreadyExists, KubeError, NotFound
from kube.throttle import Throttle

Tell = Callable[[facts.Fact], None]
Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
TYPE_LABEL = "workflows.argoproj.io/configmap-type"


class MemoStore:
    """Reads and writes entries; one instance for all workflows."""

    def __init__(self, cluster: Cluster, clock: Clock, throttle: Throttle, spawn: Spawn) -> None:
        self._cluster = cluster
        self._clock = clock
        self._throttle = throttle
        self._spawn = spawn

    def read(self, wanted: ReadMemo, namespace: str, tell: Tell) -> None:
        """Look an entry up; `tell` gets MemoFound."""
        self._spawn(self._read(wanted, namespace, tell), f"memo {wanted.cache}")

    def save(self, wanted: SaveMemo, namespace: str, tell: Tell) -> None:
        """Store an entry; `tell` gets MemoRefused when that is impossible."""
        self._spawn(self._save(wanted, namespace, tell), f"memo {wanted.cache}")

    async def _read(self, wanted: ReadMemo, namespace: str, tell: Tell) -> None:
        try:
            config_map = await self._cluster.get(resources.CONFIGMAPS, namespace, wanted.cache)
        except NotFound:
            tell(facts.MemoFound(wanted.node_id))
            return
        except KubeError as error:
            tell(facts.MemoFound(wanted.node_id, error=error.message))
            return
        labels = config_map["metadata"].get("labels") or {}
        if labels.get(TYPE_LABEL) != "Cache":
            problem = f"config map {wanted.cache} has no label {TYPE_LABEL}: Cache"
            tell(facts.MemoFound(wanted.node_id, error=problem))
            return
        text = (config_map.get("data") or {}).get(wanted.key)
        if text is None:
            tell(facts.MemoFound(wanted.node_id))
            return
        try:
            entry = orjson.loads(text)
            created = datetime.fromisoformat(entry["creationTimestamp"]).timestamp()
        except (ValueError, KeyError, TypeError):
            tell(facts.MemoFound(wanted.node_id, error=f"entry {wanted.key} is unreadable"))
            return
        if wanted.max_age is not None and self._clock.now() - created > wanted.max_age:
            tell(facts.MemoFound(wanted.node_id))
            return
        tell(facts.MemoFound(wanted.node_id, entry))
        entry["lastHitTimestamp"] = self._stamp()
        await self._put(namespace, wanted.cache, wanted.key, entry)

    async def _save(self, wanted: SaveMemo, namespace: str, tell: Tell) -> None:
        stamp = self._stamp()
        entry = {
            "nodeID": wanted.node_id,
            "outputs": wanted.outputs,
            "creationTimestamp": stamp,
            "lastHitTimestamp": stamp,
        }
        try:
            await self._put(namespace, wanted.cache, wanted.key, entry)
        except KubeError as error:
            tell(facts.MemoRefused(wanted.node_id, error.message))

    async def _put(self, namespace: str, name: str, key: str, entry: dict[str, Any]) -> None:
        data = {key: orjson.dumps(entry).decode()}
        async with self._throttle.slot(f"{namespace}/memo {name}"):
            await self._stored(namespace, name, data)

    async def _stored(self, namespace: str, name: str, data: dict[str, str]) -> None:
        try:
            await self._cluster.patch(resources.CONFIGMAPS, namespace, name, {"data": data})
        except NotFound:
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": {TYPE_LABEL: "Cache"},
                },
                "data": data,
            }
            try:
                await self._cluster.create(resources.CONFIGMAPS, namespace, body)
            except AlreadyExists:
                await self._cluster.patch(resources.CONFIGMAPS, namespace, name, {"data": data})

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
