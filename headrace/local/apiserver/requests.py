"""HTTP requests, read: body with a cap, parameters, and what the client accepts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
import yaml

from headrace.local.apiserver import refusals, wire
from kube import errors
from lang import yaml as manifests
from lang.errors import LangError

Receive = Any
Scope = dict[str, Any]
MOST = 8 * 1024 * 1024  # bytes of a body
JSON, YAML = "application/json", "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@dataclass(slots=True)
class Request:
    """One request. `headers` are lower case; a repeated parameter keeps its last value."""

    method: str
    path: str
    query: dict[str, str]
    lists: dict[str, list[str]]
    headers: dict[str, str]
    receive: Receive
    scope: Scope
    warned: list[str] = field(default_factory=list)  # what the answer warns of, good or bad

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Request:
        """From an ASGI scope."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        lists: dict[str, list[str]] = {}
        for name, value in pairs:
            lists.setdefault(name, []).append(value)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        return cls(
            scope.get("method", "GET"), scope["path"], dict(pairs), lists, headers, receive, scope
        )

    def flag(self, name: str) -> bool:
        """A parameter that is set and not false."""
        return self.query.get(name, "false").lower() not in {"false", "0", ""}

    async def body(self) -> bytes:
        """All of the body. Raises 413 past the cap, before reading on."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise refusals.bad_request("the client went away")
            piece = message.get("body", b"")
            size += len(piece)
            if size > MOST:
                raise TooLarge(f"limit is {MOST}")
            parts.append(piece)
            if not message.get("more_body"):
                return b"".join(parts)

    async def value(self) -> Any:
        """The body, decoded by its content type. Raises BadRequest, UnsupportedMediaType."""
        content = await self.body()
        kind = self.content_type or JSON
        if not content:
            return None
        if kind == JSON or kind.endswith("+json"):
            return decode_json(content)
        if kind in {YAML, "application/apply-patch+yaml"}:
            return decode_yaml(content)
        if kind == PROTOBUF:
            return wire.decode(content)
        raise refusals.raised(
            refusals.UnsupportedMediaType,
            "the body of the request was in an unknown format - accepted media types include: "
            f"{JSON}, {YAML}, {PROTOBUF}",
        )

    @property
    def content_type(self) -> str:
        """Without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def accepts(self) -> list[dict[str, str]]:
        """The Accept header: media type under `""`, parameters by name, in order."""
        found = []
        for part in (self.headers.get("accept") or "*/*").split(","):
            name, *parameters = (p.strip() for p in part.split(";"))
            entry = {"": name.lower()}
            for parameter in parameters:
                key, _, value = parameter.partition("=")
                entry[key.strip()] = value.strip()
            found.append(entry)
        return found


class TooLarge(errors.KubeError):
    """413: the body is larger than the server takes."""

    code, reason = 413, "RequestEntityTooLarge"


def decode_json(content: bytes) -> Any:
    """Raises BadRequest with the position."""
    if not content:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise refusals.bad_request(f"error decoding request body: {error}") from error


def decode_yaml(content: bytes) -> Any:
    """One document. Raises BadRequest with the position."""
    try:
        if content.lstrip()[:1] in (b"{", b"["):
            return orjson.loads(content)
        documents = manifests.load_all(manifests.decode(content))
    except orjson.JSONDecodeError as error:
        raise refusals.bad_request(f"error decoding request body: {error}") from error
    except LangError as error:
        raise refusals.bad_request(f"error decoding YAML: {error.message}") from error
    return documents[0].value if documents else None


def as_yaml(value: Any) -> bytes:
    """The answer for clients that ask for YAML."""
    return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True).encode()
