"""Keeps the webhooks that a source registers at its provider: made, looked after, removed.

The provider's own part is a `Hooks`; what all of them share is here: the look every minute (a
hook that somebody deleted comes back), the removal when the event is deleted or names a place no
more (not when headrace stops: other replicas serve on, and it comes back), and the error texts.
Called by the sources of the hosted services.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import aiohttp
import orjson
import structlog

from crds import decode
from crds.errors import CrdError
from crds.eventsource_http import WebhookContext
from crds.shape import Shape
from events import secrets
from events.secrets import MissingValue
from events.sources.contract import ReadySignal, SourceContext, SourceError
from kube import answer_body
from kube.errors import KubeError

TIMEOUT = aiohttp.ClientTimeout(total=15)
_CHECK_SECONDS = 60.0
_SECONDS_PER_PLACE = 6.0  # an hour's looks stay below what the hosted services allow
_SECRET_SECONDS = 1.0
_REMOVAL_SECONDS = 10.0
_LONGEST_WAIT = 3600.0
_ANSWER_CAP = 4 << 20
# The last ones: an answer of another shape than the provider documents.
_FAULTS = (
    MissingValue,
    SourceError,
    KubeError,
    aiohttp.ClientError,
    TimeoutError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
_log = structlog.get_logger("events.sources.hooks")


class Busy(ValueError):
    """The provider wants to be left alone for `seconds`."""

    def __init__(self, provider: str, status: int, seconds: float) -> None:
        self.seconds = min(max(seconds, 1.0), _LONGEST_WAIT)
        super().__init__(f"{provider} answered {status}: asked again in {self.seconds:.0f}s")


class Hooks(Protocol):
    """The hooks of one event at its provider, one per place (a repository, a project…).

    `ensure` and `remove` raise `aiohttp.ClientError`, TimeoutError, MissingValue, or ValueError
    with what to say.
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

    def leaving(self, entry: Mapping[str, Any]) -> Iterable[str]:
        """Places that `entry`, the event's newer settings, does not name any more."""
        ...


async def keep(
    context: SourceContext,
    ready: ReadySignal,
    hooks: Hooks,
    *,
    delete: bool = False,
    every: float | None = None,
    signed_by: str = "",
) -> None:
    """Look after `hooks` until cancelled; the condition says which are missing and why.

    `delete`: remove them when they are not wanted any more. `every`: seconds between two looks, a
    minute or what the number of places asks for; after a failure the next one comes sooner.
    `signed_by`: the field whose Secret the provider signs with; when it changes the next look is at
    once.
    """
    if every is None:
        every = max(_CHECK_SECONDS, _SECONDS_PER_PLACE * len(list(hooks.places())))
    failures = 0
    try:
        while True:
            known = _cached(context, signed_by)
            problem, pause = await _each(hooks.ensure, hooks.places())
            failures = failures + 1 if problem else 0
            ready(problem)
            again = min(every, 2.0 ** min(failures, 10)) if problem else every
            pause = max(again * random.uniform(0.9, 1.1), pause)
            await _wait(pause, context, signed_by, known)
    finally:
        if delete:
            entry = context.wanted()
            await _remove(context, hooks, hooks.places() if entry is None else hooks.leaving(entry))


async def _wait(seconds: float, context: SourceContext, field: str, known: bytes | None) -> None:
    """So long, or until the Secret in `field` is not `known` any more."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        if left <= 0 or _cached(context, field) != known:
            return
        await asyncio.sleep(min(left, _SECRET_SECONDS) if field else left)


def _cached(context: SourceContext, field: str) -> bytes | None:
    reference = context.spec.get(field) if field else None
    return reference and context.services.secrets.cached(context.namespace, reference)


async def _remove(context: SourceContext, hooks: Hooks, places: Iterable[str]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REMOVAL_SECONDS):
            problem, _ = await asyncio.shield(_each(hooks.remove, places))
            if problem:
                _log.warning("hooks_not_removed", owner=context.owner, error=problem)


async def _each(work: Callable[[str], Awaitable[None]], places: Iterable[str]) -> tuple[str, float]:
    """What went wrong, for the condition, and how long the provider wants to be left alone. One
    place does not stop the next, but for that."""
    problems = list[str]()
    for place in places:
        try:
            await work(place)
        except Busy as error:
            return "; ".join([*problems, f"hook of {place}: {error}"]), error.seconds
        except _FAULTS as error:
            problems.append(f"hook of {place}: {str(error) or type(error).__name__}")
    return "; ".join(problems), 0.0


def leaving(
    spec: Shape, entry: Mapping[str, Any], aims: Callable[[Any], set[tuple[str, ...]]]
) -> list[str]:
    """Places that `spec` names and `entry` does not; see `Hooks.leaving`. `aims` gives for each
    place of such settings who is asked to send there, where to, and last the place."""
    try:
        newer, _ = decode.decode(dict(entry), type(spec))
    except CrdError:
        return []  # it cannot be served, nor does it say that a hook may go
    return sorted(aim[-1] for aim in aims(spec) - aims(newer))


def url(webhook: WebhookContext | None) -> str:
    """Where the provider sends events to: the public base URL and the endpoint's path; empty
    when there is no base URL, so that nothing can be registered."""
    if webhook is None or not webhook.url:
        return ""
    return webhook.url.rstrip("/") + "/" + webhook.endpoint.lstrip("/")


async def secret(context: SourceContext, reference: Any, field: str) -> str:
    """A Secret's text without blanks around; empty without a reference. Raises MissingValue."""
    if reference is None:
        return ""
    path = f"{context.path}.{field}"
    value = await context.services.secrets.value(context.namespace, reference, path)
    return value.decode("utf-8", "replace").strip()


async def signing_secret(context: SourceContext, field: str) -> str:
    """As `secret`, of `field`, as it is signed with; see `secrets.key`. Raises MissingValue."""
    reference = context.spec.get(field)
    if reference is None:
        return ""
    path = f"{context.path}.{field}"
    value = await context.services.secrets.value(context.namespace, reference, path)
    return secrets.key(value).decode("utf-8", "replace")


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header with name and password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


async def require(context: SourceContext, *fields: str) -> None:
    """The Secrets in `fields` of the spec, those that are given, can be read and are not empty.
    Raises SourceError.

    From then on they are kept fresh, and the hot path finds them in memory.
    """
    for field in fields:
        reference = context.spec.get(field)
        try:
            value = await secret(context, reference, field)
        except MissingValue as error:
            raise SourceError("", str(error), "MissingSecret") from None
        if reference is not None and not value:
            raise SourceError(f"{context.path}.{field}", "is empty", "MissingSecret")


async def answer(
    provider: str, response: aiohttp.ClientResponse, *, okay: tuple[int, ...] = ()
) -> Any:
    """The JSON of a provider's answer, None when it is empty.

    Raises ValueError for a status that is neither 2xx nor in `okay`, and for what is no JSON; Busy
    where the provider says when to come again.
    """
    check(provider, response, okay=okay)
    raw = await whole(provider, response)
    try:
        return orjson.loads(raw) if raw.strip() else None
    except orjson.JSONDecodeError:
        raise ValueError(f"{provider}'s answer is no JSON") from None


def check(provider: str, response: aiohttp.ClientResponse, *, okay: tuple[int, ...] = ()) -> None:
    """Raises as `answer` does for the status."""
    if (seconds := _pause(response)) is not None:
        raise Busy(provider, response.status, seconds)
    if not 200 <= response.status < 300 and response.status not in okay:
        raise ValueError(f"{provider} answered {response.status}")


async def whole(provider: str, response: aiohttp.ClientResponse, cap: int = _ANSWER_CAP) -> bytes:
    """The body, to its end. Raises ValueError when it is longer than `cap`."""
    try:
        return await answer_body.whole(response, cap)
    except answer_body.TooLong:
        raise ValueError(f"{provider}'s answer is too long") from None


def _pause(response: aiohttp.ClientResponse) -> float | None:
    """Seconds until the provider may be asked again, None when it does not say.

    `Retry-After` and GitHub's `X-RateLimit-Reset` (epoch seconds) with nothing remaining.
    """
    if response.status not in (403, 429, 503):
        return None
    headers = response.headers
    try:
        if "Retry-After" in headers:
            return float(headers["Retry-After"])
        if headers.get("X-RateLimit-Remaining") == "0":
            return float(headers["X-RateLimit-Reset"]) - time.time()
    except (KeyError, ValueError):
        pass  # a date, or nonsense
    return 60.0 if response.status == 429 else None
