"""The ASGI application: who may ask, and which part answers.

Everything but `/healthz`, `/livez` and `/readyz` needs the bearer token. Errors leave as
`Status`; a bug becomes a 500 with its trace in the log, and the next request is served.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Any

import orjson
import structlog

import headrace
from headrace.local.apiserver import (
    answers,
    discovery,
    openapi,
    podroutes,
    refusals,
    selection,
    wire,
)
from headrace.local.apiserver.answers import Answer
from headrace.local.apiserver.api import Api
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.nodeproxy import NodeProxy
from headrace.local.apiserver.requests import Request
from headrace.local.apiserver.routes import Routes, Target
from headrace.local.apiserver.watching import WatchOptions, watch
from kube import errors
from kube.errors import KubeError

HEALTH = {"/healthz", "/livez", "/readyz"}
MINOR = "36"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
WATCH_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
STREAMED = {"log", "exec", "attach"}


class App:
    """`ready` says whether everything serves; `token` is compared in constant time."""

    def __init__(self, api: Api, token: str, ready: Callable[[], bool]) -> None:
        self._api = api
        self._routes = Routes(api)
        self._expected = f"Bearer {token}".encode()
        self._ready = ready
        self._log = structlog.get_logger("apiserver")
        self.node: NodeProxy | None = None
        self.metrics: Callable[[], bytes] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            return
        request = Request.of(scope, receive)
        try:
            answer = await self._answer(request, send)
        except KubeError as error:
            answer = answers.refused(error, request.warned)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            self._log.exception("request failed", method=request.method, path=request.path)
            answer = answers.refused(errors.Transient(f"internal error: {type(error).__name__}"))
        if answer is None:
            return
        if scope["type"] == "websocket":
            await _refuse_socket(answer, request, send)
        else:
            await answer.send(send)

    async def _answer(self, request: Request, send: Any) -> Answer | None:
        if request.path in HEALTH:
            good = request.path != "/readyz" or self._ready()
            return answers.text("ok" if good else "not ready", 200 if good else 503)
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            raise refusals.raised(errors.Unauthorized, "Unauthorized")
        fixed = self._fixed(request)
        if fixed is not None:
            return fixed
        target = Target(request.path)
        if target.subresource in STREAMED and target.plural == "pods":
            await self._stream(request, target, send)
            return None
        if request.method == "GET" and self._is_watch(request, target):
            await self._watch(request, target, send)
            return None
        return await self._routes.answer(request, target)

    # -- fixed paths ------------------------------------------------------------------------

    def _fixed(self, request: Request) -> Answer | None:
        """Discovery, OpenAPI, version; None for resource paths. Raises NotFound."""
        kinds = self._api.kinds
        parts = request.path.strip("/").split("/")
        match parts:
            case ["metrics"] if self.metrics is not None:
                return Answer(200, self.metrics(), METRICS)
            case ["version"]:
                return answers.value(request, version())
            case ["api"]:
                return self._discovered(request, core=True)
            case ["apis"]:
                return self._discovered(request, core=False)
            case ["apis", group]:
                return _or_404(request, discovery.group(kinds, group))
            case ["api", wanted]:
                return _or_404(request, discovery.resource_list(kinds, "", wanted))
            case ["apis", group, wanted]:
                return _or_404(request, discovery.resource_list(kinds, group, wanted))
            case ["openapi", "v2"]:
                if "protobuf" in request.headers.get("accept", ""):
                    return Answer(200, wire.openapi_v2(), wire.OPENAPI_V2_TYPE)
                return Answer(200, orjson.dumps(openapi.swagger(kinds)))
            case ["openapi", "v3"]:
                return answers.value(request, openapi.root(kinds))
            case ["openapi", "v3", "api", wanted]:
                return _or_404(request, openapi.document(kinds, "", wanted))
            case ["openapi", "v3", "apis", group, wanted]:
                return _or_404(request, openapi.document(kinds, group, wanted))
            case ["api", _, _, *_] | ["apis", _, _, _, *_]:
                return None
            case _:
                return answers.text("404 page not found\n", 404)

    def _discovered(self, request: Request, *, core: bool) -> Answer:
        for entry in request.accepts:
            if entry.get("as") == "APIGroupDiscoveryList" and entry.get("v") == "v2":
                kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                body = discovery.aggregated(self._api.kinds, core=core)
                return Answer(200, orjson.dumps(body), kind)
        found = discovery.api_versions() if core else discovery.group_list(self._api.kinds)
        return answers.value(request, found)

    # -- streams ----------------------------------------------------------------------------

    def _is_watch(self, request: Request, target: Target) -> bool:
        return request.flag("watch") and not target.subresource

    async def _stream(self, request: Request, target: Target, send: Any) -> None:
        kind = self._routes.resolve(target)
        pod = self._api.get(kind, target.namespace, target.name)
        if self.node is None:
            raise refusals.bad_request("this server has no node: pods do not run here")
        if target.subresource == "log":
            await podroutes.stream_log(self.node, request, pod, send)
        elif request.scope["type"] != "websocket":
            raise refusals.bad_request(f"you must connect with a WebSocket to {target.subresource}")
        else:
            terminal = podroutes.Terminal(self.node, request, send)
            await terminal.run(pod, attach=target.subresource == "attach")

    async def _watch(self, request: Request, target: Target, send: Any) -> None:
        kind = self._routes.resolve(target)
        options = self._watch_options(request, kind, target)
        answers.form(request)
        stream = watch(self._api.state, kind, options)
        await send({"type": "http.response.start", "status": 200, "headers": WATCH_HEADERS})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        gone = asyncio.ensure_future(podroutes.disconnected(request))
        table = answers.form(request)
        try:
            while True:
                following = asyncio.ensure_future(anext(stream, None))
                await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    await asyncio.wait({following})
                    return
                try:
                    event = following.result()
                except KubeError as error:
                    line = {"type": "ERROR", "object": error.body}
                    body = orjson.dumps(line) + b"\n"
                    await send({"type": "http.response.body", "body": body})
                    return
                if event is None:
                    await send({"type": "http.response.body", "body": b""})
                    return
                body = self._line(request, kind, event.type, event.object, table)
                await send({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            gone.cancel()
            await stream.aclose()  # type: ignore[attr-defined]

    def _line(self, request: Request, kind: Kind, event: str, obj: Any, form: str | None) -> bytes:
        if form is not None and event != "BOOKMARK":
            obj = orjson.loads(answers.one(request, kind, obj).content)
        return orjson.dumps({"type": event, "object": obj}) + b"\n"

    def _watch_options(self, request: Request, kind: Kind, target: Target) -> WatchOptions:
        query = request.query
        fields = query.get("fieldSelector", "")
        if target.name:
            fields = ",".join(filter(None, (fields, f"metadata.name={target.name}")))
        version = query.get("resourceVersion") or ""
        if not version.isdigit() and version:
            raise refusals.bad_request(f"invalid resource version {version!r}")
        initial = request.flag("sendInitialEvents")
        seconds = query.get("timeoutSeconds")
        return WatchOptions(
            target.namespace if kind.resource.namespaced else None,
            selection.predicate(kind, query.get("labelSelector", ""), fields),
            None if initial or version in {"", "0"} else int(version),
            bookmarks=request.flag("allowWatchBookmarks"),
            initial_bookmark=initial,
            seconds=float(seconds) if seconds else None,
        )


def version() -> dict[str, str]:
    """`/version`: the Kubernetes version whose behaviour this server follows."""
    return {
        "major": "1",
        "minor": MINOR,
        "gitVersion": f"v1.{MINOR}.0+headrace-{headrace.__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": "",
        "compiler": "python",
        "platform": "linux/amd64",
    }


def _or_404(request: Request, body: dict[str, Any] | None) -> Answer:
    if body is None:
        return answers.text("404 page not found\n", 404)
    return answers.value(request, body)


async def _refuse_socket(answer: Answer, request: Request, send: Any) -> None:
    """A WebSocket that is refused before it is accepted, with the Status as the body."""
    await request.receive()
    if "websocket.http.response" in (request.scope.get("extensions") or {}):
        await send(
            {
                "type": "websocket.http.response.start",
                "status": answer.code,
                "headers": answer.headers,
            }
        )
        await send({"type": "websocket.http.response.body", "body": answer.content})
    else:
        await send({"type": "websocket.close", "code": 1008})
