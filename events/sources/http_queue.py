"""What queues that are read over HTTP share: an answer, a refusal, deletions in batches, safe XML.

Called by the sqs, mns, pubSub, azureQueueStorage and azureServiceBus sources.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import aiohttp
import structlog
from yarl import URL

from events.refusal import Refused
from events.sources.contract import SourceError
from events.sources.queue_link import ConnectionLost
from kube import answer_body

_CAP = 32 << 20  # bytes of an answer
_OUTSTANDING = 256  # most deletions that wait, where reading waits for them
_ELEMENT = re.compile(rb"<[A-Za-z_]")
_log = structlog.get_logger("events.sources.http_queue")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; header names as they came, looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def mapped(path: str, error: Refused) -> Exception:
    """What the user can mend (SourceError at `path`), or what may pass (ConnectionLost)."""
    if error.status >= 500 or error.status in (408, 429) or "Throttl" in error.code:
        return ConnectionLost(str(error))
    reason = "Forbidden" if error.status in (401, 403) else "Refused"
    return SourceError(path, str(error), reason)


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: Mapping[str, str],
    data: bytes | None = None,
) -> Reply:
    """One exchange; `url` goes as it is. Raises ConnectionLost."""
    try:
        async with session.request(
            method, URL(url, encoded=True), headers=headers, data=data, allow_redirects=False
        ) as answer:
            return Reply(answer.status, answer.headers, await answer_body.whole(answer, _CAP))
    except answer_body.TooLong:
        raise ConnectionLost("the answer is longer than 32 MiB") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ConnectionLost(str(error) or type(error).__name__) from None


def is_url(text: str) -> bool:
    """Whether `text` is an http:// or https:// URL without a query."""
    try:
        found = urlsplit(text)
        usable = found.port is None or found.port > 0
    except ValueError:
        return False
    return usable and found.scheme in ("http", "https") and bool(found.hostname) and not found.query


def xml(raw: bytes) -> Element:
    """The root of an XML text; names without their namespaces. Raises ConnectionLost for what is
    none or brings definitions of its own."""
    start = _ELEMENT.search(raw)
    if start is None or b"<!" in raw[: start.start()]:  # entities are declared there only
        raise ConnectionLost("the answer is no plain XML")
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - without declarations, see above
    except ElementTree.ParseError:
        raise ConnectionLost("the answer is no XML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


class Deletions:
    """Takes messages off the queue, up to `batch` in a call and `calls` of them at a time;
    `async with` it.

    What cannot be deleted is given again later, and is then known.
    """

    def __init__(
        self, delete: Callable[[list[str]], Awaitable[Any]], batch: int = 1, calls: int = 1
    ) -> None:
        self._delete = delete
        self._batch = batch
        self._calls = calls
        self._waiting: list[str] = []
        self._some, self._fewer = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, handle: str) -> None:
        """The message may go."""
        self._waiting.append(handle)
        self._some.set()

    async def room(self) -> None:
        """Wait while many are still to go: reading on would show them a second time."""
        while len(self._waiting) >= _OUTSTANDING:
            self._fewer.clear()
            await self._fewer.wait()

    async def __aenter__(self) -> Deletions:
        self._tasks = {asyncio.create_task(self._run()) for _ in range(self._calls)}
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._waiting:
            last = (self._empty() for _ in range(self._calls))
            await asyncio.shield(asyncio.gather(*last))

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            if self._waiting:
                await self._empty()
            else:
                self._some.clear()

    async def _empty(self) -> None:
        while self._waiting:
            batch = self._waiting[: self._batch]
            del self._waiting[: self._batch]
            try:
                await self._delete(batch)
            except (Refused, ConnectionLost, aiohttp.ClientError, TimeoutError) as error:
                _log.debug("not_deleted", count=len(batch), error=str(error))
            self._fewer.set()
