"""Keeps the webhooks that a source registers at its provider: made, looked after, removed.

The provider's own part is a `Hooks`; what all of them share is here: the look every minute (a
hook that somebody deleted comes back), the removal at the end, the session, and the error texts.
Called by the sources of the hosted services.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import aiohttp
import orjson
import structlog

from crds.eventsource_http import WebhookContext
from events.secrets import MissingValue
from events.sources.contract import ReadySignal, SourceContext, SourceError

TIMEOUT = aiohttp.ClientTimeout(total=15)
_CHECK_SECONDS = 60.0
_REMOVAL_SECONDS = 10.0
_ANSWER_CAP = 4 << 20
_FAULTS = (MissingValue, aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError)
_log = structlog.get_logger("events.sources.hooks")


class Hooks(Protocol):
    """The hooks of one event at its provider, one per place (a repository, a project…).

    Both raise `aiohttp.ClientError`, TimeoutError, MissingValue, or ValueError with what to say.
    """

    def places(self) -> Iterable[str]:
        """Names of the places, for messages."""
        ...

    async def ensure(self, place: str) -> None:
        """Find our hook or make it."""
        ...

    async def remove(self, place: str) -> None:
        """Delete our hook, also one whose making was interrupted."""
        ...


async def keep(
    context: SourceContext,
    ready: ReadySignal,
    hooks: Hooks,
    *,
    delete: bool = False,
    every: float = _CHECK_SECONDS,
) -> None:
    """Look after `hooks` until cancelled; the condition says which are missing and why.

    `delete`: remove them in the end. `every`: seconds between two looks; after a failure the
    next one comes sooner.
    """
    failures = 0
    try:
        while True:
            problem = await _each(hooks.ensure, hooks.places())
            failures = failures + 1 if problem else 0
            ready(problem)
            await asyncio.sleep(min(every, 2.0**failures) if problem else every)
    finally:
        if delete:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REMOVAL_SECONDS):
                    problem = await asyncio.shield(_each(hooks.remove, hooks.places()))
                    if problem:
                        _log.warning("hooks_not_removed", owner=context.owner, error=problem)


async def _each(work: Callable[[str], Awaitable[None]], places: Iterable[str]) -> str:
    """What went wrong, for the condition; one place does not stop the next."""
    problems = []
    for place in places:
        try:
            await work(place)
        except _FAULTS as error:
            problems.append(f"hook of {place}: {str(error) or type(error).__name__}")
    return "; ".join(problems)


def url(webhook: WebhookContext | None) -> str:
    """Where the provider sends events to: the public base URL and the endpoint's path; empty
    when there is no base URL, so that nothing can be registered."""
    if webhook is None or not webhook.url:
        return ""
    return webhook.url.rstrip("/") + "/" + webhook.endpoint.lstrip("/")


async def secret(context: SourceContext, reference: Any, field: str) -> str:
    """A Secret's text without blanks around; empty without a reference. Raises MissingValue."""
    if not reference:
        return ""
    path = f"{context.path}.{field}"
    value = await context.services.secrets.value(context.namespace, reference, path)
    return value.decode("utf-8", "replace").strip()


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header with name and password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


async def require(context: SourceContext, *fields: str) -> None:
    """The Secrets in `fields` of the spec, those that are given, can be read. Raises SourceError.

    From then on they are kept fresh, and the hot path finds them in memory.
    """
    for field in fields:
        try:
            await secret(context, context.spec.get(field), field)
        except MissingValue as error:
            raise SourceError("", str(error), "MissingSecret") from None


async def answer(
    provider: str, response: aiohttp.ClientResponse, *, okay: tuple[int, ...] = ()
) -> Any:
    """The JSON of a provider's answer, None when it is empty.

    Raises ValueError for a status that is neither 2xx nor in `okay`, and for what is no JSON.
    """
    if not 200 <= response.status < 300 and response.status not in okay:
        raise ValueError(f"{provider} answered {response.status}")
    raw = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        raw += chunk
        if len(raw) > _ANSWER_CAP:
            raise ValueError(f"{provider}'s answer is too long")
    try:
        return orjson.loads(raw) if raw.strip() else None
    except orjson.JSONDecodeError:
        raise ValueError(f"{provider}'s answer is no JSON") from None
