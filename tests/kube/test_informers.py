"""Informers keep a list current, whatever the watch goes through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from kube.cluster import Cluster, ObjectList, WatchEvent
from kube.errors import Gone
from kube.informers import Informer
from kube.resources import CONFIGMAPS


def item(name: str, version: int, team: str = "") -> dict[str, Any]:
    labels = {"labels": {"team": team}} if team else {}
    meta = {"name": name, "namespace": "d", "resourceVersion": str(version), **labels}
    return {"metadata": meta}


class Scripted:
    """Lists and watches one after the other, then silence."""

    def __init__(
        self, lists: list[ObjectList], watches: list[list[WatchEvent | Exception]]
    ) -> None:
        self._lists = lists
        self._watches = watches
        self.asked: list[str] = []
        self.silent = asyncio.Event()

    async def list(self, *_arguments: Any) -> ObjectList:
        return self._lists.pop(0)

    async def watch(self, *_: Any, resource_version: str) -> AsyncIterator[WatchEvent]:
        self.asked.append(resource_version)
        if not self._watches:
            self.silent.set()
            await asyncio.Event().wait()
        for event in self._watches.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


async def kept(script: Scripted, **options: Any) -> tuple[Informer, list[tuple[str, str]]]:
    informer = Informer(cast("Cluster", script), CONFIGMAPS, **options)
    told: list[tuple[str, str]] = []
    informer.add_handler(lambda event: told.append((event.type, event.object["metadata"]["name"])))
    await informer.start()
    async with asyncio.timeout(20):
        await script.silent.wait()
    return informer, told


async def test_changes_are_kept_and_told() -> None:
    script = Scripted(
        [ObjectList([item("a", 1)], "5")],
        [
            [
                WatchEvent("ADDED", item("b", 6)),
                WatchEvent("MODIFIED", item("b", 7)),
                WatchEvent("DELETED", item("a", 8)),
            ]
        ],
    )
    informer, told = await kept(script)
    assert [o["metadata"]["name"] for o in informer.items()] == ["b"]
    assert told == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
    assert script.asked == ["5", "8"]
    await informer.stop()


async def test_a_version_that_is_gone_means_list_again_and_no_deletion_is_missed() -> None:
    script = Scripted(
        [ObjectList([item("a", 1), item("b", 2)], "5"), ObjectList([item("b", 2)], "50")],
        [[Gone("too old")]],
    )
    informer, told = await kept(script)
    assert len(informer) == 1
    assert ("DELETED", "a") in told
    assert script.asked[-1] == "50"
    await informer.stop()


async def test_bookmarks_move_the_version_without_a_change() -> None:
    script = Scripted(
        [ObjectList([], "5")],
        [[WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": "90"}})]],
    )
    informer, told = await kept(script)
    assert told == []
    assert script.asked == ["5", "90"]
    await informer.stop()


async def test_an_index_follows_its_objects() -> None:
    script = Scripted(
        [ObjectList([item("a", 1, "blue"), item("b", 2, "red")], "5")],
        [
            [
                WatchEvent("MODIFIED", item("a", 6, "red")),
                WatchEvent("DELETED", item("b", 7, "red")),
            ]
        ],
    )
    informer, _ = await kept(
        script, index={"team": lambda o: o["metadata"].get("labels", {}).get("team")}
    )
    assert informer.by_index("team", "blue") == []
    assert [o["metadata"]["name"] for o in informer.by_index("team", "red")] == ["a"]
    await informer.stop()
