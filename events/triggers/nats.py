"""`nats`: publish the payload on a subject; done when the server has answered after it.

The firing key is the `Nats-Msg-Id` header, so a stream on that subject stores a firing once. The
connection is made to an address the egress policy has checked, and never to one the server
advertises.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import nats.errors
from nats.aio.client import Client

from crds.triggers import NATSTrigger as Spec
from events.nats_client import StrictClient
from events.sensors import parameters
from events.sources import nats_keys
from events.trace import TRACEPARENT
from events.triggers import applied, credentials
from events.triggers.contract import FiringContext, TriggerFailed

_SECONDS = 10.0
_LEAVING = 0.5
_PORT = 4222
_MESSAGE_ID = "Nats-Msg-Id"
_WAYS = ("basic", "token", "nkey", "credential")


class NatsTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What a connection needs."""
        for field in ("url", "subject", "payload"):
            if not spec.get(field):
                return f"{field}: is required"
        given = [way for way in _WAYS if (spec.get("auth") or {}).get(way)]
        if given[1:]:
            return "auth: only one of " + ", ".join(_WAYS) + " may be given"
        return credentials.tls_fault(spec)

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Publish, and wait for the server's answer."""
        spec = applied.settings(self, context, spec, "nats", Spec)
        subject, servers = _subject(str(spec.get("subject") or "")), _servers(spec)
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        headers = {_MESSAGE_ID: context.key}
        if context.traceparent:
            headers[TRACEPARENT] = context.traceparent
        heard = _Heard()
        client = await _connected(context, spec, servers, heard)
        try:
            async with asyncio.timeout(_SECONDS):
                await client.publish(subject, body, headers=headers)
                for _ in range(2):  # a refusal may come after the first answer
                    await client.flush(timeout=int(_SECONDS))
        except nats.errors.MaxPayloadError:
            raise TriggerFailed(
                "nats.payload: is too large for the server", permanent=True
            ) from None
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise TriggerFailed(f"nats: {_words(error)}") from None
        finally:
            await _leave(client)
        if heard.refused:
            raise TriggerFailed(f"nats.subject: {heard.refused}")
        return f"NATS {subject}"


class _Heard:
    """What the client tells beside its calls."""

    def __init__(self) -> None:
        self.last = "no answer"
        self.refused = ""

    async def failed(self, error: Exception) -> None:
        self.last = _words(error)
        if "permissions violation" in self.last.lower():
            self.refused = self.last


def _subject(subject: str) -> str:
    if not subject or any(c.isspace() or c in "*>" for c in subject):
        raise TriggerFailed("nats.subject: must name one subject", permanent=True)
    return subject


def _servers(spec: Mapping[str, Any]) -> list[SplitResult]:
    found = []
    for part in str(spec.get("url") or "").split(","):
        text = part.strip()
        try:
            server = urlsplit(text if "://" in text else f"nats://{text}")
            usable = server.scheme in ("nats", "tls") and server.hostname and server.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise TriggerFailed("nats.url: must be nats://host:port", permanent=True)
        found.append(server)
    return found


class _Client(StrictClient):
    """Knows one server only."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        kept = {name: value for name, value in info.items() if name != "connect_urls"}
        await super()._process_info(kept, initial_connection)


async def _connected(
    context: FiringContext, spec: Mapping[str, Any], servers: list[SplitResult], heard: _Heard
) -> Client:
    """A client of the first server that takes one. Raises TriggerFailed, MissingValue."""
    tls = await credentials.tls(context, spec.get("tls"), "nats.tls")
    public = None
    if tls is None and any(server.scheme == "tls" for server in servers):
        public = await credentials.tls(context, credentials.PUBLIC, "nats.url")
    failure = "no answer"
    for server in servers:
        host, port = str(server.hostname), server.port or _PORT
        secure = tls or (public if server.scheme == "tls" else None)
        key, login = await _login(context, spec, server)
        try:
            async with asyncio.timeout(_SECONDS):
                addresses = await context.services.egress.addresses(host, port)
        except (OSError, TimeoutError) as error:
            failure = _words(error)
            continue
        for address in addresses:
            client = _Client(key)
            options = {"tls": secure, "tls_hostname": host if secure else None, **login}
            try:
                await _open(client, address, port, error_cb=heard.failed, **options)
                return client
            except (nats.errors.Error, OSError, TimeoutError, ValueError) as error:
                lost = isinstance(error, nats.errors.NoServersError)
                failure = heard.last if lost else _words(error)
                await _leave(client)
    raise TriggerFailed(f"nats.url: no server could be reached: {failure}")


async def _open(client: Client, address: str, port: int, **options: Any) -> None:
    shown = f"[{address}]" if ":" in address else address
    async with asyncio.timeout(_SECONDS):
        await client.connect(
            [f"nats://{shown}:{port}"],
            name="headrace trigger",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=5,
            **options,
        )


async def _login(
    context: FiringContext, spec: Mapping[str, Any], server: SplitResult
) -> tuple[str, dict[str, Any]]:
    """The name of the key ("" for none), and the client's options."""
    auth, path = spec.get("auth") or {}, "nats.auth"
    if basic := auth.get("basic"):
        return "", {
            "user": await credentials.text(
                context, basic.get("username"), f"{path}.basic.username"
            ),
            "password": await credentials.text(
                context, basic.get("password"), f"{path}.basic.password"
            ),
        }
    if auth.get("token"):
        return "", {"token": await credentials.required(context, auth["token"], f"{path}.token")}
    try:
        if auth.get("nkey"):
            seed = await credentials.required(context, auth["nkey"], f"{path}.nkey")
            pair = nats_keys.from_seed(seed)
            return pair.public, {"signature_cb": pair.sign}
        if auth.get("credential"):
            text = await credentials.required(context, auth["credential"], f"{path}.credential")
            jwt, pair = nats_keys.from_credentials(text)
            return "", {"user_jwt_cb": jwt.encode, "signature_cb": pair.sign}
    except nats_keys.BadKey as error:
        raise TriggerFailed(f"{path}: {error}") from None
    if server.username:
        user = unquote(server.username)
        if server.password is None:
            return "", {"token": user}
        return "", {"user": user, "password": unquote(server.password)}
    return "", {}


async def _leave(client: Client) -> None:
    # All is flushed, or the connection failed; after a refused certificate its end is never told.
    with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
        async with asyncio.timeout(_LEAVING):
            await client.close()


def _words(error: BaseException) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__
