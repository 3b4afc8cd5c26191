"""Logs: their form on disk, and every way of reading them."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path

import pytest

from headrace.local.apiserver.nodeproxy import NodeError, NoSuchContainer
from headrace.local.kubelet import logreader
from headrace.local.kubelet.logwriter import LogWriter
from headrace.local.kubelet.records import RunPaths
from kube import resources
from tests.kubelet.cluster import Machine, is_running, pod

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


async def test_lines_have_cri_form_and_read_back_exactly(machine: Machine) -> None:
    await machine.create(
        pod("form", "echo out; echo err >&2; head -c 40000 /dev/zero | tr '\\0' x")
    )
    await machine.ended("form")
    path = next((machine.folder / "kubelet" / "logs").glob("default_form_*/main/0.log"))
    lines = path.read_bytes().splitlines()
    assert all(STAMP.fullmatch(line.split(b" ")[0].decode()) for line in lines)
    assert sorted(line.split(b" ", 1)[1] for line in lines)[0] == b"stderr F err"
    assert [line.split(b" ")[2] for line in lines if b" xx" in line] == [b"P"] * 3
    text = await machine.logs("form")
    assert sorted(text.replace("x", "").splitlines()) == ["err", "out"]
    assert text.count("x") == 40000
    stamped = await machine.logs("form", timestamps=True, limit_bytes=30)
    assert STAMP.fullmatch(stamped[:30])


async def test_tail_since_and_limits(machine: Machine) -> None:
    await machine.create(pod("tail", "seq 1 100000"))
    await machine.ended("tail")
    assert await machine.logs("tail", tail_lines=2) == "99999\n100000\n"
    assert await machine.logs("tail", tail_lines=0) == ""
    assert await machine.logs("tail", limit_bytes=5) == "1\n2\n3"
    whole = await machine.logs("tail")
    assert whole.splitlines() == [str(n) for n in range(1, 100001)]
    assert await machine.logs("tail", since=time.time() + 60) == ""
    assert await machine.logs("tail", since=time.time() - 60, tail_lines=1) == "100000\n"


async def test_following_ends_with_the_container(machine: Machine) -> None:
    await machine.create(pod("follow", "echo one; read -r line < /dev/null; sleep 0.2; echo two"))
    await machine.until("follow", is_running)
    assert await machine.logs("follow", follow=True) == "one\ntwo\n"
    assert await machine.logs("follow", follow=True, tail_lines=1) == "two\n"


async def test_attach_sees_what_comes_and_feeds_stdin(machine: Machine) -> None:
    from headrace.local.apiserver.nodeproxy import Streams

    body = pod("attach", "echo early; read -r line; echo got $line", main={"stdin": True})
    await machine.create(body)
    await machine.until("attach", is_running)
    out = bytearray()

    async def sink(data: bytes) -> None:
        out.extend(data)

    async def typed():
        yield b"hello\n"

    assert machine.kubelet is not None
    streams = Streams(typed(), sink, sink)
    assert await machine.kubelet.attach("default", "attach", "main", streams) == 0
    assert out.endswith(b"got hello\n")


async def test_what_cannot_be_read_is_said(machine: Machine) -> None:
    await machine.create(pod("none", "sleep 1000"))
    await machine.until("none", is_running)
    with pytest.raises(NoSuchContainer, match="container other is not valid for pod none"):
        await machine.logs("none", "other")
    with pytest.raises(NoSuchContainer, match='previous terminated container "main" in pod "none"'):
        await machine.logs("none", previous=True)
    with pytest.raises(NodeError, match="not found"):
        await machine.logs("nobody")
    ref = {"secretKeyRef": {"name": "no", "key": "x"}}
    await machine.create(pod("wait", "true", main={"env": [{"name": "A", "valueFrom": ref}]}))
    await machine.until("wait", lambda p: p["status"].get("containerStatuses"))
    with pytest.raises(NodeError, match='container "main" in pod "wait" is waiting to start'):
        await machine.logs("wait")
    for name in ("none", "wait"):
        await machine.cluster.delete(resources.PODS, "default", name, grace_seconds=0)
        await machine.gone(name)


async def test_rotation_keeps_the_newest_and_readers_their_place(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    writer = LogWriter(folder, "0.log", 2000, 3)
    paths = RunPaths(tmp_path, tmp_path, 0)
    over = asyncio.Event()
    seen: list[bytes] = []

    async def read() -> None:
        async for entries in logreader.follow(paths, over.is_set):
            seen.extend(e.text for e in entries)

    reading = asyncio.ensure_future(read())
    try:
        for number in range(200):
            writer.write("stdout", b"line %d\n" % number)
            async with asyncio.timeout(40):
                while len(seen) <= number:
                    await asyncio.sleep(0)
    finally:
        over.set()
        await reading
        writer.close()
        os.close(folder)
    assert seen == [b"line %d" % n for n in range(200)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.log", "0.log.1", "0.log.2"]
    kept = [e.text for e in logreader.entries(paths)]
    assert kept == seen[-len(kept) :]
    assert logreader.tail(paths, 3) == [b"line 197\n", b"line 198\n", b"line 199\n"]
