"""A provider's REST API in memory: lists of hooks by path, each with an id, on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from aiohttp import web

from tests.events.triggers.recorder import Got, Recorder, recording

Page = Callable[[list[dict[str, Any]]], Any]


@dataclass(slots=True)
class Provider:
    """`hooks`: by the path of their list. `page` wraps a list as the provider does."""

    page: Page
    id_field: str = "id"
    hooks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    redirect: str = ""
    recorder: Recorder | None = None

    @property
    def url(self) -> str:
        assert self.recorder is not None
        return self.recorder.url

    def calls(self) -> list[tuple[str, str]]:
        assert self.recorder is not None
        return [(got.method, got.path.partition("?")[0]) for got in self.recorder.got]

    def sent(self, method: str) -> list[Any]:
        """The bodies of the requests with this method."""
        assert self.recorder is not None
        return [_body(got) for got in self.recorder.got if got.method == method]

    def headers(self, name: str) -> set[str]:
        assert self.recorder is not None
        return {got.headers.get(name, "") for got in self.recorder.got}

    def answer(self, got: Got) -> web.Response:
        path = got.path.partition("?")[0]
        if self.redirect:
            return web.Response(status=302, headers={"Location": self.redirect})
        if self.status:
            return web.Response(status=self.status)
        match got.method:
            case "GET" if path in self.others:
                return web.json_response(self.others[path])
            case "GET":
                return web.json_response(self.page(self.hooks.get(path, [])))
            case "POST":
                hooks = self.hooks.setdefault(path, [])
                number = len(self.recorder.got) if self.recorder else 0
                hooks.append({**_body(got), self.id_field: number})
                return web.json_response(hooks[-1], status=201)
        place, _, name = path.rpartition("/")
        known = self.hooks[place]
        [found] = [hook for hook in known if str(hook[self.id_field]) == unquote(name)]
        known.remove(found)
        if got.method == "PUT":
            known.append({**_body(got), self.id_field: found[self.id_field]})
            return web.json_response(known[-1])
        return web.Response(status=204)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(40):
            while not condition():
                await asyncio.sleep(0.01)


def _body(got: Got) -> Any:
    if got.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {k: v if k.endswith("[]") else v[0] for k, v in parse_qs(got.body.decode()).items()}
    return json.loads(got.body)


@asynccontextmanager
async def provider(page: Page, **more: Any) -> AsyncIterator[Provider]:
    made = Provider(page, **more)
    async with recording(made.answer) as recorder:
        made.recorder = recorder
        yield made
