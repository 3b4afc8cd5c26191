"""Pod sub-resources: binding and eviction here; logs, exec and attach through the node."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from headrace.local.apiserver import answers, deletion, refusals
from headrace.local.apiserver.answers import Answer
from headrace.local.apiserver.api import Api, key_of
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.nodeproxy import (
    LogOptions,
    NodeError,
    NodeProxy,
    Streams,
)
from headrace.local.apiserver.requests import Request
from kube import errors
from kube.cluster import Object

if TYPE_CHECKING:
    from headrace.local.apiserver.routes import Target

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")


async def answer(api: Api, request: Request, kind: Kind, target: Target) -> Answer:
    """`binding` and `eviction`."""
    body = await request.value() or {}
    success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if target.subresource == "eviction":
        options = deletion.options_of(body.get("deleteOptions") or {}, request.query)
        await api.delete(kind, target.namespace, target.name, options)
        return answers.value(request, {**success, "code": 201}, 201)
    await bind(api, kind, target.namespace, target.name, body["target"]["name"])
    return answers.value(request, {**success, "code": 201}, 201)


async def bind(api: Api, kind: Kind, namespace: str | None, name: str, node: str) -> None:
    """Assign a pod to a node. Raises Conflict when it has one."""
    key = key_of(kind, namespace, name)
    live = api.state.newest(key)
    if live is None:
        raise refusals.not_found(kind, name)
    present = live["spec"].get("nodeName")
    if present:
        message = (
            f'Operation cannot be fulfilled on pods/binding "{name}": pod {name} is already '
            f'assigned to node "{present}"'
        )
        raise refusals.raised(errors.Conflict, message, {"name": name, "kind": "pods/binding"})
    bound = {
        **live,
        "metadata": dict(live["metadata"]),
        "spec": {**live["spec"], "nodeName": node},
    }
    await api.state.write(key, bound)


def log_options(pod: Object, query: dict[str, str]) -> LogOptions:
    """From the parameters of a log request. Raises BadRequest."""
    names = [c["name"] for c in pod["spec"].get("containers") or ()]
    others = [c["name"] for c in pod["spec"].get("initContainers") or ()]
    container = query.get("container") or ""
    name = pod["metadata"]["name"]
    if not container:
        if len(names) != 1:
            listed = f"[{' '.join(names)}]"
            inits = f" or one of the init containers: [{' '.join(others)}]" if others else ""
            raise refusals.bad_request(
                f"a container name must be specified for pod {name}, choose one of: {listed}{inits}"
            )
        container = names[0]
    elif container not in names + others:
        raise refusals.bad_request(f"container {container} is not valid for pod {name}")
    since = None
    if query.get("sinceSeconds"):
        since = datetime.now().timestamp() - int(query["sinceSeconds"])
    elif query.get("sinceTime"):
        since = datetime.fromisoformat(query["sinceTime"]).timestamp()
    return LogOptions(
        container,
        follow=query.get("follow") == "true",
        previous=query.get("previous") == "true",
        timestamps=query.get("timestamps") == "true",
        tail_lines=int(query["tailLines"]) if query.get("tailLines") else None,
        since=since,
        limit_bytes=int(query["limitBytes"]) if query.get("limitBytes") else None,
    )


async def stream_log(node: NodeProxy, request: Request, pod: Object, send: Any) -> None:
    """Send a container's log as it comes. Raises BadRequest before the first byte."""
    meta = pod["metadata"]
    options = log_options(pod, request.query)
    pieces = node.logs(meta["namespace"], meta["name"], options)
    try:
        first = await anext(pieces, b"")
    except NodeError as error:
        raise refusals.bad_request(str(error)) from error
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-cache, private")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.ensure_future(disconnected(request))
    try:
        piece: bytes | None = first
        while piece is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            following = asyncio.ensure_future(anext(pieces, None))
            await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                await asyncio.wait({following})
                return
            piece = following.result()
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await pieces.aclose()  # type: ignore[attr-defined]


async def disconnected(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Terminal:
    """One exec or attach over a WebSocket, in the channel protocol of kubectl."""

    def __init__(self, node: NodeProxy, request: Request, send: Any) -> None:
        self._node = node
        self._request = request
        self._send = send
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue(64)

    async def run(self, pod: Object, *, attach: bool) -> None:
        """Accept, run, report the exit in the error channel, close."""
        request = self._request
        offered = request.scope.get("subprotocols") or []
        protocol = next((p for p in PROTOCOLS if p in offered), None)
        await request.receive()  # websocket.connect
        if protocol is None:
            await self._send({"type": "websocket.close", "code": 1002})
            return
        await self._send({"type": "websocket.accept", "subprotocol": protocol})
        reading = asyncio.ensure_future(self._read())
        running = asyncio.ensure_future(self._execute(pod, attach=attach))
        try:
            await asyncio.wait({running, reading}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await self._out(ERROR, orjson.dumps(running.result()))
                await self._send({"type": "websocket.close", "code": 1000})
        finally:
            for task in (reading, running):
                task.cancel()
            await asyncio.wait({reading, running})

    async def _execute(self, pod: Object, *, attach: bool) -> dict[str, Any]:
        query, meta = self._request.query, pod["metadata"]
        container = query.get("container") or pod["spec"]["containers"][0]["name"]
        streams = Streams(
            self._stdin() if self._request.flag("stdin") else None,
            lambda data: self._out(STDOUT, data),
            lambda data: self._out(STDERR, data),
            self._request.flag("tty"),
        )
        where = (meta["namespace"], meta["name"], container)
        try:
            if attach:
                code = await self._node.attach(*where, streams)
            else:
                command = self._request.lists.get("command") or []
                code = await self._node.exec(*where, command, streams)
        except NodeError as error:
            return refusals.status(500, "InternalError", str(error))
        if not code:
            return {"metadata": {}, "status": "Success"}
        return {
            "metadata": {},
            "status": "Failure",
            "message": f"command terminated with non-zero exit code: exit status {code}",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }

    async def _stdin(self) -> AsyncIterator[bytes]:
        while (piece := await self._input.get()) is not None:
            yield piece

    async def _out(self, channel: int, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": struct.pack("B", channel) + data})

    async def _read(self) -> None:
        """Input frames until the client goes away."""
        while True:
            message = await self._request.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes") or (message.get("text") or "").encode()
            if not data:
                continue
            if data[0] == STDIN:
                await self._input.put(bytes(data[1:]))
            elif data[0] == CLOSE and data[1:2] == bytes([STDIN]):
                await self._input.put(None)
