"""An HDFS NameNode of a test module, from the jars Apache publishes. Without a DataNode files stay
empty, which is enough for their names, times, permissions and owners."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from events import protobuf
from events.protobuf import Value
from events.sources import hdfs_client
from events.sources.queue_link import ConnectionLost
from tests import ports
from tests.events.sources.brokers import Broker, program
from tests.events.sources.maven import jars

_VERSION = "3.4.1"
_PARTS = (
    f"org.apache.hadoop:hadoop-client-minicluster:{_VERSION}",
    f"org.apache.hadoop:hadoop-client-runtime:{_VERSION}",
    "org.slf4j:slf4j-nop:1.7.36",
)
_MAIN = "org.apache.hadoop.hdfs.server.namenode.NameNode"
ROOT = "root"  # the superuser: who starts it


class Hdfs:
    """The running NameNode and what a user does to its files."""

    def __init__(self, folder: Path) -> None:
        self.port = ports.free_port()
        _configure(folder, self.port)
        java = program("java", "default-jre-headless")
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx300m"]
        classes = f"{folder}:{jars('hadoop', _VERSION, *_PARTS)}/*"
        self._command = [java, *quick, "-cp", classes, _MAIN]
        env = {"HADOOP_USER_NAME": ROOT}
        self.broker = Broker(
            self._command, self.port, folder, env=env, alive=self._answers, seconds=50
        )

    def format(self) -> None:
        """An empty file system."""
        command = [*self._command, "-format", "-force"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=50)
        if done.returncode != 0:
            raise RuntimeError(done.stdout.decode() + done.stderr.decode())

    async def call(self, method: str, *fields: tuple[int, Value], raw: bytes = b"") -> bytes:
        """One call of ClientProtocol, as the superuser."""
        async with hdfs_client.connected("127.0.0.1", self.port, ROOT) as node:
            return await node.call(method, protobuf.encode(fields) + raw)

    async def make(self, *paths: str) -> None:
        """Directories that everyone may write to."""
        for path in paths:
            await self.call("mkdirs", (1, path), (2, protobuf.encode([(1, 0o777)])), (3, 1))

    async def touch(self, *paths: str) -> None:
        """Empty files: made, and a moment later complete."""
        mode = protobuf.encode([(1, 0o644)])
        for path in paths:
            block = [(5, 1), (6, 1), (7, 1 << 20)]
            await self.call("create", (1, path), (2, mode), (3, "t"), (4, 3), *block)
            await self.call("complete", (1, path), (2, "t"))

    async def bring(self, *paths: str) -> None:
        """Empty files that are there at once, complete; one that is there is replaced."""
        await self.make("/elsewhere")
        for number, path in enumerate(paths):
            await self.touch(f"/elsewhere/{number}")
            await self.rename(f"/elsewhere/{number}", path)

    async def rename(self, old: str, new: str) -> None:
        """Also over a file that is there."""
        await self.call("rename2", (1, old), (2, new), (3, 1))

    async def remove(self, path: str) -> None:
        await self.call("delete", (1, path), (2, 1))

    async def chmod(self, path: str, mode: int) -> None:
        permission = protobuf.encode([(1, mode)]) or b"\x08\x00"
        await self.call("setPermission", (1, path), (2, permission))

    async def set_time(self, path: str, milliseconds: int) -> None:
        await self.call("setTimes", (1, path), (2, milliseconds), (3, milliseconds))

    async def _answers(self) -> bool:
        try:
            async with hdfs_client.connected("127.0.0.1", self.port, ROOT) as node:
                return await hdfs_client.files(node, "/") is not None
        except (OSError, ConnectionLost, TimeoutError, hdfs_client.Faulty):
            return False


def _configure(folder: Path, port: int) -> None:
    settings = {
        "fs.defaultFS": f"hdfs://127.0.0.1:{port}",
        "dfs.namenode.name.dir": str(folder / "data"),
        "dfs.namenode.http-address": f"127.0.0.1:{ports.free_port()}",
        "dfs.ls.limit": "5",  # answers in pages
        "hadoop.tmp.dir": str(folder / "tmp"),
    }
    text = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>"
        for name, value in settings.items()
    )
    for name in ("core-site.xml", "hdfs-site.xml"):
        (folder / name).write_text(f"<configuration>{text}</configuration>")


@asynccontextmanager
async def namenode() -> AsyncIterator[Hdfs]:
    """Running."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-hdfs-"))
    server: Hdfs | None = None
    try:
        server = Hdfs(folder)
        server.format()
        await server.broker.start()
        yield server
    finally:
        if server is not None:
            await server.broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
