"""Watches: from a place in the history to now and on, filtered, with bookmarks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from headrace.local.apiserver import refusals
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.selection import Predicate, everything
from headrace.local.apiserver.state import Event, State
from kube.cluster import Object, WatchEvent

BOOKMARK_EVERY = 30.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`revision` None: send the present state first, as ADDED. `seconds` None: no end."""

    namespace: str | None
    matches: Predicate
    revision: int | None
    bookmarks: bool = False
    initial_bookmark: bool = False
    seconds: float | None = None


async def watch(state: State, kind: Kind, options: WatchOptions) -> AsyncIterator[WatchEvent]:
    """Events in order, until `seconds` are over. Raises Gone for a revision too long ago."""
    watcher = state.watch(kind.key)
    try:
        position = state.revision
        for event in _first(state, kind, options, position):
            yield event
        if options.initial_bookmark:
            yield _bookmark(kind, position, initial=True)
        loop = asyncio.get_running_loop()
        ends = None if options.seconds is None else loop.time() + options.seconds
        while True:
            while watcher.events:
                committed = watcher.events.popleft()
                position = committed.revision
                seen = as_seen(committed, options)
                if seen is not None:
                    yield seen
            if watcher.overflowed:
                raise refusals.expired("too old resource version: the watch fell behind")
            watcher.wake.clear()
            if watcher.events:
                continue
            left = BOOKMARK_EVERY if ends is None else min(BOOKMARK_EVERY, ends - loop.time())
            if left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await watcher.wake.wait()
            except TimeoutError:
                if options.bookmarks:
                    yield _bookmark(kind, max(position, state.revision))
    finally:
        state.unwatch(watcher)


def _first(state: State, kind: Kind, options: WatchOptions, position: int) -> list[WatchEvent]:
    """What comes before the live events: the present state, or what was missed."""
    if options.revision is None:
        items = state.items(kind.key, options.namespace)
        return [WatchEvent("ADDED", obj) for obj in items if options.matches(obj)]
    if options.revision > position:
        return []
    missed = state.since(kind.key, options.revision)
    if missed is None:
        text = f"too old resource version: {options.revision} ({state.oldest})"
        raise refusals.expired(text)
    seen = [as_seen(event, options) for event in missed]
    return [event for event in seen if event is not None]


def as_seen(event: Event, options: WatchOptions) -> WatchEvent | None:
    """The event as this watch sees it: an object may enter or leave its selection."""
    if options.namespace is not None and event.key.namespace != options.namespace:
        return None
    if options.matches is everything:
        return WatchEvent(event.type, event.object)  # type: ignore[arg-type]
    now = event.type != "DELETED" and options.matches(event.object)
    before = event.before is not None and options.matches(event.before)
    if event.type == "DELETED":
        return WatchEvent("DELETED", event.object) if before else None
    if now:
        return WatchEvent("MODIFIED" if before else "ADDED", event.object)
    if before and event.before is not None:
        version = event.object["metadata"]["resourceVersion"]
        meta = {**event.before["metadata"], "resourceVersion": version}
        return WatchEvent("DELETED", {**event.before, "metadata": meta})
    return None


def _bookmark(kind: Kind, revision: int, *, initial: bool = False) -> WatchEvent:
    meta: dict[str, object] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    obj: Object = {
        "kind": kind.resource.kind,
        "apiVersion": kind.resource.api_version,
        "metadata": meta,
    }
    return WatchEvent("BOOKMARK", obj)
