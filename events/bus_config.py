"""What an EventBus object asks for: where to connect, and what to keep.

`streamConfig` is YAML in JetStream's words (maxMsgs, maxBytes, maxAge, duplicates, replicas).
`retention` and `discard` are ours: what was not consumed is never dropped.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from crds import decode
from crds.errors import CrdError
from crds.events_shared import TLSConfig
from events.bus.jetstream import Connection, Credentials, StreamLimits
from events.secrets import Secrets
from events.sources import client_tls
from events.sources.contract import SourceError
from lang import duration
from lang.errors import LangError

_DEFAULT_MESSAGES = 50_000
_SIZES = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


class BadBus(ValueError):
    """The spec cannot be served; the message begins with the field's path."""


@dataclass(frozen=True, slots=True)
class BusPlan:
    """`connection` None: the managed server. `note` is for the condition. `certificates`: a digest
    of what TLS is made of; another one asks for a new connection."""

    connection: Connection | None
    limits: StreamLimits
    note: str = ""
    certificates: str = ""


async def plan(secrets: Secrets, namespace: str, spec: Mapping[str, Any]) -> BusPlan:
    """The plan of an EventBus spec. Raises BadBus, MissingValue, KubeError."""
    branches = [b for b in ("jetstream", "jetstreamExotic", "nats", "kafka") if b in spec]
    if len(branches) != 1:
        raise BadBus("spec: exactly one of jetstream, jetstreamExotic, nats, kafka is required")
    branch = branches[0]
    body = spec[branch] or {}
    match branch:
        case "jetstream":
            return BusPlan(None, _limits(body.get("streamConfig"), "spec.jetstream"))
        case "jetstreamExotic":
            path = "spec.jetstreamExotic"
            connection, digest = await _exotic(secrets, namespace, body, path)
            limits = _limits(body.get("streamConfig"), path, replicas=True)
            return BusPlan(connection, limits, certificates=digest)
        case "nats":
            return await _nats(secrets, namespace, body)
        case _:
            raise BadBus("spec.kafka: a Kafka bus is not served; use jetstream or jetstreamExotic")


async def _nats(secrets: Secrets, namespace: str, body: Mapping[str, Any]) -> BusPlan:
    if (native := body.get("native")) is not None:
        limits = StreamLimits(
            max_messages=int((native or {}).get("maxMsgs") or 0) or _DEFAULT_MESSAGES,
            max_bytes=_size((native or {}).get("maxBytes"), "spec.nats.native.maxBytes"),
            max_age=_seconds((native or {}).get("maxAge") or "72h", "spec.nats.native.maxAge"),
        )
        return BusPlan(None, limits, "NATS Streaming is discontinued: served by JetStream")
    if (exotic := body.get("exotic")) is not None:
        connection, _ = await _exotic(secrets, namespace, exotic or {}, "spec.nats.exotic")
        note = "NATS Streaming is discontinued: JetStream of the server at that URL is used"
        return BusPlan(connection, StreamLimits(max_messages=_DEFAULT_MESSAGES), note)
    raise BadBus("spec.nats: native or exotic is required")


async def _exotic(
    secrets: Secrets, namespace: str, body: Mapping[str, Any], path: str
) -> tuple[Connection, str]:
    """The connection, and a digest of its certificates."""
    url = str(body.get("url") or "")
    if not url:
        raise BadBus(f"{path}.url: is required")
    credentials = Credentials()
    if reference := body.get("accessSecret"):
        await secrets.value(namespace, reference, f"{path}.accessSecret")
        credentials = _credentials(secrets, namespace, reference)
    tls, digest = None, ""
    if body.get("tls") is not None:
        tls, digest = await _client_tls(secrets, namespace, body["tls"] or {}, f"{path}.tls")
    return Connection(url, credentials, tls), digest


def _credentials(secrets: Secrets, namespace: str, reference: Mapping[str, Any]) -> Credentials:
    """Read at each connect, so that a rotated Secret is used by the next one."""

    def field(name: str) -> Callable[[], str]:
        def read() -> str:
            raw = (secrets.cached(namespace, reference) or b"").decode("utf-8", "replace")
            try:
                parsed = yaml.safe_load(raw)
            except yaml.YAMLError:
                parsed = None
            if isinstance(parsed, dict):
                return str(parsed.get(name) or "")
            return raw.strip() if name == "token" else ""

        secrets.keep(read, namespace, reference)
        return read

    if field("token")():
        return Credentials(token=field("token"))
    return Credentials(user=field("username"), password=field("password"))


async def _client_tls(
    secrets: Secrets, namespace: str, body: Mapping[str, Any], path: str
) -> tuple[ssl.SSLContext | None, str]:
    """What to connect with, and a digest of what it is made of."""
    digest = hashlib.sha256()

    async def read(selector: Mapping[str, Any], where: str) -> bytes:
        value = await secrets.value(namespace, selector, where)
        digest.update(b"%d:%b" % (len(value), value))
        return value

    try:
        # As in the reference a block without anything asks for TLS by the machine's authorities.
        config, _ = decode.decode({"enabled": True, **body}, TLSConfig)
        return await client_tls.context(read, config, path), digest.hexdigest()
    except SourceError as error:
        raise BadBus(str(error)) from None
    except CrdError as error:
        raise BadBus(f"{path}.{error}") from None


def _limits(text: Any, path: str, *, replicas: bool = False) -> StreamLimits:
    """`replicas`: the server is a cluster perhaps; the managed one is a single server."""
    path = f"{path}.streamConfig"
    try:
        config = yaml.safe_load(text or "") or {}
    except yaml.YAMLError:
        raise BadBus(f"{path}: is no YAML") from None
    if not isinstance(config, dict):
        raise BadBus(f"{path}: is no mapping")
    known = {str(k).lower(): v for k, v in config.items()}
    try:
        return StreamLimits(
            max_messages=max(0, int(known.get("maxmsgs", _DEFAULT_MESSAGES))),
            max_bytes=_size(known.get("maxbytes", -1), f"{path}.maxBytes"),
            max_age=_seconds(known.get("maxage", "168h"), f"{path}.maxAge"),
            duplicates=_seconds(known.get("duplicates", "300s"), f"{path}.duplicates"),
            replicas=max(1, int(known.get("replicas") or 1)) if replicas else 1,
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, BadBus):
            raise
        raise BadBus(f"{path}: {error}") from None


def _size(value: Any, path: str) -> int:
    match = re.fullmatch(r"(-?[0-9]+)\s*([KMGT]?B?)", str(value or 0).upper())
    if match is None:
        raise BadBus(f"{path}: {value!r} is no size")
    unit = match.group(2).rstrip("B")
    return max(0, int(match.group(1))) * _SIZES[f"{unit}B" if unit else ""]


def _seconds(value: Any, path: str) -> float:
    if isinstance(value, int | float):
        return float(value) / 1e9
    try:
        return duration.parse_go(str(value))
    except LangError as error:
        raise BadBus(f"{path}: {error.message}") from None
