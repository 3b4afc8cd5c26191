"""Limits of semaphores kept in a database: `synchronization.semaphores[].database`.

One table, `sync_limit(name, sizelimit)`, with `<namespace>/<key>` as its name: the table of Argo
Workflows, so an existing database serves both. SQLite for one machine, PostgreSQL through psycopg
(extra `postgres`). The engine reads, `headrace sync` writes. Only limits live there: who holds a
lock is known to the engine (`LockTable`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

VARIABLE = "HEADRACE_DATABASE"
_SECONDS = 5.0  # for one question
_SQLITE, _POSTGRES = "sqlite:///", ("postgresql://", "postgres://")
_TABLE = "CREATE TABLE IF NOT EXISTS sync_limit (name varchar(256) PRIMARY KEY, sizelimit int)"


class DatabaseError(OSError):
    """The database cannot be reached or refuses; the text holds no password."""


def file_in(folder: Path) -> str:
    """The URL of an engine's own database."""
    return f"{_SQLITE}{folder.absolute() / 'limits.db'}"


@dataclass(frozen=True, slots=True)
class LimitDatabase:
    """Limits by name. `url`: `sqlite:////absolute/path` or `postgresql://…` as libpq takes it."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith((_SQLITE, *_POSTGRES)):
            raise DatabaseError(f"{self.shown}: not sqlite:///PATH or postgresql://…")

    @property
    def shown(self) -> str:
        """The URL for people: without password and options."""
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, place, parts.path, "", ""))

    async def get(self, name: str) -> int | None:
        """The limit of `<namespace>/<key>`, or None. Raises DatabaseError."""
        rows = await self._do("SELECT sizelimit FROM sync_limit WHERE name = ?", name)
        return None if not rows or rows[0][0] is None else int(rows[0][0])

    async def create(self, name: str, limit: int) -> bool:
        """False when there is one already. Raises DatabaseError."""
        add = "INSERT INTO sync_limit (name, sizelimit) VALUES (?, ?) ON CONFLICT DO NOTHING"
        return bool(await self._do(f"{add} RETURNING name", name, limit))

    async def update(self, name: str, limit: int) -> bool:
        """False when there is none. Raises DatabaseError."""
        change = "UPDATE sync_limit SET sizelimit = ? WHERE name = ? RETURNING name"
        return bool(await self._do(change, limit, name))

    async def delete(self, name: str) -> bool:
        """False when there was none. Raises DatabaseError."""
        return bool(await self._do("DELETE FROM sync_limit WHERE name = ? RETURNING name", name))

    async def _do(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            async with asyncio.timeout(2 * _SECONDS):
                return await asyncio.to_thread(self._ask, statement, values)
        except TimeoutError:
            raise DatabaseError(f"{self.shown}: no answer in {2 * _SECONDS:.0f} s") from None

    def _ask(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        opened = self._sqlite if self.url.startswith(_SQLITE) else self._postgres
        with opened() as run:
            run(_TABLE, ())
            return run(statement, values)

    @contextlib.contextmanager
    def _sqlite(self) -> Iterator[_Run]:
        try:
            connection = sqlite3.connect(self.url.removeprefix(_SQLITE), timeout=_SECONDS)
            with contextlib.closing(connection), connection:
                yield lambda statement, values: connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(f"{self.shown}: {error}") from None

    @contextlib.contextmanager
    def _postgres(self) -> Iterator[_Run]:
        try:
            import psycopg
        except ImportError:
            raise DatabaseError(
                f"{self.shown}: PostgreSQL needs the extra headrace[postgres]"
            ) from None

        def run(statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []

        try:
            with psycopg.connect(self.url, connect_timeout=int(_SECONDS)) as connection:
                yield run
        except psycopg.Error as error:
            text = str(error).strip().splitlines() or [type(error).__name__]
            raise DatabaseError(f"{self.shown}: {text[0]}") from None


_Run = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]
