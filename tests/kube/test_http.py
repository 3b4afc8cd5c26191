"""The HTTP client against a scripted server: pages, retries, watches, errors, warnings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from kube import errors
from kube.http import HttpCluster, Patience
from kube.kubeconfig import Access
from kube.resources import CONFIGMAPS, Resource

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Patience(request=5, total=3, first_wait=0.01, most_wait=0.05)


def answer(value: Any, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(value), content_type="application/json", headers=headers
    )


def failure(status: int, reason: str, **headers: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": reason}
    return answer(body | {"code": status}, status, **headers)


@asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[HttpCluster]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    cluster = HttpCluster(Access(server=f"http://127.0.0.1:{port}"), patience=QUICK, **options)
    try:
        yield cluster
    finally:
        await cluster.close()
        await runner.cleanup()


def item(name: str, version: str = "1") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "d", "resourceVersion": version}}


async def test_a_list_follows_its_pages() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        token = request.query.get("continue", "")
        seen.append(token)
        following = {"": "p2", "p2": "p3", "p3": ""}[token]
        meta = {"resourceVersion": "7", "continue": following}
        return answer({"metadata": meta, "items": [item(f"n{len(seen)}")]})

    async with serving(handler) as cluster:
        found = await cluster.list(CONFIGMAPS, "d")
    assert seen == ["", "p2", "p3"]
    assert [o["metadata"]["name"] for o in found.items] == ["n1", "n2", "n3"]
    assert found.resource_version == "7"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again(status: int) -> None:
    calls = 0

    async def handler(_request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        if calls < 3:
            return failure(status, "TooManyRequests", **{"Retry-After": "0"})
        return answer(item("a"))

    async with serving(handler) as cluster:
        assert (await cluster.get(CONFIGMAPS, "d", "a"))["metadata"]["name"] == "a"
    assert calls == 3


async def test_patience_ends() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return failure(503, "ServiceUnavailable")

    async with serving(handler) as cluster:
        with pytest.raises(errors.Transient):
            await cluster.get(CONFIGMAPS, "d", "a")


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Gone", errors.Gone),
        (403, "Forbidden", errors.Forbidden),
        (422, "Invalid", errors.Invalid),
    ],
)
async def test_errors_have_their_kind(status: int, reason: str, kind: type[Exception]) -> None:
    calls = 0

    async def handler(_request: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        return failure(status, reason)

    async with serving(handler) as cluster:
        with pytest.raises(kind):
            await cluster.create(CONFIGMAPS, "d", item("a"))
    assert calls == 1


async def test_a_watch_gives_changes_and_bookmarks_until_it_is_closed() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.query["resourceVersion"] == "5"
        stream = web.StreamResponse()
        await stream.prepare(request)
        for kind, version in (("ADDED", "6"), ("BOOKMARK", "9"), ("DELETED", "10")):
            line = orjson.dumps({"type": kind, "object": item("a", version)})
            await stream.write(line[:7])
            await stream.write(line[7:] + b"\n")
        return stream

    async with serving(handler) as cluster:
        seen = [e async for e in cluster.watch(CONFIGMAPS, "d", resource_version="5")]
    assert [e.type for e in seen] == ["ADDED", "BOOKMARK", "DELETED"]


@pytest.mark.parametrize("inside", [True, False])
async def test_a_version_that_is_too_old_is_gone(inside: bool) -> None:
    async def handler(_request: web.Request) -> web.Response:
        status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        if inside:
            return answer({"type": "ERROR", "object": status})
        return failure(410, "Expired")

    async with serving(handler) as cluster:
        with pytest.raises(errors.Gone):
            async for _ in cluster.watch(CONFIGMAPS, "d", resource_version="5"):
                pass


async def test_a_server_that_is_not_there_is_transient() -> None:
    access = Access(server="http://127.0.0.1:9")
    cluster = HttpCluster(access, patience=Patience(1, 0.2, 0.01, 0.05))
    try:
        with pytest.raises(errors.Transient):
            await cluster.get(CONFIGMAPS, "d", "a")
    finally:
        await cluster.close()


async def test_warnings_reach_the_user() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return answer(item("a"), Warning='299 - "unknown field \\"x\\""')

    told: list[str] = []
    async with serving(handler, on_warning=told.append) as cluster:
        await cluster.create(CONFIGMAPS, "d", item("a"))
    assert told == ['unknown field "x"']


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("tenant", "../../kube-system/secrets/admin"),
        ("tenant", "a/status"),
        ("tenant", ".."),
        ("tenant", "%2e%2e"),
        ("tenant", ""),
        ("../other", "a"),
        ("", "a"),
        (None, "a"),
    ],
)
async def test_a_name_never_leads_elsewhere(namespace: str | None, name: str) -> None:
    async def handler(_request: web.Request) -> web.Response:
        raise AssertionError("the server was asked")

    async with serving(handler) as cluster:
        for act in (cluster.get, cluster.delete):
            with pytest.raises(errors.BadRequest):
                await act(CONFIGMAPS, namespace, name)
        with pytest.raises(errors.BadRequest):
            await cluster.patch(CONFIGMAPS, namespace, name, {})


async def test_a_name_goes_out_as_it_is() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return answer(item("a"))

    odd = Resource("x.example", "v1", "things", "Thing", namespaced=False)
    async with serving(handler) as cluster:
        await cluster.get(CONFIGMAPS, "d", "a?x=1#y ä")
        await cluster.get(odd, None, "system:node")
        await cluster.patch(odd, None, "a", {})
        with pytest.raises(errors.BadRequest):
            await cluster.list(Resource("", "v1", "pods/x/binding", "Pod"), "d")
    assert asked == [
        "/api/v1/namespaces/d/configmaps/a%3Fx%3D1%23y%20%C3%A4",
        "/apis/x.example/v1/things/system%3Anode",
        "/apis/x.example/v1/things/a?fieldManager=headrace",
    ]


async def test_a_server_below_a_path_is_asked_there() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return answer(item("a"))

    async with serving(handler) as cluster:
        server = f"{cluster._access.server}/k8s/clusters/c-1/"
        below = HttpCluster(Access(server=server), patience=QUICK)
        await below.get(CONFIGMAPS, "d", "a")
        await below.close()
    assert asked == ["/k8s/clusters/c-1/api/v1/namespaces/d/configmaps/a"]
