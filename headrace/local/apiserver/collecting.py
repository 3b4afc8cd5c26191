"""Controllers inside the server: owners and dependents, namespaces that end, quota usage, CRDs.

Everything reacts to committed changes; what was left undone by a crash is found again at start by
one pass over the objects. Source: Kubernetes' garbage collector and namespace controller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from headrace.local.apiserver import admission, definitions, deletion, meta
from headrace.local.apiserver.api import Api
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.state import Event, Key
from kube import resources
from kube.cluster import Object
from kube.errors import AlreadyExists, Conflict, Forbidden, KubeError, NotFound
from kube.queueing import Done, Result, Retry, WorkQueue
from kube.service import Service
from lang import quantity

UID_INDEX_SKIPPED = {"events"}


class Collector(Service):
    """Keeps what belongs together together."""

    def __init__(self, api: Api) -> None:
        super().__init__("collector")
        self._api = api
        self._owners: dict[str, dict[Key, None]] = {}  # owner uid -> dependents
        self._live: dict[str, Key] = {}  # uid -> object
        self._queue = WorkQueue("collector", self._work, workers=8)
        api.state.listen(self._changed)

    # -- keeping track ----------------------------------------------------------------------

    def _changed(self, event: Event) -> None:
        self._index(event)
        key = event.key
        if event.type == "DELETED":
            uid = event.object["metadata"]["uid"]
            if self._owners.get(uid):
                self._queue.add(f"owner {uid}")
            if key.resource == "customresourcedefinitions.apiextensions.k8s.io":
                self._forget_kinds(event.object)
        elif event.object["metadata"].get("deletionTimestamp"):
            self._queue.add("ending " + "|".join(key))
        elif event.type == "ADDED" and event.object["metadata"].get("ownerReferences"):
            self._queue.add("orphan " + "|".join(key))
        if key.resource == "namespaces" and event.type == "ADDED":
            self._queue.add(f"account {key.name}")
        if key.resource == "customresourcedefinitions.apiextensions.k8s.io":
            self._serve_kinds(event)
        if key.namespace:
            if self._api.state.count("resourcequotas", key.namespace):
                self._queue.add(f"quota {key.namespace}")
            if event.type == "DELETED":
                space = self._api.state.get(Key("namespaces", "", key.namespace))
                if space is not None and space["metadata"].get("deletionTimestamp"):
                    self._queue.add(f"ending namespaces||{key.namespace}")

    def _index(self, event: Event) -> None:
        key, uid = event.key, event.object["metadata"]["uid"]
        if event.before is not None:
            for owner in event.before["metadata"].get("ownerReferences") or ():
                entries = self._owners.get(owner["uid"])
                if entries is not None:
                    entries.pop(key, None)
                    if not entries:
                        del self._owners[owner["uid"]]
        if event.type == "DELETED":
            self._live.pop(uid, None)
            return
        if key.resource not in UID_INDEX_SKIPPED:
            self._live[uid] = key
        for owner in event.object["metadata"].get("ownerReferences") or ():
            self._owners.setdefault(owner["uid"], {})[key] = None

    def _all(self) -> Iterator[tuple[Kind, Object]]:
        seen: set[str] = set()
        for kind in self._api.kinds.all():
            if kind.key not in seen:
                seen.add(kind.key)
                for obj in self._api.state.items(kind.key):
                    yield kind, obj

    async def run(self) -> None:
        """Index what is there, take up what was left undone, then react."""
        for kind, obj in self._all():
            key = Key(kind.key, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            self._index(Event(0, "ADDED", key, obj, None))
        for kind, obj in self._all():
            key = Key(kind.key, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            if obj["metadata"].get("deletionTimestamp"):
                self._queue.add("ending " + "|".join(key))
            elif obj["metadata"].get("ownerReferences"):
                self._queue.add("orphan " + "|".join(key))
        await self._queue.start()
        self.mark_started()
        try:
            await asyncio.Event().wait()
        finally:
            await self._queue.stop()

    # -- working ----------------------------------------------------------------------------

    async def _work(self, item: str) -> Result:
        task, _, rest = item.partition(" ")
        try:
            match task:
                case "owner":
                    for dependent in list(self._owners.get(rest, ())):
                        await self._orphan(dependent)
                case "orphan":
                    await self._orphan(Key(*rest.split("|")))
                case "ending":
                    await self._ending(Key(*rest.split("|")))
                case "account":
                    await self._account(rest)
                case _:
                    await self._quota(rest)
        except NotFound:
            return Done()
        except Conflict as error:
            return Retry(error)
        return Done()

    async def _orphan(self, key: Key) -> None:
        """An object whose owners are all gone goes as well; gone owners are struck off."""
        obj = self._api.state.newest(key)
        kind = self._api.kinds.of_key(key.resource)
        if obj is None or kind is None or obj["metadata"].get("deletionTimestamp"):
            return
        owners = obj["metadata"].get("ownerReferences") or []
        present = [o for o in owners if o["uid"] in self._live]
        if not owners or len(present) == len(owners):
            return
        space, name = key.namespace or None, key.name
        if present:
            body = {"metadata": {"ownerReferences": present}}
            await self._merge(kind, space, name, body)
        else:
            options = deletion.Options(uid=obj["metadata"]["uid"])
            await self._api.delete(kind, space, name, options)

    async def _ending(self, key: Key) -> None:
        if key.resource == "namespaces":
            await self._end_namespace(key.name)
            return
        obj = self._api.state.newest(key)
        kind = self._api.kinds.of_key(key.resource)
        if obj is None or kind is None:
            return
        finalizers = obj["metadata"].get("finalizers") or []
        uid = obj["metadata"]["uid"]
        dependents = list(self._owners.get(uid, ()))
        if deletion.ORPHAN in finalizers:
            for dependent in dependents:
                await self._disown(dependent, uid)
        elif deletion.FOREGROUND in finalizers:
            blocking = [d for d in dependents if self._blocks(d, uid)]
            for dependent in dependents:
                other = self._api.kinds.of_key(dependent.resource)
                found = self._api.state.newest(dependent)
                if other is not None and found is not None:
                    if found["metadata"].get("deletionTimestamp"):
                        continue
                    options = deletion.Options(propagation="Foreground")
                    await self._api.delete(
                        other, dependent.namespace or None, dependent.name, options
                    )
            if blocking:
                self._queue.add_after("ending " + "|".join(key), 0.2)
                return
        else:
            return
        kept = [f for f in finalizers if f not in {deletion.ORPHAN, deletion.FOREGROUND}]
        await self._merge(
            kind, key.namespace or None, key.name, {"metadata": {"finalizers": kept or None}}
        )

    def _blocks(self, key: Key, uid: str) -> bool:
        found = self._api.state.newest(key)
        owners = ((found or {}).get("metadata") or {}).get("ownerReferences") or ()
        return any(o["uid"] == uid and o.get("blockOwnerDeletion") for o in owners)

    async def _disown(self, key: Key, uid: str) -> None:
        kind = self._api.kinds.of_key(key.resource)
        obj = self._api.state.newest(key)
        if kind is None or obj is None:
            return
        owners = obj["metadata"].get("ownerReferences") or []
        kept = [o for o in owners if o["uid"] != uid]
        body = {"metadata": {"ownerReferences": kept or None}}
        await self._merge(kind, key.namespace or None, key.name, body)

    async def _end_namespace(self, name: str) -> None:
        """Delete everything in it; when it is empty, let it go."""
        remaining = 0
        for kind in self._api.kinds.all():
            if not kind.resource.namespaced:
                continue
            for obj in list(self._api.state.items(kind.key, name)):
                remaining += 1
                if not obj["metadata"].get("deletionTimestamp"):
                    options = deletion.Options()
                    try:
                        await self._api.delete(kind, name, obj["metadata"]["name"], options)
                    except NotFound:
                        continue
        left = sum(
            self._api.state.count(kind.key, name)
            for kind in self._api.kinds.all()
            if kind.resource.namespaced
        )
        if left:
            if left < remaining:
                self._queue.add_after(f"ending namespaces||{name}", 0.1)
            return
        key = Key("namespaces", "", name)
        live = self._api.state.newest(key)
        if live is not None and live["metadata"].get("deletionTimestamp"):
            ended = {**live, "metadata": dict(live["metadata"])}
            await self._api.state.write(key, ended, deleted=True)

    async def _account(self, namespace: str) -> None:
        """Every namespace has a default service account."""
        kind = self._api.kind(resources.SERVICE_ACCOUNTS)
        body = {"metadata": {"name": "default"}}
        try:
            await self._api.create(kind, namespace, body)
        except (AlreadyExists, Forbidden, NotFound):
            return

    async def _quota(self, namespace: str) -> None:
        """Write what a namespace uses into the status of its quotas."""
        kind = self._api.kind(resources.RESOURCE_QUOTAS)
        for quota in list(self._api.state.items("resourcequotas", namespace)):
            hard = (quota.get("spec") or {}).get("hard") or {}
            used = admission.used_in(self._api.state, namespace, set(hard))
            status = {
                "hard": hard,
                "used": {n: _like(hard[n], admission.shown(a)) for n, a in used.items()},
            }
            if quota.get("status") != status:
                name = quota["metadata"]["name"]
                await self._merge(kind, namespace, name, {"status": status}, "status")

    async def _merge(
        self, kind: Kind, namespace: str | None, name: str, body: Object, subresource: str = ""
    ) -> None:
        from headrace.local.apiserver.api import Write
        from kube.cluster import PatchType

        write = Write(subresource=subresource)
        await self._api.patch(kind, namespace, name, body, PatchType.MERGE, write)

    # -- kinds ------------------------------------------------------------------------------

    def _serve_kinds(self, event: Event) -> None:
        if event.type != "DELETED" and not event.object["metadata"].get("deletionTimestamp"):
            for kind in definitions.kinds_of(event.object):
                self._api.kinds.add(kind)

    def _forget_kinds(self, crd: Object) -> None:
        for kind in definitions.kinds_of(crd):
            self._api.kinds.remove(kind)
            self.spawn(self._drop(kind), f"drop {kind.key}")

    async def _drop(self, kind: Kind) -> None:
        """The objects of a kind that is no longer defined."""
        for obj in list(self._api.state.items(kind.key)):
            namespace = obj["metadata"].get("namespace", "")
            key = Key(kind.key, namespace, obj["metadata"]["name"])
            ended = {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": meta.now()}}
            try:
                await self._api.state.write(key, ended, deleted=True)
            except (KubeError, OSError):
                return


def _like(hard: str, used: str) -> str:
    """A used amount in the unit that the limit is written in, where that is exact."""
    for suffix in ("Gi", "Mi", "Ki", "m"):
        if str(hard).endswith(suffix):
            amount = quantity.parse(used) / quantity.parse(f"1{suffix}")
            if amount == amount.to_integral_value():
                return f"{int(amount)}{suffix}" if amount else "0"
    return used
