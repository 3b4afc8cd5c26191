"""Answers: JSON or YAML, lists without re-encoding what does not change, Tables, Status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from headrace.local.apiserver import refusals, requests, tables
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.requests import JSON, YAML, Request
from kube.cluster import Object
from kube.errors import KubeError

Send = Any
Headers = list[tuple[bytes, bytes]]
FORMS = {"Table", "PartialObjectMetadata", "PartialObjectMetadataList", "APIGroupDiscoveryList"}


class Answer:
    """One complete answer."""

    def __init__(
        self, code: int, content: bytes, content_type: str = JSON, headers: Headers | None = None
    ) -> None:
        self.code = code
        self.content = content
        self.headers: Headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-cache, private"),
            *(headers or ()),
        ]

    async def send(self, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.code, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.content})


def value(request: Request, body: Any, code: int = 200, headers: Headers | None = None) -> Answer:
    """Any JSON value, in the form the client accepts. Raises NotAcceptable."""
    if form(request) is None and wants_yaml(request):
        return Answer(code, requests.as_yaml(body), YAML, headers)
    return Answer(code, orjson.dumps(body), JSON, headers)


def text(content: str, code: int = 200) -> Answer:
    """Plain text."""
    return Answer(code, content.encode(), "text/plain; charset=utf-8")


def refused(error: KubeError, warned: Iterable[str] = ()) -> Answer:
    """The Status of an error, with what was warned of before it."""
    body = error.body or refusals.status(error.code or 500, error.reason, error.message)
    code = int(body.get("code") or error.code or 500)
    headers: Headers = [(b"retry-after", b"1")] if code == 429 else []
    return Answer(code, orjson.dumps(body), JSON, [*headers, *warnings(warned)])


def warnings(texts: Iterable[str]) -> Headers:
    """Warning headers, as kubectl shows them."""
    found = []
    for entry in texts:
        quoted = entry.replace("\\", "\\\\").replace('"', '\\"')
        found.append((b"warning", f'299 - "{quoted}"'.encode("latin-1", "replace")))
    return found


def form(request: Request) -> str | None:
    """The form that the client asks for first and this server makes. Raises NotAcceptable."""
    for entry in request.accepts:
        name = entry[""]
        if name in {JSON, YAML, "*/*", "application/*"}:
            asked = entry.get("as")
            if asked is None:
                return None
            if asked in FORMS and name == JSON:
                return asked
        elif name == "application/vnd.kubernetes.protobuf":
            continue
    raise refusals.raised(
        refusals.NotAcceptable,
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf",
        {},
    )


def wants_yaml(request: Request) -> bool:
    """Whether YAML is the first form that the client accepts."""
    for entry in request.accepts:
        if entry[""] in {JSON, "*/*", "application/*"}:
            return False
        if entry[""] == YAML:
            return True
    return False


def one(
    request: Request, kind: Kind, obj: Object, code: int = 200, headers: Headers | None = None
) -> Answer:
    """An object in the form that was asked for."""
    match form(request):
        case "Table":
            include = request.query.get("includeObject", "Metadata")
            version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return value(request, tables.render(kind, [obj], version, include), code, headers)
        case "PartialObjectMetadata" | "PartialObjectMetadataList":
            return value(request, tables.partial(obj), code, headers)
        case _:
            return value(request, obj, code, headers)


def many(request: Request, kind: Kind, objects: list[Object], meta: dict[str, Any]) -> Answer:
    """A list in the form that was asked for."""
    r = kind.resource
    match form(request):
        case "Table":
            include = request.query.get("includeObject", "Metadata")
            return value(request, tables.render(kind, objects, meta, include))
        case "PartialObjectMetadata" | "PartialObjectMetadataList":
            items = [tables.partial(obj) for obj in objects]
            name, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
            return value(
                request, {"kind": name, "apiVersion": version, "metadata": meta, "items": items}
            )
        case _:
            head = {"kind": kind.list_kind, "apiVersion": r.api_version, "metadata": meta}
            items = objects if kind.custom else [_bare(obj) for obj in objects]
            return value(request, {**head, "items": items})


def _bare(obj: Object) -> Object:
    """Items of builtin lists carry no kind of their own."""
    return {k: v for k, v in obj.items() if k not in {"apiVersion", "kind"}}
