"""The Pub/Sub emulator of a test. It comes with Google's own packages and is in no registry."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import ports
from tests.events.sources.brokers import Broker, program

PROJECT = "shop-1"
_FOLDERS = ("/usr/lib/google-cloud-sdk", "/opt/google-cloud-sdk", "/usr/local/google-cloud-sdk")
_JAR = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"


class Emulator:
    """The running emulator and what a publisher does."""

    def __init__(self, folder: Path) -> None:
        found = [jar for place in _FOLDERS for jar in sorted(Path(place).glob(_JAR))]
        if not found:
            pytest.skip("Google's Pub/Sub emulator (google-cloud-cli-pubsub-emulator) is missing")
        self.port = ports.free_port()
        java = program("java", "default-jre-headless")
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx200m"]
        where = ["--host=127.0.0.1", f"--port={self.port}"]
        command = [java, *quick, "-jar", str(found[-1]), *where]
        self.broker = Broker(command, self.port, folder, seconds=50)

    async def publish(self, topic: str, *bodies: bytes, **attributes: str) -> None:
        messages: list[dict[str, Any]] = []
        for body in bodies:
            data = base64.b64encode(body).decode()
            messages.append({"data": data, "attributes": attributes})
        await self.call("POST", f"topics/{topic}:publish", {"messages": messages})

    async def call(self, method: str, name: str, body: Any = None) -> Any:
        """What the REST API answers, None for 404."""
        url = f"http://127.0.0.1:{self.port}/v1/projects/{PROJECT}/{name}"
        async with aiohttp.ClientSession() as http, http.request(method, url, json=body) as answer:
            if answer.status == 404:
                return None
            assert answer.status == 200, await answer.text()
            return await answer.json()


@asynccontextmanager
async def pubsub_emulator() -> AsyncIterator[Emulator]:
    """Running."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-pubsub-"))
    server: Emulator | None = None
    try:
        server = Emulator(folder)
        await server.broker.start()
        yield server
    finally:
        if server is not None:
            await server.broker.kill()
        shutil.rmtree(folder, ignore_errors=True)
