"""Looking after hooks: nothing a provider does ends it, and its pauses are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest

from crds.eventsource_http import GithubEventSource
from events.sources import hook_keeping
from events.sources.contract import SourceContext, SourceError
from kube.errors import KubeError


class Told:
    """Collects what is said of the event; `enough` ends the wait."""

    def __init__(self, count: int) -> None:
        self.notes: list[str] = []
        self.count = count
        self.enough = asyncio.Event()

    def __call__(self, note: str = "", lost: SourceError | None = None) -> None:
        self.notes.append(note)
        if len(self.notes) >= self.count:
            self.enough.set()


class Failing:
    """Hooks whose provider answers with `error`."""

    def __init__(self, error: Exception, places: int = 2) -> None:
        self.error = error
        self.names = [f"p{number}" for number in range(places)]
        self.asked: list[str] = []

    def places(self) -> Iterable[str]:
        return self.names

    async def ensure(self, place: str) -> None:
        self.asked.append(place)
        raise self.error

    async def remove(self, place: str) -> None:
        raise self.error

    def leaving(self, entry: Mapping[str, Any]) -> Iterable[str]:
        return []


async def kept(hooks: Failing, told: Told, **more: Any) -> None:
    context = cast("SourceContext", None)  # asked for nothing without a secret or a removal
    task = asyncio.create_task(hook_keeping.keep(context, told, hooks, **more))
    waiter = asyncio.create_task(told.enough.wait())
    async with asyncio.timeout(30):
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_failures_without_end_do_not_end_it() -> None:
    told = Told(1100)
    await kept(Failing(ValueError("no")), told, every=1e-6)
    assert told.notes[-1] == "hook of p0: no; hook of p1: no"


@pytest.mark.parametrize(
    "error",
    [
        TypeError("x"),
        AttributeError("x"),
        KeyError("x"),
        TimeoutError(),
        KubeError("x"),
        SourceError("spec", "x"),
    ],
)
async def test_a_strange_answer_is_said(error: Exception) -> None:
    told = Told(1)
    await kept(Failing(error), told)
    assert told.notes[0].startswith("hook of p0: ")


async def test_a_busy_provider_is_not_asked_for_the_other_places() -> None:
    hooks, told = Failing(hook_keeping.Busy("GitHub", 429, 10**9)), Told(1)
    await kept(hooks, told)
    assert hooks.asked == ["p0"]
    assert told.notes == ["hook of p0: GitHub answered 429: asked again in 3600s"]


def aims(spec: GithubEventSource) -> set[tuple[str, ...]]:
    return {(spec.github_base_url, place) for place in spec.organizations or ()}


@pytest.mark.parametrize(
    ("entry", "gone"),
    [
        ({"organizations": ["a", "b"]}, []),
        ({"organizations": ["a"], "events": ["push"]}, ["b"]),
        ({"organizations": ["a", "b"], "githubBaseURL": "https://x"}, ["a", "b"]),
        ({}, ["a", "b"]),
        ({"organizations": 5}, []),  # it is not served, nor does it say that a hook may go
    ],
)
def test_a_place_leaves_that_newer_settings_do_not_name(
    entry: dict[str, Any], gone: list[str]
) -> None:
    spec = GithubEventSource(organizations=["a", "b"])
    assert hook_keeping.leaving(spec, entry, aims) == gone
