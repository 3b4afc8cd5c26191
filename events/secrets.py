"""Values of Secrets and ConfigMaps, read when needed and kept fresh without a restart.

A value asked for once is watched by re-reading it every few seconds in the background, so that
the hot path (a webhook's signature) never waits for the API and rotation needs no restart.
Only names an object's own namespace holds can be asked for.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import weakref
from collections.abc import Mapping
from typing import Any

from kube.clock import Clock
from kube.cluster import Cluster
from kube.errors import KubeError, NotFound
from kube.resources import CONFIGMAPS, SECRETS, Resource
from kube.service import Service

_REFRESH = 5.0
_IDLE = 3600.0


class MissingValue(Exception):
    """The Secret or ConfigMap, or its key, is not there. `path` is the field that names it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


def key(value: bytes | None) -> bytes:
    """A value to sign with: as it is, but for one newline at the end, which most editors and
    `echo` leave there. Empty when there is nothing but blanks, which is no key."""
    if value is None or not value.strip():
        return b""
    return value.removesuffix(b"\n")


class Secrets(Service):
    """See the module."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        super().__init__("events.secrets")
        self._cluster = cluster
        self._clock = clock
        self._known: dict[tuple[Resource, str, str], Mapping[str, bytes] | None] = {}
        self._used: dict[tuple[Resource, str, str], float] = {}
        self._kept: weakref.WeakKeyDictionary[object, set[tuple[Resource, str, str]]] = (
            weakref.WeakKeyDictionary()
        )

    async def run(self) -> None:
        """Re-read what is in use until stopped."""
        self.mark_started()
        while True:
            await asyncio.sleep(_REFRESH)
            await self.refresh()

    async def refresh(self) -> None:
        """Read everything in use again; forget what nobody keeps nor asked for in an hour."""
        now = self._clock.now()
        kept = set[tuple[Resource, str, str]]().union(*self._kept.values())
        for key in list(self._known):
            if key not in kept and now - self._used.get(key, 0.0) > _IDLE:
                del self._known[key]
                continue
            try:
                await self._read(key)
            except KubeError as error:
                self.log.warning("secret_not_refreshed", name=key[2], error=error.reason)

    async def value(
        self, namespace: str, reference: Mapping[str, Any], path: str, *, config_map: bool = False
    ) -> bytes:
        """The value `reference` ({name, key}) names. Raises MissingValue, KubeError."""
        resource = CONFIGMAPS if config_map else SECRETS
        name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
        kind = resource.kind
        if not name or not key:
            raise MissingValue(path, f"names no {kind} and key")
        index = (resource, namespace, name)
        if index not in self._known or self._known[index] is None:
            await self._read(index)
        found = self.cached(namespace, reference, config_map=config_map)
        if found is None:
            held = self._known[index]
            what = (
                f"{kind} {name!r} does not exist" if held is None else f"no key {key!r} in {name!r}"
            )
            raise MissingValue(path, what)
        return found

    def keep(self, holder: object, namespace: str, reference: Mapping[str, Any]) -> None:
        """Do not forget the Secret in `reference` while `holder` lives: it asks with `cached`
        alone, and perhaps seldom."""
        index = (SECRETS, namespace, str(reference.get("name") or ""))
        self._kept.setdefault(holder, set()).add(index)

    def cached(
        self, namespace: str, reference: Mapping[str, Any], *, config_map: bool = False
    ) -> bytes | None:
        """The value as last read; None when it is not there (or was never asked for)."""
        index = (CONFIGMAPS if config_map else SECRETS, namespace, str(reference.get("name")))
        self._used[index] = self._clock.now()
        held = self._known.get(index)
        return None if held is None else held.get(str(reference.get("key")))

    async def _read(self, index: tuple[Resource, str, str]) -> None:
        resource, namespace, name = index
        self._used.setdefault(index, self._clock.now())
        try:
            obj = await self._cluster.get(resource, namespace, name)
        except NotFound:
            self._known[index] = None
            return
        if resource is CONFIGMAPS:
            values = {k: str(v).encode() for k, v in (obj.get("data") or {}).items()}
            values |= _decoded(obj.get("binaryData"))
        else:
            values = _decoded(obj.get("data"))
            values |= {k: str(v).encode() for k, v in (obj.get("stringData") or {}).items()}
        self._known[index] = values


def _decoded(data: Mapping[str, str] | None) -> dict[str, bytes]:
    values = {}
    for key, text in (data or {}).items():
        try:
            values[key] = base64.b64decode(text)
        except (binascii.Error, ValueError):
            continue
    return values
