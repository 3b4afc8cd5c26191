"""What the API server knows: the committed objects, the writes under way, and the watchers.

One event loop decides in order: a write is checked against the newest state (committed, or on
its way to the disk), gets the next revision, and is handed to the store. Only when it is durable
do readers and watchers see it. So nobody acts on something that a crash could take back, and two
writers never both win.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from headrace.local.apiserver.store import Change, Store
from kube.cluster import Object

HISTORY = 10_000  # events kept in memory for watches that come back
QUEUE = 20_000  # events that a slow watcher may lag behind before it is cut off


class Key(NamedTuple):
    """Where an object lives; `resource` is `plural.group`."""

    resource: str
    namespace: str
    name: str


class Event(NamedTuple):
    """A committed change; `before` is the object's state before it (None for ADDED)."""

    revision: int
    type: str
    key: Key
    object: Object
    before: Object | None


@dataclass(eq=False, slots=True)
class Watcher:
    """Receives the events of one resource; `overflowed` when it fell too far behind."""

    resource: str
    events: deque[Event] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    overflowed: bool = False

    def offer(self, event: Event) -> None:
        """Queue an event, without ever waiting."""
        if len(self.events) >= QUEUE:
            self.overflowed = True
        else:
            self.events.append(event)
        self.wake.set()


class State:
    """All objects of the cluster."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects: dict[str, dict[str, dict[str, Object]]] = {}
        self._pending: dict[Key, Object | None] = {}
        self._pending_at: dict[Key, int] = {}
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._oldest = 0  # events after this revision are in the history
        self._watchers: dict[str, set[Watcher]] = {}
        self._listeners: list[Callable[[Event], None]] = []
        self._assigned = 0
        self.revision = 0

    def load(self) -> None:
        """Read the store. Called once, before anything else."""
        loaded = self._store.load()
        for resource, namespace, name, value in loaded.objects:
            self._put(Key(resource, namespace, name), orjson.loads(value))
        self.revision = self._assigned = max(loaded.revision, 1)
        self._oldest = loaded.history[0].revision - 1 if loaded.history else self.revision
        last: dict[Key, Object] = {}
        for change in loaded.history:
            key = Key(change.resource, change.namespace, change.name)
            obj = orjson.loads(change.value)
            before = last.get(key) if change.type != "ADDED" else None
            if change.type == "MODIFIED" and before is None:
                before = obj  # its state before the history began: selectors see no transition
            self._remember(Event(change.revision, change.type, key, obj, before))
            last[key] = obj

    # -- reading (committed state only) -----------------------------------------------------

    def get(self, key: Key) -> Object | None:
        """The object as last committed."""
        return self._objects.get(key.resource, {}).get(key.namespace, {}).get(key.name)

    def items(self, resource: str, namespace: str | None = None) -> Iterator[Object]:
        """The objects of a resource, sorted by namespace and name."""
        spaces = self._objects.get(resource, {})
        for space in [namespace] if namespace is not None else sorted(spaces):
            objects = spaces.get(space, {})
            for name in sorted(objects):
                yield objects[name]

    def count(self, resource: str, namespace: str | None = None) -> int:
        """How many objects a list would have."""
        spaces = self._objects.get(resource, {})
        if namespace is not None:
            return len(spaces.get(namespace, ()))
        return sum(map(len, spaces.values()))

    # -- writing ----------------------------------------------------------------------------

    def newest(self, key: Key) -> Object | None:
        """The object as it will be once every write under way is committed."""
        if key in self._pending:
            return self._pending[key]
        return self.get(key)

    def next_revision(self) -> int:
        """The revision that the next `write` gets."""
        return self._assigned + 1

    async def write(self, key: Key, obj: Object, *, deleted: bool = False) -> None:
        """Store `obj` (its metadata.resourceVersion is set here); returns when it is durable.

        The caller has checked preconditions against `newest` without awaiting in between, and
        never changes `obj` afterwards. For a deletion `obj` is the last state. Raises StoreError.
        """
        before = self.newest(key)
        self._assigned += 1
        revision = self._assigned
        obj["metadata"]["resourceVersion"] = str(revision)
        kind = "DELETED" if deleted else "ADDED" if before is None else "MODIFIED"
        self._pending[key] = None if deleted else obj
        self._pending_at[key] = revision
        committed = self._store.commit(Change(revision, *key, kind, orjson.dumps(obj)))
        event = Event(revision, kind, key, obj, before)
        committed.add_done_callback(lambda done: self._committed(done, event))
        await asyncio.shield(committed)

    def _committed(self, done: asyncio.Future[None], event: Event) -> None:
        key = event.key
        if self._pending_at.get(key) == event.revision:
            del self._pending[key], self._pending_at[key]
        if done.cancelled() or done.exception() is not None:
            return
        if event.type == "DELETED":
            self._objects[key.resource][key.namespace].pop(key.name, None)
        else:
            self._put(key, event.object)
        self.revision = event.revision
        self._remember(event)
        for watcher in self._watchers.get(key.resource, ()):
            watcher.offer(event)
        for listener in self._listeners:
            listener(event)

    def _put(self, key: Key, obj: Object) -> None:
        self._objects.setdefault(key.resource, {}).setdefault(key.namespace, {})[key.name] = obj

    def _remember(self, event: Event) -> None:
        if len(self._history) == self._history.maxlen:
            self._oldest = self._history[0].revision
        self._history.append(event)

    # -- watching ---------------------------------------------------------------------------

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every committed change of every resource, in order."""
        self._listeners.append(listener)

    def watch(self, resource: str) -> Watcher:
        """A watcher that gets everything from now on; `unwatch` it when done."""
        watcher = Watcher(resource)
        self._watchers.setdefault(resource, set()).add(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._watchers.get(watcher.resource, set()).discard(watcher)

    def since(self, resource: str, revision: int) -> list[Event] | None:
        """The resource's events after `revision`, None when they are no longer all known."""
        if revision < self._oldest:
            return None
        found: list[Event] = []
        for event in reversed(self._history):
            if event.revision <= revision:
                break
            if event.key.resource == resource:
                found.append(event)
        found.reverse()
        return found

    @property
    def oldest(self) -> int:
        """The oldest revision that a watch can start from."""
        return self._oldest

    def drop(self, resource: str) -> None:
        """Forget an empty resource (its definition is gone)."""
        self._objects.pop(resource, None)

    def statistics(self) -> dict[str, Any]:
        """Counts for metrics and tests."""
        return {
            "revision": self.revision,
            "objects": sum(self.count(r) for r in self._objects),
            "watchers": sum(map(len, self._watchers.values())),
            "pending": len(self._pending),
        }
