"""`http`: one request per firing, with the firing key as `Idempotency-Key`.

Without `policy.status` any answer counts, as in the reference, except that a 5xx or 429 is
tried again. Connections follow the egress policy.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from events.secrets import MissingValue
from events.sensors import parameters
from events.sensors.parameters import ParameterError
from events.trace import TRACEPARENT
from events.triggers import credentials, policy
from events.triggers.contract import FiringContext, TriggerFailed

_METHODS = ("GET", "DELETE", "PATCH", "POST", "PUT")
_DEFAULT_TIMEOUT = 60.0


class HttpTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """URL and method."""
        url = str(spec.get("url") or "")
        if not url:
            return "url: is required"
        if (spec.get("method") or "POST") not in _METHODS:
            return f"method: must be one of {', '.join(_METHODS)}"
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Send it."""
        spec = parameters.apply_object(spec, spec.get("parameters") or (), context.events)
        url, method = str(spec["url"]), str(spec.get("method") or "POST")
        if not url.startswith(("http://", "https://")):
            raise TriggerFailed("http.url: must begin with http:// or https://", permanent=True)
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        headers = await _headers(context, spec)
        timeout = aiohttp.ClientTimeout(total=float(spec.get("timeout") or _DEFAULT_TIMEOUT))
        connector = context.services.egress.connector(ssl=await _tls(context, spec))
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(
                    method,
                    url,
                    data=body if method != "GET" else None,
                    headers=headers,
                    auth=await _auth(context, spec),
                    max_redirects=5,
                    skip_auto_headers=("Content-Type",),
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TriggerFailed(f"http.url: {str(error) or type(error).__name__}") from None
        return _judge(context, status)


def _judge(context: FiringContext, status: int) -> str:
    if not policy.judged(context, status) and (status >= 500 or status == 429):
        raise TriggerFailed(f"http.url: answered {status}")
    return f"HTTP {status}"


async def _headers(context: FiringContext, spec: Mapping[str, Any]) -> dict[str, str]:
    """Plain headers, then dynamic, then secure ones: the later wins."""
    headers = {TRACEPARENT: context.traceparent} if context.traceparent else {}
    headers["Idempotency-Key"] = context.key
    headers |= {str(k): str(v) for k, v in (spec.get("headers") or {}).items()}
    for entry in spec.get("dynamicHeaders") or ():
        value = parameters.resolve(entry.get("src") or {}, context.events)
        if value is not None:
            headers[str(entry.get("dest") or "")] = value.text
    headers |= await credentials.secure_headers(context, spec, "http")
    if any("\r" in v or "\n" in v or "\r" in k or "\n" in k for k, v in headers.items()):
        raise ParameterError("http.headers: a value holds a line break")
    return headers


async def _auth(context: FiringContext, spec: Mapping[str, Any]) -> aiohttp.BasicAuth | None:
    basic = spec.get("basicAuth")
    if not basic:
        return None
    values = []
    for field in ("username", "password"):
        reference = basic.get(field)
        if not reference:
            values.append("")
            continue
        path = f"http.basicAuth.{field}"
        raw = await context.services.secrets.value(context.namespace, reference, path)
        values.append(raw.decode("utf-8", "replace").strip())
    return aiohttp.BasicAuth(*values)


async def _tls(context: FiringContext, spec: Mapping[str, Any]) -> ssl.SSLContext:
    tls = spec.get("tls") or {}
    client = ssl.create_default_context()
    if reference := tls.get("caCertSecret"):
        path = "http.tls.caCertSecret"
        ca = await context.services.secrets.value(context.namespace, reference, path)
        try:
            client.load_verify_locations(cadata=ca.decode())
        except (ssl.SSLError, UnicodeDecodeError):
            raise MissingValue(path, "is no PEM certificate") from None
    if tls.get("insecureSkipVerify"):
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
    return client
