"""Google Pub/Sub over HTTP: who one is, and the calls that the `pubSub` source makes.

Source of the protocol: the Pub/Sub REST reference (v1), and "Using OAuth 2.0 for server to server
applications" for the token. With PUBSUB_EMULATOR_HOST set, its emulator is spoken to, without a
token, as Google's own clients do. Called by `pub_sub`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from events import jwt
from events.refusal import Refused
from events.sources import http_body, http_queue
from events.sources.queue_link import ConnectionLost
from kube.clock import Clock

_API = "https://pubsub.googleapis.com"
_EMULATOR = "PUBSUB_EMULATOR_HOST"
_SCOPE = "https://www.googleapis.com/auth/pubsub"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = 3600
_EARLY = 300.0  # seconds before its end a token is replaced


class Account(msgspec.Struct):
    """A service account's key, the JSON file of the Cloud console."""

    type: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


class Message(msgspec.Struct, rename="camel"):
    """As `pull` gives it; `data` is base64."""

    message_id: str
    data: str = ""
    attributes: dict[str, str] | None = None
    publish_time: str = ""


class Received(msgspec.Struct, rename="camel"):
    """A message and the name of this delivery of it."""

    ack_id: str
    message: Message


class Subscription(msgspec.Struct, rename="camel"):
    """What is asked of one. `dead_letter_policy` moves away what is refused too often."""

    topic: str = ""
    dead_letter_policy: Any = None


class _Pulled(msgspec.Struct, rename="camel"):
    received_messages: list[Received] = []


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = _LIFE


class _Fault(msgspec.Struct):
    status: str = ""


class _Faults(msgspec.Struct):
    error: _Fault


_account = msgspec.json.Decoder(Account).decode
_subscription = msgspec.json.Decoder(Subscription).decode
_pulled = msgspec.json.Decoder(_Pulled).decode
_token = msgspec.json.Decoder(_Token).decode
_faults = msgspec.json.Decoder(_Faults).decode


def emulator() -> str:
    """URL of the emulator, empty without one."""
    host = os.environ.get(_EMULATOR, "").strip()
    return host if not host or "://" in host else f"http://{host}"


def account(raw: bytes) -> Account:
    """Raises ValueError with what is wrong."""
    try:
        found = _account(raw)
    except msgspec.MsgspecError:
        raise ValueError("is no credentials file in JSON") from None
    if found.type != "service_account":
        kind = f"type {found.type[:40]!r}" if found.type else "no type"
        raise ValueError(f"must be the key of a service account, and has {kind}")
    jwt.rs256(found.private_key.encode(), {})
    return found


class Api:
    """Calls of one connection. All raise Refused and ConnectionLost."""

    def __init__(
        self, session: aiohttp.ClientSession, clock: Clock, identity: Account | None
    ) -> None:
        self._session = session
        self._clock = clock
        self._account = identity
        self._base = emulator() or _API
        self._bearer, self._until = "", 0.0

    async def pull(self, name: str, most: int) -> list[Received]:
        """Messages of a subscription; waits a while for the first."""
        raw = await self._call("POST", f"{name}:pull", {"maxMessages": most})
        return _pulled(raw).received_messages

    async def acknowledge(self, name: str, deliveries: Sequence[str]) -> None:
        """They do not come again."""
        await self._call("POST", f"{name}:acknowledge", {"ackIds": deliveries})

    async def extend(self, name: str, deliveries: Sequence[str], seconds: int) -> None:
        """They do not come again for so long; with 0 they come at once."""
        body = {"ackIds": deliveries, "ackDeadlineSeconds": seconds}
        await self._call("POST", f"{name}:modifyAckDeadline", body)

    async def subscription(self, name: str) -> Subscription | None:
        """None when it does not exist."""
        raw = await self._unless_missing("GET", name)
        return None if raw is None else _subscription(raw)

    async def subscribe(self, name: str, topic: str) -> Subscription:
        """Make a subscription; one that was made meanwhile is taken."""
        try:
            return _subscription(await self._call("PUT", name, {"topic": topic}))
        except Refused as error:
            if error.status != 409:
                raise
        return _subscription(await self._call("GET", name))

    async def unsubscribe(self, name: str) -> None:
        """Delete a subscription."""
        await self._unless_missing("DELETE", name)

    async def ensure_topic(self, name: str) -> None:
        """Make the topic if it is not there."""
        if await self._unless_missing("GET", name) is None:
            try:
                await self._call("PUT", name, {})
            except Refused as error:
                if error.status != 409:
                    raise

    async def _unless_missing(self, method: str, name: str) -> bytes | None:
        try:
            return await self._call(method, name)
        except Refused as error:
            if error.status != 404:
                raise
            return None

    async def _call(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": "headrace"}
        if self._account is not None:
            headers["Authorization"] = f"Bearer {await self._fresh(self._account)}"
        data = None if body is None else http_body.marshal(body)
        url = f"{self._base}/v1/{quote(name, safe='/:')}"
        return await self._exchange(method, url, headers, data)

    async def _fresh(self, identity: Account) -> str:
        """A token that is good for some minutes at least."""
        now = self._clock.now()
        if now >= self._until - _EARLY:
            claims = {
                "iss": identity.client_email,
                "scope": _SCOPE,
                "aud": identity.token_uri,
                "iat": int(now),
                "exp": int(now) + _LIFE,
            }
            key = identity.private_key.encode(), claims, identity.private_key_id
            assertion = await asyncio.to_thread(jwt.rs256, *key)  # reading a key takes a while
            form = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await self._exchange("POST", identity.token_uri, headers, form)
            found = _token(answer)
            self._bearer, self._until = found.access_token, now + found.expires_in
        return self._bearer

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None
    ) -> bytes:
        reply = await http_queue.send(self._session, method, url, headers, data)
        if 200 <= reply.status < 300:
            return reply.body
        try:
            code = _faults(reply.body).error.status
        except msgspec.MsgspecError:
            code = ""
        if reply.status == 400 and url == getattr(self._account, "token_uri", ""):
            raise Refused("Google", 403, "the service account's key was not accepted")
        raise Refused("Pub/Sub", reply.status, code)


def problem(error: msgspec.MsgspecError) -> ConnectionLost:
    """An answer that is not what the reference says."""
    return ConnectionLost(f"Pub/Sub's answer cannot be read: {error}")
