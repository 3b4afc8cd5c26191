"""Real brokers as child processes of a test: started on a free port, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

_SBIN = "/usr/sbin:/usr/local/sbin:/usr/lib/rabbitmq/bin"


def program(name: str, package: str) -> str:
    """The path of a server program; skips the test when this machine has none."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}{_SBIN}")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return found


class Broker:
    """One server process; `port` and its data stay the same over restarts."""

    def __init__(
        self,
        argv: Sequence[str],
        port: int,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        alive: Callable[[], Awaitable[bool]] | None = None,
        seconds: float = 20.0,
    ) -> None:
        self.argv = list(argv)
        self.port = port
        self.folder = folder
        self._env = {**os.environ, **(env or {})}
        self._alive = alive or self._accepts
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            process = self._process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=self._env,
                start_new_session=True,
            )
        async with asyncio.timeout(self._seconds):
            while not await self._alive():
                if process.returncode is not None:
                    raise RuntimeError((self.folder / "output").read_text()[-2000:])
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it in good order."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """kill -9 of the process and its children."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Kill it and start it on the same data."""
        await self.kill()
        await self.start()

    async def _end(self, number: int) -> None:
        process = self._process
        if process is None:
            return
        for attempt in (number, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, attempt)
            try:
                async with asyncio.timeout(10.0):
                    await process.wait()
                break
            except TimeoutError:
                continue
        self._process = None

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True
