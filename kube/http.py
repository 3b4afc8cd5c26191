"""`HttpCluster`: any Kubernetes API over HTTP, objects as plain JSON.

Reads are retried on load and broken connections; writes only when the server certainly did not
act (429, 503 with Retry-After, connection refused). All of it within `Patience`.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import orjson
from yarl import URL

from kube import answers
from kube.cluster import (
    EVERYTHING,
    MERGE,
    Object,
    ObjectList,
    PatchOptions,
    PatchType,
    Selector,
    WatchEvent,
)
from kube.credentials import Credentials
from kube.errors import BadRequest, Gone, KubeError, NotFound, Transient
from kube.kubeconfig import Access, load
from kube.resources import PODS, Resource

PAGE = 500
WATCH_SECONDS = 290
LINE = 16 * 1024 * 1024  # bytes of one watch event at the most
WARNING = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: of one request, and of all its tries together."""

    request: float = 60.0
    total: float = 45.0
    first_wait: float = 0.1
    most_wait: float = 5.0


class HttpCluster:
    """A Kubernetes API server. Close it when done."""

    def __init__(
        self,
        access: Access,
        *,
        patience: Patience | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self._access = access
        self._credentials = Credentials(access)
        self._patience = patience or Patience()
        self._on_warning = on_warning
        self._session: aiohttp.ClientSession | None = None
        self._identity: dict[str, str] = {}
        self._parent: HttpCluster | None = None

    @classmethod
    def from_config(
        cls,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        on_warning: Callable[[str], None] | None = None,
        patience: Patience | None = None,
    ) -> HttpCluster:
        """The cluster of a kubeconfig, or of the pod this runs in. Raises ConfigError."""
        return cls(load(kubeconfig, context), patience=patience, on_warning=on_warning)

    @property
    def default_namespace(self) -> str | None:
        """The namespace that the configuration names."""
        return self._access.namespace

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def as_service_account(self, namespace: str, name: str) -> HttpCluster:
        """The same cluster, asked as a service account (this one must be allowed to impersonate).

        Shares the connections of this one, and is closed with it.
        """
        other = HttpCluster(self._access, patience=self._patience, on_warning=self._on_warning)
        other._credentials = self._credentials
        other._parent = self
        other._identity = {"Impersonate-User": f"system:serviceaccount:{namespace}:{name}"}
        return other

    async def served(self, api_version: str) -> list[Resource]:
        """The resources of a group version, as the server says; none for an unknown one."""
        group, _, version = api_version.rpartition("/")
        try:
            listed = await self.request("GET", f"/{'apis' if group else 'api'}/{api_version}")
        except NotFound:
            return []
        return [
            Resource(group, version, entry["name"], entry["kind"], entry["namespaced"])
            for entry in listed["resources"]
            if "/" not in entry["name"]
        ]

    # -- requests ---------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """One request to its end, with retries; the decoded answer. Raises KubeError."""
        data = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": content_type} if data is not None else {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience.total
        wait = self._patience.first_wait
        while True:
            try:
                return await self._once(method, path, params, data, headers)
            except KubeError as error:
                if not _again(error, method) or loop.time() + wait > deadline:
                    raise
                told = getattr(error, "retry_after", None)
            await asyncio.sleep((told or wait) * random.uniform(0.8, 1.2))
            wait = min(self._patience.most_wait, wait * 2)

    async def _once(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        data: bytes | None,
        headers: dict[str, str],
    ) -> Any:
        timeout = aiohttp.ClientTimeout(total=self._patience.request)
        async with self._open(method, path, params, data, headers, timeout) as answer:
            content = await answer.read()
            self._warn(answer)
            if answer.status >= 400:
                raise answers.error_of(answer.status, content, answer.headers)
            return orjson.loads(content) if content else {}

    def _open(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None,
        data: bytes | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> _Opened:
        return _Opened(self, method, path, params, data, headers, timeout)

    def session(self) -> aiohttp.ClientSession:
        """The connection pool, made when first used."""
        if self._parent is not None:
            return self._parent.session()
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._access.tls or False)
            self._session = aiohttp.ClientSession(connector=connector, read_bufsize=2**18)
        return self._session

    def url(self, path: str) -> URL:
        """Where `path`, quoted already, is; nothing in it is resolved or quoted again."""
        return URL(self._access.server.rstrip("/") + path, encoded=True)

    async def headers(self) -> dict[str, str]:
        """The headers that every request carries."""
        return {"Accept": "application/json", **await self._credentials.headers(), **self._identity}

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must carry, where it is not the host's."""
        return self._access.server_name

    def _warn(self, answer: aiohttp.ClientResponse) -> None:
        if self._on_warning is not None:
            for text in answer.headers.getall("Warning", ()):
                for message in WARNING.findall(text):
                    self._on_warning(message.replace('\\"', '"'))

    # -- Cluster ----------------------------------------------------------------------------

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object."""
        return _object(await self.request("GET", _place(resource, namespace, name)))

    async def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector = EVERYTHING
    ) -> ObjectList:
        """All pages; a list that expires on the way is begun again."""
        for _ in range(3):
            try:
                return await self._pages(resource, namespace, selector)
            except Gone:
                continue
        return await self._pages(resource, namespace, selector)

    async def _pages(
        self, resource: Resource, namespace: str | None, selector: Selector
    ) -> ObjectList:
        items: list[Object] = []
        params = {"limit": str(PAGE), **_selection(selector)}
        while True:
            page = await self.request("GET", resource.path(namespace), params=params)
            for item in page.get("items") or ():
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
                items.append(item)
            token = page["metadata"].get("continue")
            if not token:
                return ObjectList(items, page["metadata"].get("resourceVersion", ""))
            params["continue"] = token

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        resource_version: str,
    ) -> AsyncIterator[WatchEvent]:
        """Changes; ends when the server closes the stream or the connection breaks."""
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS + random.randint(0, 30)),
            **_selection(selector),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=WATCH_SECONDS + 60)
        opened = self._open("GET", resource.path(namespace), params, None, {}, timeout)
        async with opened as answer:
            if answer.status >= 400:
                raise answers.error_of(answer.status, await answer.read(), answer.headers)
            async for line in _lines(answer):
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise answers.event_error(event["object"])
                yield WatchEvent(event["type"], event["object"])

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Create; not tried again unless the server certainly did not act."""
        return _object(await self.request("POST", resource.path(namespace), body=body))

    async def update(
        self, resource: Resource, namespace: str | None, body: Object, *, subresource: str = ""
    ) -> Object:
        """Replace."""
        path = _place(resource, namespace, body["metadata"]["name"], subresource)
        return _object(await self.request("PUT", path, body=body))

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Any,
        options: PatchOptions = MERGE,
    ) -> Object:
        """Patch in the dialect of `options.type`."""
        params = {"fieldManager": options.field_manager}
        if options.type is PatchType.APPLY and options.force:
            params["force"] = "true"
        path = _place(resource, namespace, name, options.subresource)
        return _object(
            await self.request("PATCH", path, params=params, body=body, content_type=options.type)
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str = "",
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_seconds: int | None = None,
    ) -> Object:
        """Delete, or begin to."""
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        path = _place(resource, namespace, name)
        return _object(await self.request("DELETE", path, body=body))

    async def log_lines(
        self, namespace: str, pod: str, params: dict[str, str]
    ) -> AsyncIterator[str]:
        """A container's log, line by line; `params` as of the `log` sub-resource."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        path = _place(PODS, namespace, pod, "log")
        async with self._open("GET", path, params, None, {}, timeout) as answer:
            if answer.status >= 400:
                raise answers.error_of(answer.status, await answer.read(), answer.headers)
            async for line in _lines(answer):
                yield line.decode(errors="replace")


def _place(resource: Resource, namespace: str | None, name: str, subresource: str = "") -> str:
    """The path of one object; never that of all of them. Raises BadRequest."""
    if not name or (resource.namespaced and not namespace):
        raise BadRequest(f"a {resource.kind} is addressed by its name and namespace")
    return resource.path(namespace, name, subresource)


class _Opened:
    """An answer being read; maps every transport error to Transient."""

    def __init__(self, cluster: HttpCluster, *request: Any) -> None:
        self._cluster = cluster
        self._request = request
        self._answer: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        method, path, params, data, headers, timeout = self._request
        cluster = self._cluster
        try:
            self._answer = await cluster.session().request(
                method,
                cluster.url(path),
                params=params,
                data=data,
                headers={**await cluster.headers(), **headers},
                timeout=timeout,
                server_hostname=cluster.server_name,
            )
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"cannot reach the API server: {error}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Transient(f"{method} {path}: {str(error) or 'timed out'}") from error
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> None:
        if self._answer is not None:
            self._answer.close() if error is not None else self._answer.release()
        if isinstance(error, (aiohttp.ClientError, TimeoutError)):
            raise Transient(f"{self._request[0]} {self._request[1]}: {error}") from error


class Unreachable(Transient):
    """No connection: the server has not seen the request."""


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Lines of a stream; a connection that breaks ends it, the caller goes on from its place."""
    buffer = bytearray()
    try:
        async for piece in answer.content.iter_any():
            buffer += piece
            *complete, rest = buffer.split(b"\n")
            for line in complete:
                if line:
                    yield bytes(line)
            buffer = bytearray(rest)
            if len(buffer) > LINE:
                raise Transient("a line of the stream is larger than 16 MiB")
    except (aiohttp.ClientError, TimeoutError):
        return
    if buffer:
        yield bytes(buffer)


def _selection(selector: Selector) -> dict[str, str]:
    chosen = {"labelSelector": selector.labels, "fieldSelector": selector.fields}
    return {name: value for name, value in chosen.items() if value}


def _object(answer: Any) -> Object:
    found: Object = answer
    return found


def _again(error: KubeError, method: str) -> bool:
    """Whether the request may be sent again."""
    if error.code == 429 or isinstance(error, Unreachable):
        return True
    return isinstance(error, Transient) and method == "GET"
