"""A RabbitMQ of a test module: it takes seconds to start, so its tests share one.

Runs as any user, on ports of its own, with its own name server for Erlang nodes as a child, so
that nothing is left behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import ports
from tests.events.sources.brokers import program

_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one on PATH wants to be root


class RabbitMQ:
    """`port` speaks AMQP, with guest/guest; `tls_port` too when certificates were given."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.port, self.tls_port = ports.free_port(), ports.free_port()
        self._folder = folder
        self._names = ports.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._name_server: subprocess.Popen[bytes] | None = None
        (folder / "plugins").write_text("[].\n")
        settings = f"listeners.tcp.1 = 127.0.0.1:{self.port}\n{config}"
        (folder / "rabbitmq.conf").write_text(settings.replace("TLS_PORT", str(self.tls_port)))

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        environment = self._environment()
        if self._name_server is None:
            epmd = program("epmd", "erlang-base")
            self._name_server = subprocess.Popen(
                [epmd, "-address", "127.0.0.1"], env=environment, start_new_session=True
            )
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(_SCRIPT)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        give_up = time.monotonic() + 50
        while not self._speaks():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError((self._folder / "output").read_text()[-3000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of the broker."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            self._process = None

    def end(self) -> None:
        """End everything that was started."""
        self.kill()
        if self._name_server is not None:
            self._name_server.kill()
            self._name_server.wait(10)

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": folder,
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(ports.free_port()),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    def _speaks(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as client:
                client.sendall(b"AMQP\x00\x00\x09\x01")
                client.settimeout(5)
                return bool(client.recv(1))
        except OSError:
            return False


@contextmanager
def rabbitmq(config: str = "") -> Iterator[RabbitMQ]:
    """Running. Its folder is short: Erlang does not like long ones."""
    program("rabbitmq-server", "rabbitmq-server")
    if not _SCRIPT.exists():
        pytest.skip(f"{_SCRIPT} does not exist (Debian package rabbitmq-server)")
    folder = Path(tempfile.mkdtemp(prefix="hr-rmq-"))
    server = RabbitMQ(folder, config)
    try:
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
