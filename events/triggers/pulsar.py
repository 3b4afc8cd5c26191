"""`pulsar`: send one message through Pulsar's WebSocket API, done when the broker has it.

A `pulsar://` address of the usual port stands for the WebSocket API on the same host. The firing
key is the message's property `Idempotency-Key`.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from yarl import URL

from crds.triggers import PulsarTrigger as Spec
from events import pulsar_web
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, credentials
from events.triggers.contract import FiringContext, TriggerFailed

_SECONDS = 30.0
_CAP = 1 << 20
_HOPELESS = frozenset({400, 404, 406, 413})


class PulsarTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What a producer needs."""
        for field in ("url", "topic", "payload"):
            if not spec.get(field):
                return f"{field}: is required"
        for field in ("authAthenzParams", "authAthenzSecret"):
            if spec.get(field):
                return f"{field}: is not served; use authTokenSecret or a client certificate"
        try:
            _address(str(spec["url"]))
        except TriggerFailed as fault:
            return str(fault).removeprefix("pulsar.")
        return credentials.tls_fault(spec)

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Send it, and wait for the broker's word."""
        spec = applied.settings(self, context, spec, "pulsar", Spec)
        base = _address(str(spec.get("url") or ""))
        topic = _topic(str(spec.get("topic") or ""))
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        path = "pulsar.authTokenSecret"
        token = await credentials.text(context, spec.get("authTokenSecret"), path)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        properties = {"Idempotency-Key": context.key}
        if context.traceparent:
            properties[TRACEPARENT] = context.traceparent
        message = {
            "payload": base64.b64encode(body).decode(),
            "properties": properties,
            "context": context.key,
        }
        url = URL(f"{base}/ws/v2/producer/{topic}?sendTimeoutMillis=20000", encoded=True)
        answer = await _send(context, (url, headers, await _tls(context, spec)), message)
        if answer.get("result") != "ok":
            why = answer.get("errorMsg") or answer.get("result") or "no reason given"
            raise TriggerFailed(f"pulsar: the broker refused the message: {why}")
        return f"Pulsar {topic} {answer.get('messageId') or ''}".strip()


def _address(url: str) -> str:
    """Where the WebSocket API is, as an HTTP URL. Raises TriggerFailed."""
    try:
        return pulsar_web.address(url)
    except ValueError as error:
        raise TriggerFailed(f"pulsar.url: {error}", permanent=True) from None


def _topic(topic: str) -> str:
    """The topic's path: `persistent/tenant/namespace/name`. Raises TriggerFailed."""
    try:
        return pulsar_web.topic(topic)
    except ValueError as error:
        raise TriggerFailed(f"pulsar.topic: {error}", permanent=True) from None


async def _tls(context: FiringContext, spec: Mapping[str, Any]) -> ssl.SSLContext | None:
    """As `tls` says, or the fields of Pulsar's own client. Raises TriggerFailed, MissingValue."""
    config = dict(spec.get("tls") or {})
    if trusted := spec.get("tlsTrustCertsSecret"):
        config.setdefault("caCertSecret", trusted)
    if spec.get("tlsAllowInsecureConnection"):
        config["insecureSkipVerify"] = True
    return await credentials.tls(context, config, "pulsar.tls")


async def _send(
    context: FiringContext,
    target: tuple[URL, Mapping[str, str], ssl.SSLContext | None],
    message: Mapping[str, Any],
) -> dict[str, Any]:
    """The broker's answer to `message`. Raises TriggerFailed."""
    url, headers, tls = target
    connector = context.services.egress.connector(ssl=tls if tls else True)
    try:
        async with (
            asyncio.timeout(_SECONDS),
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect(url, headers=headers, max_msg_size=_CAP) as socket,
        ):
            await socket.send_str(orjson.dumps(message).decode())
            raw = await socket.receive_str()
    except aiohttp.WSServerHandshakeError as error:
        what = f"pulsar: the WebSocket API answered {error.status}"
        raise TriggerFailed(what, permanent=error.status in _HOPELESS) from None
    except TimeoutError:
        raise TriggerFailed(f"pulsar: no answer within {_SECONDS:.0f} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise TriggerFailed(f"pulsar.url: {str(error) or type(error).__name__}") from None
    except aiohttp.WSMessageTypeError:
        raise TriggerFailed("pulsar: the connection ended before an answer came") from None
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise TriggerFailed("pulsar: the answer is no JSON object")
    return found
