"""Durable storage: one SQLite file, one writer thread, group commit.

The event loop decides what happens and in which order; this module makes it durable. Changes
handed over while a transaction is being written go into the next one together, so many waiting
writers cost one disk sync. `synchronous=FULL` in WAL mode: what was acknowledged survives kill -9
and a power cut. A failed transaction fails every change in it and after it, and closes the store:
what was not acknowledged is not there, and nothing is acknowledged that would follow a gap.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    value BLOB NOT NULL, PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL,
    name TEXT NOT NULL, type TEXT NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
KEPT = 10_000  # revisions of history
COMPACT_EVERY = 5_000  # revisions between two compactions
MOST = 1_000  # changes of one transaction
FORMAT = "1"


class StoreError(OSError):
    """The file cannot be read or written; the text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """One revision of one object; `type` is ADDED, MODIFIED or DELETED, `value` its JSON."""

    revision: int
    resource: str
    namespace: str
    name: str
    type: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the file held. `objects` by (resource, namespace, name), `history` in order."""

    objects: list[tuple[str, str, str, bytes]]
    history: list[Change]
    revision: int


class Store:
    """The file. `load` first, then `commit` from the event loop, `close` at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes: queue.SimpleQueue[tuple[Change, asyncio.Future[None]] | None]
        self._changes = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed: StoreError | None = None
        self._compacted = 0

    def load(self) -> Loaded:
        """Open the file and read everything. Raises StoreError. Called before the loop serves."""
        try:
            connection = self._connect()
            with connection:
                connection.executescript(SCHEMA)
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
            (found,) = connection.execute("SELECT value FROM meta WHERE key='format'").fetchone()
            if found != FORMAT:
                raise StoreError(f"{self._path} was written by another version (format {found})")
            objects = connection.execute(
                "SELECT resource, namespace, name, value FROM objects"
            ).fetchall()
            history = [
                Change(*row)
                for row in connection.execute(
                    "SELECT revision, resource, namespace, name, type, value FROM history "
                    "ORDER BY revision"
                )
            ]
            connection.close()
        except sqlite3.Error as error:
            raise StoreError(f"cannot open {self._path}: {error}") from error
        revision = history[-1].revision if history else 0
        self._compacted = history[0].revision if history else 0
        return Loaded(objects, history, revision)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread = threading.Thread(target=self._write, name="store", daemon=True)
        self._thread.start()

    def commit(self, change: Change) -> asyncio.Future[None]:
        """Make one change durable; the future ends when it is. It may fail with StoreError."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failed is not None:
            future.set_exception(self._failed)
        else:
            self._changes.put((change, future))
        return future

    def close(self) -> None:
        """Write what was handed over, then end the thread."""
        if self._thread is not None:
            self._changes.put(None)
            self._thread.join(timeout=10)
            self._thread = None

    # -- the writer thread ------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        return connection

    def _write(self) -> None:
        connection = self._connect()
        try:
            while True:
                batch, ended = self._batch()
                if batch:
                    self._transaction(connection, batch)
                if ended:
                    return
        finally:
            connection.close()

    def _batch(self) -> tuple[list[tuple[Change, asyncio.Future[None]]], bool]:
        """Whatever waits now, at least one; True when `close` was called."""
        batch: list[tuple[Change, asyncio.Future[None]]] = []
        entry = self._changes.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) >= MOST:
                return batch, False
            try:
                entry = self._changes.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _transaction(
        self, connection: sqlite3.Connection, batch: Sequence[tuple[Change, asyncio.Future[None]]]
    ) -> None:
        error = self._failed
        if error is None:
            try:
                connection.execute("BEGIN IMMEDIATE")
                for change, _ in batch:
                    _apply(connection, change)
                self._compact(connection, batch[-1][0].revision)
                connection.execute("COMMIT")
            except sqlite3.Error as problem:
                error = self._failed = StoreError(f"cannot write {self._path}: {problem}")
        loop = batch[0][1].get_loop()
        futures = [future for _, future in batch]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, futures, error)

    def _compact(self, connection: sqlite3.Connection, revision: int) -> None:
        if revision - self._compacted > KEPT + COMPACT_EVERY:
            self._compacted = revision - KEPT
            connection.execute("DELETE FROM history WHERE revision < ?", (self._compacted,))


def _apply(connection: sqlite3.Connection, change: Change) -> None:
    where = (change.resource, change.namespace, change.name)
    if change.type == "DELETED":
        connection.execute("DELETE FROM objects WHERE resource=? AND namespace=? AND name=?", where)
    else:
        connection.execute(
            "INSERT OR REPLACE INTO objects VALUES (?,?,?,?)", (*where, change.value)
        )
    connection.execute(
        "INSERT INTO history VALUES (?,?,?,?,?,?)",
        (change.revision, *where, change.type, change.value),
    )


def _resolve(futures: list[asyncio.Future[None]], error: StoreError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
