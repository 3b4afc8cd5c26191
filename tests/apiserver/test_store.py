"""What was acknowledged is there after the process was killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.local.apiserver.state import Key, State
from headrace.local.apiserver.store import KEPT, Change, Store, StoreError

WRITER = """
import asyncio, sys
from pathlib import Path
from headrace.local.apiserver.state import Key, State
from headrace.local.apiserver.store import Store

async def main():
    store = Store(Path(sys.argv[1]))
    state = State(store)
    state.load()
    store.start()

    async def one(worker):
        n = 0
        while True:
            n += 1
            key = Key("configmaps", "ns", f"w{worker}-{n}")
            await state.write(key, {"metadata": {"name": key.name, "uid": key.name}})
            print(key.name, flush=True)

    await asyncio.gather(*(one(w) for w in range(8)))

asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "db"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(300)]
    os.kill(child.pid, signal.SIGKILL)
    acknowledged += child.stdout.read().split("\n")[:-1]
    child.wait()
    child.stdout.close()
    state = State(Store(path))
    state.load()
    there = {obj["metadata"]["name"] for obj in state.items("configmaps")}
    assert set(acknowledged) <= there


async def test_revisions_go_on_where_they_were(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    state = State(store)
    state.load()
    store.start()
    key = Key("configmaps", "ns", "a")
    await state.write(key, {"metadata": {"name": "a"}})
    before = state.revision
    store.close()
    store = Store(tmp_path / "db")
    state = State(store)
    state.load()
    store.start()
    assert state.revision == before
    await state.write(key, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    assert state.revision == before + 1
    assert [e.type for e in state.since("configmaps", before) or []] == ["MODIFIED"]
    store.close()


async def test_old_history_is_compacted(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    state = State(store)
    state.load()
    store.start()
    writes = [
        state.write(Key("configmaps", "ns", "a"), {"metadata": {"name": "a"}, "n": n})
        for n in range(KEPT + 6_000)
    ]
    for write in writes:
        await write
    store.close()
    history = Store(tmp_path / "db").load().history
    assert KEPT <= len(history) < KEPT + 6_000
    assert state.since("configmaps", 1) is None


async def test_a_failed_write_is_told_and_nothing_after_it_is_acknowledged(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    store.load()
    store.start()
    await store.commit(Change(5, "configmaps", "ns", "a", "ADDED", b"{}"))
    with pytest.raises(StoreError):  # the same revision twice: SQLite refuses it
        await store.commit(Change(5, "configmaps", "ns", "b", "ADDED", b"{}"))
    with pytest.raises(StoreError):
        await store.commit(Change(6, "configmaps", "ns", "c", "ADDED", b"{}"))
    store.close()
    assert [name for _, _, name, _ in Store(tmp_path / "db").load().objects] == ["a"]
