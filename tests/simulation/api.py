"""The true state of a simulated cluster: objects, their versions and their history.

No faults here: `faults.FaultyCluster` stands between this and the engine. Objects are never
changed in place. `observers` see every committed change; the invariants hang there.
"""

from __future__ import annotations

import asyncio
import bisect
import copy
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from kube.cluster import Object, ObjectList, Selector, WatchEvent
from kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound
from kube.resources import Resource
from lang import selector as selectors

Observer = Callable[[Resource, Object | None, Object | None], None]
Key = tuple[str, str, str]


class FakeApi:
    """Kubernetes semantics as far as the engine leans on them."""

    def __init__(self, stamp: Callable[[], str], *, largest: int | None = 1_500_000) -> None:
        self._stamp = stamp
        self._largest = largest
        self.revision = 100
        self.compacted = 0
        self.objects: dict[Key, Object] = {}
        self.resources: dict[str, Resource] = {}
        self.history: defaultdict[str, list[tuple[int, WatchEvent]]] = defaultdict(list)
        self.observers: list[Observer] = []
        self._moved = asyncio.Event()
        self._uids = 0

    # -- reading ----------------------------------------------------------------------------

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        found = self.objects.get((resource.plural, namespace or "", name))
        if found is None:
            raise NotFound(f'{resource.plural} "{name}" not found')
        return found

    def list(self, resource: Resource, namespace: str | None, chosen: Selector) -> ObjectList:
        matches = _matcher(chosen)
        items = [
            obj
            for (plural, space, _), obj in self.objects.items()
            if plural == resource.plural and namespace in (None, space) and matches(obj)
        ]
        return ObjectList(items, str(self.revision))

    def since(self, resource: Resource, chosen: Selector, version: int) -> list[WatchEvent]:
        """The changes after a version. Raises Gone where they are no longer known."""
        if version < self.compacted:
            raise Gone("too old resource version")
        matches = _matcher(chosen)
        history = self.history[resource.plural]
        first = bisect.bisect_right(history, version, key=lambda entry: entry[0])
        return [event for _, event in history[first:] if matches(event.object)]

    async def moved(self) -> None:
        """Until something changes."""
        await self._moved.wait()

    def compact(self) -> None:
        """Forget the history: watches from before must list again."""
        self.compacted = self.revision
        self.history.clear()

    # -- writing ----------------------------------------------------------------------------

    def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        meta = dict(body["metadata"])
        key = (resource.plural, namespace or "", meta["name"])
        if key in self.objects:
            raise AlreadyExists(f'{resource.plural} "{meta["name"]}" already exists')
        self._uids += 1
        meta |= {"uid": f"uid-{self._uids}", "creationTimestamp": self._stamp()}
        if namespace:
            meta["namespace"] = namespace
        made = {"apiVersion": resource.api_version, "kind": resource.kind, **copy.deepcopy(body)}
        made["metadata"] = meta
        if resource.plural == "pods":
            made.setdefault("status", {"phase": "Pending"})
        return self._commit(resource, key, None, made)

    def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Any, part: str = ""
    ) -> Object:
        """A merge patch; `part` is the sub-resource."""
        before = self.get(resource, namespace, name)
        asked = (body.get("metadata") or {}).get("uid")
        if asked and asked != before["metadata"]["uid"]:
            raise Conflict(f"the uid of {name} is another")
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version and version != before["metadata"]["resourceVersion"]:
            raise Conflict(f"{name} has been modified")
        after = merged(before, {"status": body.get("status")} if part else body)
        if after == before:
            return before
        return self._commit(resource, (resource.plural, namespace or "", name), before, after)

    def delete(self, resource: Resource, namespace: str | None, name: str, uid: str = "") -> Object:
        before = self.get(resource, namespace, name)
        if uid and uid != before["metadata"]["uid"]:
            raise Conflict(f"the uid of {name} is another")
        self._commit(resource, (resource.plural, namespace or "", name), before, None)
        if resource.plural == "workflows":
            self._orphans(before["metadata"]["uid"])
        return before

    def _orphans(self, uid: str) -> None:
        for key, obj in list(self.objects.items()):
            if any(o.get("uid") == uid for o in obj["metadata"].get("ownerReferences") or ()):
                self._commit(self.resources[key[0]], key, obj, None)

    def _commit(
        self, resource: Resource, key: Key, before: Object | None, after: Object | None
    ) -> Object:
        if after is not None and self._largest and len(str(after)) > self._largest:
            raise Invalid("Request entity too large: limit is 1.5 MB")
        self.resources[resource.plural] = resource
        self.revision += 1
        shown = dict(after if after is not None else before or {})
        shown["metadata"] = {**shown["metadata"], "resourceVersion": str(self.revision)}
        kind = "ADDED" if before is None else "MODIFIED" if after is not None else "DELETED"
        if after is None:
            del self.objects[key]
        else:
            self.objects[key] = shown
        event = WatchEvent(kind, shown)  # type: ignore[arg-type]
        self.history[resource.plural].append((self.revision, event))
        for observer in self.observers:
            observer(resource, before, shown if after is not None else None)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        return shown


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _matcher(chosen: Selector) -> Callable[[Object], bool]:
    if not chosen.labels:
        return lambda _obj: True
    wanted = selectors.parse(chosen.labels)
    return lambda obj: wanted.matches(obj["metadata"].get("labels") or {})
