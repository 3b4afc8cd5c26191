"""Limits of semaphores in a database: the same answers from SQLite and from PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.runtime import limits
from engine.runtime.limit_database import DatabaseError, LimitDatabase, file_in
from engine.runtime.locks import LimitUnknown
from tests import ports

PASSWORD = "not-for-logs"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of this module."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = shutil.which("postgres") or (versions and str(versions[-1]))
    if not found:
        pytest.skip("postgres is not installed (Debian package postgresql)")
    with _server(Path(found).parent) as url:
        yield url


@contextmanager
def _server(programs: Path) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="headrace-postgres-", dir="/tmp"))
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(folder, user)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    port = ports.free_port()
    data, options = str(folder / "data"), f"-p {port} -k {folder} -h 127.0.0.1 -F"

    def run(*argv: str) -> None:
        subprocess.run(
            [str(programs / argv[0]), *argv[1:]],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    login = ("-U", "headrace", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
    run("initdb", "-D", data, *login, "--no-sync")
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://headrace:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> LimitDatabase:
    if request.param == "sqlite":
        return LimitDatabase(file_in(tmp_path))
    return LimitDatabase(request.getfixturevalue("postgres"))


async def test_a_limit_is_made_once_changed_and_removed(database: LimitDatabase) -> None:
    assert await database.get("ns/a") is None
    assert not await database.update("ns/a", 3)
    assert await database.create("ns/a", 3)
    assert not await database.create("ns/a", 4)
    assert await database.get("ns/a") == 3
    assert await database.update("ns/a", 5)
    assert await database.get("ns/a") == 5
    assert await database.delete("ns/a")
    assert not await database.delete("ns/a")


async def test_a_name_is_a_value_and_never_a_part_of_the_statement(
    database: LimitDatabase,
) -> None:
    name = "ns/'; DROP TABLE sync_limit; -- %s ?"
    assert await database.create(name, 2)
    assert await database.get(name) == 2
    assert await database.delete(name)


async def test_the_engine_reads_the_row_of_the_namespace_and_key(database: LimitDatabase) -> None:
    limit_of = limits.source(_NoMaps(), database)
    await database.create("team/gpu", 7)
    try:
        assert await limit_of("team/Database/gpu") == 7
        await database.update("team/gpu", 0)
        with pytest.raises(LimitUnknown, match=r"gpu with limit$"):
            await limit_of("team/Database/gpu")
    finally:
        await database.delete("team/gpu")
    with pytest.raises(LimitUnknown, match="no row team/gpu in sync_limit"):
        await limit_of("team/Database/gpu")


async def test_without_a_database_the_semaphore_says_so() -> None:
    with pytest.raises(LimitUnknown, match="no database is configured"):
        await limits.source(_NoMaps(), None)("team/Database/gpu")


async def test_a_file_that_is_no_database_is_an_error_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "limits.db").write_text("no database at all, but long enough to look like one" * 9)
    database = LimitDatabase(file_in(tmp_path))
    with pytest.raises(DatabaseError, match="not a database"):
        await database.get("ns/a")
    with pytest.raises(LimitUnknown, match="not a database"):
        await limits.source(_NoMaps(), database)("ns/Database/a")


async def test_a_wrong_password_is_refused_and_never_shown(postgres: str) -> None:
    wrong = postgres.replace(PASSWORD, "guessed-secret")
    with pytest.raises(DatabaseError, match="authentication failed") as refused:
        await LimitDatabase(wrong).get("ns/a")
    assert "guessed-secret" not in str(refused.value)


def test_a_url_of_another_kind_is_refused_without_its_password() -> None:
    with pytest.raises(DatabaseError, match="mysql://host/db: not sqlite") as refused:
        LimitDatabase("mysql://user:hidden@host/db?password=hidden")
    assert "hidden" not in str(refused.value)


async def test_a_table_that_argo_made_is_read_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "limits.db") as connection:
        connection.execute("create table sync_limit (name varchar(256) primary key, sizelimit int)")
        connection.execute("insert into sync_limit values ('argo/db', 2)")
    connection.close()
    assert await LimitDatabase(file_in(tmp_path)).get("argo/db") == 2


class _NoMaps:
    def get(self, namespace: str | None, name: str) -> None:
        return None

    def names(self, namespace: str | None) -> Iterator[str]:
        return iter(())
