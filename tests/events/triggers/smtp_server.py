"""A small SMTP server for tests: keeps what it got, refuses what it is told to."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Mailbox:
    """`refuse`: command or receiver to the answer it gets."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    refuse: Mapping[str, str] = field(default_factory=dict)
    logins: list[tuple[str, str, bool]] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@asynccontextmanager
async def smtp(
    tls: ssl.SSLContext | None = None, refuse: Mapping[str, str] | None = None
) -> AsyncIterator[Mailbox]:
    """`tls`: STARTTLS is offered."""
    box = Mailbox(tls=tls, refuse=refuse or {})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Session(box, reader, writer).run()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


class _Session:
    def __init__(
        self, box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._box, self._reader, self._writer = box, reader, writer
        self._secure = False

    async def run(self) -> None:
        await self._say("220 here")
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode().strip()
            command = line.partition(" ")[0].upper()
            answer = self._box.refuse.get(command) or await self._obey(command, line)
            await self._say(answer)
            if command == "QUIT":
                return
            if command == "STARTTLS":
                await self._writer.start_tls(self._box.tls)  # type: ignore[arg-type]
                self._secure = True

    async def _obey(self, command: str, line: str) -> str:
        match command:
            case "EHLO":
                offers = ["AUTH PLAIN"]
                if self._box.tls and not self._secure:
                    offers.append("STARTTLS")
                return "\r\n".join(["250-here", *(f"250-{o}" for o in offers), "250 8BITMIME"])
            case "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                self._box.logins.append((user, password, self._secure))
                return "235 welcome"
            case "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                if refusal := self._box.refuse.get(address):
                    return refusal
                self._box.receivers.append(address)
                return "250 ok"
            case "DATA":
                await self._say("354 go on")
                text = await self._reader.readuntil(b"\r\n.\r\n")
                self._box.messages.append(text.decode()[: -len("\r\n.\r\n")])
                return "250 kept"
            case "STARTTLS":
                return "220 go on"
            case "QUIT":
                return "221 bye"
            case _:
                return "250 ok"

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()
