"""`custom`: a gRPC server of the user's, service `triggers.Trigger`.

FetchResource gets `spec` as YAML and gives a resource; parameters are put into it; Execute gets
it with the payload; ApplyPolicy gets Execute's answer and has the last word. The firing key goes
along as metadata `idempotency-key`. Needs the extra `grpc`; messages need no generated code.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from events import protobuf
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import credentials
from events.triggers.contract import FiringContext, TriggerFailed

_SECONDS = 60.0
_MAX_MESSAGE = 8 << 20
_SERVICE = "/triggers.Trigger/"
_MISSING = "custom: the gRPC client is missing: pip install 'headrace[grpc]'"
_HOPELESS = frozenset(
    {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED"}
)


class CustomTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The server and what it is handed."""
        for field in ("serverURL", "spec"):
            if not spec.get(field):
                return f"{field}: is required"
        if spec.get("secure") and not spec.get("certSecret"):
            return "certSecret: is required when secure is set"
        try:
            _place(str(spec["serverURL"]))
        except TriggerFailed as fault:
            return str(fault).removeprefix("custom.")
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Fetch, execute, judge."""
        try:
            return await _run(context, spec)
        except protobuf.BadMessage as error:
            raise TriggerFailed(f"custom: the server's answer is none: {error}") from None


async def _run(context: FiringContext, spec: Mapping[str, Any]) -> str:
    body = parameters.payload(spec.get("payload") or (), context.events).encode()
    handed = yaml.safe_dump(dict(sorted((spec.get("spec") or {}).items())), allow_unicode=True)
    async with await _channel(context, spec) as channel:
        server = _Server(channel, context)
        fetched = await server.call("FetchResource", (1, handed))
        resource = _with_parameters(context, spec, protobuf.last_bytes(fetched, 1))
        executed = await server.call("Execute", (1, resource), (2, body))
        response = protobuf.last_bytes(executed, 1)
        verdict = await server.call("ApplyPolicy", (1, response))
    if not protobuf.last_int(verdict, 1):
        why = protobuf.last_bytes(verdict, 2).decode("utf-8", "replace") or "no reason given"
        raise TriggerFailed(f"custom: the server's policy refused: {why}")
    return f"gRPC {spec['serverURL']}"


def _place(url: str) -> tuple[str, int]:
    """Host and port of `host:port`. Raises TriggerFailed."""
    try:
        found = urlsplit(f"//{url.removeprefix('dns:///')}")
        host, port = found.hostname, found.port
        usable = host and port and found.netloc == url.removeprefix("dns:///")
    except ValueError:
        usable, host, port = False, None, None
    if not usable or host is None or port is None:
        raise TriggerFailed("custom.serverURL: must be host:port", permanent=True)
    return host, port


async def _channel(context: FiringContext, spec: Mapping[str, Any]) -> Any:
    """A channel to an address that was checked. Raises TriggerFailed, MissingValue."""
    try:
        import grpc  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise TriggerFailed(_MISSING, permanent=True) from None
    host, port = _place(str(spec["serverURL"]))
    try:
        async with asyncio.timeout(_SECONDS):
            addresses = await context.services.egress.addresses(host, port)
    except (OSError, TimeoutError) as error:
        what = f"custom.serverURL: {str(error) or type(error).__name__}"
        raise TriggerFailed(what) from None
    kind = "ipv6" if ":" in addresses[0] else "ipv4"
    same = [a for a in addresses if (":" in a) == (kind == "ipv6")]
    places = ",".join(f"[{a}]:{port}" if kind == "ipv6" else f"{a}:{port}" for a in same)
    name = str(spec.get("serverNameOverride") or host)
    options: list[tuple[str, Any]] = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.default_authority", name),
        ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ]
    if not spec.get("secure"):
        return grpc.aio.insecure_channel(f"{kind}:{places}", options)
    pem = await credentials.required(context, spec.get("certSecret"), "custom.certSecret")
    options.append(("grpc.ssl_target_name_override", name))
    trusted = grpc.ssl_channel_credentials(root_certificates=pem.encode())
    return grpc.aio.secure_channel(f"{kind}:{places}", trusted, options)


def _with_parameters(context: FiringContext, spec: Mapping[str, Any], raw: bytes) -> bytes:
    wanted = spec.get("parameters") or ()
    if not wanted:
        return raw
    try:
        text = raw.decode()
        json.loads(text)
    except ValueError:
        what = "custom.parameters: the resource the server gave is no JSON"
        raise TriggerFailed(what, permanent=True) from None
    return parameters.apply_text(text, wanted, context.events).encode()


class _Server:
    """The three calls of the service."""

    def __init__(self, channel: Any, context: FiringContext) -> None:
        self._channel = channel
        self._metadata = [("idempotency-key", context.key)]
        if context.traceparent:
            self._metadata.append((TRACEPARENT, context.traceparent))

    async def call(
        self, method: str, *fields: tuple[int, protobuf.Value]
    ) -> dict[int, list[bytes | int]]:
        """The answer's fields. Raises TriggerFailed, BadMessage."""
        from grpc.aio import (  # type: ignore[import-untyped, unused-ignore]
            AioRpcError,
        )

        stub = self._channel.unary_unary(f"{_SERVICE}{method}")
        try:
            request = protobuf.encode(fields)
            raw = await stub(request, timeout=_SECONDS, metadata=self._metadata)
            return protobuf.decode(raw)
        except AioRpcError as error:
            code = error.code().name
            what = f"custom: {method}: {code}: {error.details() or 'no reason given'}"
            raise TriggerFailed(what, permanent=code in _HOPELESS) from None
