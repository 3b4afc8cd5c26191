"""How a node table is written: plain while it is small, then compressed, then in pages.

A table only ever goes to a larger form. Every form is one consistent moment of the workflow: rows
are kept as they were given with the head, and pages are never changed but replaced, by the write
of the Workflow that names them. Rows keep their page; only pages whose rows changed are written
again. Large tables are packed in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from crds import paging
from kube import resources
from kube.cluster import Cluster, Object
from kube.errors import AlreadyExists, KubeError, NotFound
from kube.throttle import Throttle

AT_ONCE = 4  # pages that are written at a time
THREAD = 200  # rows; packing fewer is quicker than asking a thread

Row = Mapping[str, Any]


class Form(StrEnum):
    """Where the rows are."""

    PLAIN = "plain"
    COMPRESSED = "compressed"
    PAGED = "paged"


@dataclass(frozen=True, slots=True)
class Limits:
    """`plain`: bytes of rows that stay as they are; `compressed`: of the packed table;
    `rows`: in one page."""

    plain: int = 700 * 1024
    compressed: int = 900 * 1024
    rows: int = 1_000


class Packing:
    """The table of one workflow. Not safe for concurrent calls: its writer has a lock."""

    def __init__(
        self, cluster: Cluster, throttle: Throttle, workflow: Object, limits: Limits
    ) -> None:
        self._cluster = cluster
        self._throttle = throttle
        self._workflow = workflow
        self._limits = limits
        self._rows: dict[str, bytes] = {}  # all rows, in JSON
        self._size = 0
        self._pages: list[list[str]] = []
        self._page_of: dict[str, int] = {}
        self._generations: list[int] = []
        self._latest = 0
        self._unwritten: set[int] = set()  # pages that are older than the rows
        self._replaced: list[str] = []  # pages that the next written table names no more
        self._stale: list[str] = []  # pages that nobody names since the last written table
        self.form = Form.PLAIN

    def adopt(self, rows: Mapping[str, Row], pages: Iterable[Iterable[str]]) -> None:
        """Go on from a stored table; with pages every row stays in its own."""
        packed = (self._workflow.get("status") or {}).get("compressedNodes")
        self.form = Form.COMPRESSED if packed else Form.PLAIN
        self._keep(rows)
        for ids in pages:
            self.form = Form.PAGED
            self._pages.append(list(ids))
            self._page_of |= dict.fromkeys(self._pages[-1], len(self._pages) - 1)
        self._generations = paging.generations(self._workflow)
        self._latest = max(self._generations, default=0)

    def larger(self) -> bool:
        """Go to the next form; False when there is none."""
        if self.form is Form.PAGED:
            return False
        self.form = Form.COMPRESSED if self.form is Form.PLAIN else Form.PAGED
        return True

    async def status(self, rows: Mapping[str, Row]) -> dict[str, Any]:
        """The fields of the status that say the table, once `rows` are the changed ones.

        Raises KubeError; nothing is lost then, and asking again goes on.
        """
        self._keep(rows)
        if self.form is Form.PLAIN:
            if self._size <= self._limits.plain:
                return {"nodes": dict(rows)}
            self.form = Form.COMPRESSED
        if self.form is Form.COMPRESSED:
            packed = await _packed(dict(self._rows))
            if len(packed) <= self._limits.compressed:
                return {"nodes": None, "compressedNodes": packed}
            self.form = Form.PAGED
        self._place(rows)
        await self._write_pages()
        version = paging.version(self._generations)
        return {"nodes": None, "compressedNodes": None, "offloadNodeStatusVersion": version}

    def _keep(self, rows: Mapping[str, Row]) -> None:
        for node_id, row in rows.items():
            text = msgspec.json.encode({k: v for k, v in row.items() if v is not None})
            self._size += len(text) - len(self._rows.get(node_id, b""))
            self._rows[node_id] = text

    # -- pages ------------------------------------------------------------------------------

    def _place(self, rows: Mapping[str, Row]) -> None:
        """Give every node a page, and note the pages that must be written."""
        for node_id in rows if self._pages else self._rows:
            if node_id not in self._page_of:
                if not self._pages or len(self._pages[-1]) >= self._limits.rows:
                    self._open([])
                self._pages[-1].append(node_id)
                self._page_of[node_id] = len(self._pages) - 1
            self._unwritten.add(self._page_of[node_id])

    def _open(self, ids: list[str]) -> int:
        index = len(self._pages)
        self._pages.append(ids)
        self._generations.append(0)
        self._page_of |= dict.fromkeys(ids, index)
        self._unwritten.add(index)
        return index

    async def _write_pages(self) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(index: int, rows: dict[str, bytes]) -> None:
            async with room:
                await self._write(index, rows)

        # What is written is what the rows are now, whatever happens meanwhile.
        moment = {i: {n: self._rows[n] for n in self._pages[i]} for i in sorted(self._unwritten)}
        tries = [one(index, rows) for index, rows in moment.items()]
        for error in await asyncio.gather(*tries, return_exceptions=True):
            if error is not None:
                raise error

    async def _write(self, index: int, rows: dict[str, bytes]) -> None:
        packed = await _packed(rows)
        if len(packed) > paging.MOST and len(rows) > 1:
            ids = list(rows)
            self._pages[index], moved = ids[: len(ids) // 2], ids[len(ids) // 2 :]
            other = self._open(moved)
            await self._write(other, {node_id: rows[node_id] for node_id in moved})
            await self._write(index, {node_id: rows[node_id] for node_id in self._pages[index]})
            return
        self._latest += 1
        made = paging.page(self._workflow, index, self._latest, packed)
        generation, before = self._latest, self._generations[index]
        meta = made["metadata"]
        async with self._throttle.slot(f"{meta['namespace']}/{self._workflow['metadata']['name']}"):
            await self._put(made)
        if before:
            self._replaced.append(paging.name(self._workflow["metadata"]["name"], index, before))
        self._generations[index] = generation
        self._unwritten.discard(index)

    async def _put(self, made: Object) -> None:
        """A page of this name from a process that died is replaced: nothing names it."""
        meta = made["metadata"]
        try:
            await self._cluster.create(resources.CONFIGMAPS, meta["namespace"], made)
        except AlreadyExists:
            body = {"metadata": {"labels": meta["labels"]}, "binaryData": made["binaryData"]}
            await self._cluster.patch(resources.CONFIGMAPS, meta["namespace"], meta["name"], body)

    async def written(self) -> None:
        """The Workflow names the present pages: those before the last ones may go."""
        going, self._stale, self._replaced = self._stale, self._replaced, []
        for name in going:
            try:
                await self._cluster.delete(
                    resources.CONFIGMAPS, self._workflow["metadata"]["namespace"], name
                )
            except NotFound:
                continue
            except KubeError:
                self._stale.append(name)


async def _packed(rows: dict[str, bytes]) -> str:
    if len(rows) < THREAD:
        return paging.pack(rows)
    return await asyncio.to_thread(paging.pack, rows)
