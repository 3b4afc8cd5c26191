"""Azurite, Microsoft's emulator of Azure Storage, of a test: one account and its queues."""

from __future__ import annotations

import base64
import hmac
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from tests import ports
from tests.events.sources.brokers import Broker, program
from tests.events.sources.npm import package

FETCH_SECONDS = 150.0
_VERSION = "3.35.0"
_ACCOUNT = "acme"
_API = "2021-12-02"


class Azurite:
    """The running emulator and what a sender does."""

    def __init__(self, folder: Path) -> None:
        self.port = ports.free_port()
        self._folder = folder
        self._modules = package("azurite", _VERSION, seconds=FETCH_SECONDS)
        self.key = ""
        self.use(base64.b64encode(b"a key of the account").decode())

    def use(self, key: str) -> None:
        """The account's key from the next start on."""
        self.key = key
        script = self._modules / "node_modules/azurite/dist/src/queue/main.js"
        where = ["--queueHost", "127.0.0.1", "--queuePort", str(self.port)]
        options = [*where, "--location", str(self._folder), "--silent", "--disableTelemetry"]
        command = [program("node", "nodejs"), str(script), *options]
        env = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{key}"}
        self.broker = Broker(command, self.port, self._folder, env=env, seconds=50)

    @property
    def connection(self) -> str:
        """The connection string."""
        url = f"http://127.0.0.1:{self.port}/{_ACCOUNT}"
        return f"AccountName={_ACCOUNT};AccountKey={self.key};QueueEndpoint={url}"

    async def make(self, queue: str) -> None:
        await self._call("PUT", queue)

    async def send(self, queue: str, *texts: str) -> None:
        for text in texts:
            body = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>"
            await self._call("POST", f"{queue}/messages", body.encode())

    async def count(self, queue: str) -> int:
        """Messages that are there, hidden ones too."""
        _, headers = await self._call("GET", f"{queue}?comp=metadata")
        return int(headers["x-ms-approximate-messages-count"])

    async def peek(self, queue: str) -> list[str]:
        """Texts of messages that are shown."""
        raw, _ = await self._call("GET", f"{queue}/messages?peekonly=true&numofmessages=32")
        root = ElementTree.fromstring(raw.removeprefix("\ufeff"))
        return [element.text or "" for element in root.iter("MessageText")]

    async def _call(self, method: str, place: str, body: bytes = b"") -> tuple[str, dict[str, str]]:
        url = f"http://127.0.0.1:{self.port}/{_ACCOUNT}/{place}"
        headers = {"x-ms-date": formatdate(time.time(), usegmt=True), "x-ms-version": _API}
        length = str(len(body)) if body else ""
        lines = [method, "", "", length, "", "", "", "", "", "", "", ""]
        lines += [f"{name}:{value}" for name, value in headers.items()]
        found = urlsplit(url)
        lines += [f"/{_ACCOUNT}{found.path}"]
        lines += [f"{name}:{value}" for name, value in sorted(parse_qsl(found.query))]
        digest = hmac.digest(base64.b64decode(self.key), "\n".join(lines).encode(), "sha256")
        headers["Authorization"] = f"SharedKey {_ACCOUNT}:{base64.b64encode(digest).decode()}"
        async with (
            aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as http,
            http.request(method, URL(url, encoded=True), headers=headers, data=body) as answer,
        ):
            text = await answer.text()
            assert answer.status < 300, text
            return text, {name.lower(): value for name, value in answer.headers.items()}


@asynccontextmanager
async def azurite() -> AsyncIterator[Azurite]:
    """Running."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-azurite-"))
    server: Azurite | None = None
    try:
        server = Azurite(folder)
        await server.broker.start()
        yield server
    finally:
        if server is not None:
            await server.broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
