"""`http`: one request per firing, with the firing key as `Idempotency-Key`.

Without `policy.status` any answer counts, as in the reference, except that a 5xx or 429 is
tried again. Connections follow the egress policy, also those of redirects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds.triggers import HTTPTrigger as Spec
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, credentials, http_request, policy
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.http_request import Request

_METHODS = ("GET", "DELETE", "PATCH", "POST", "PUT")
_DEFAULT_TIMEOUT = 60.0


class HttpTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """URL, method, timeout and TLS."""
        if not spec.get("url"):
            return "url: is required"
        if (spec.get("method") or "POST") not in _METHODS:
            return f"method: must be one of {', '.join(_METHODS)}"
        if float(spec.get("timeout") or 0) < 0:
            return "timeout: must not be negative"
        return credentials.tls_fault(spec)

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Send it."""
        spec = applied.settings(self, context, spec, "http", Spec)
        url, login = http_request.url_of(str(spec["url"]))
        open_headers, secret_headers = await _headers(context, spec)
        named = {name.lower() for name in (*open_headers, *secret_headers)}
        basic = await _basic(context, spec)
        if basic or (login and "authorization" not in named):
            open_headers = _without(open_headers, "authorization")
            secret_headers = _without(secret_headers, "authorization")
            secret_headers["Authorization"] = basic or login
        request = Request(
            method=str(spec.get("method") or "POST"),
            url=url,
            host=str(spec.get("host") or ""),
            headers=open_headers,
            secrets=secret_headers,
            body=parameters.payload(spec.get("payload") or (), context.events).encode(),
            tls=await credentials.tls(context, spec.get("tls"), "http.tls"),
            seconds=float(spec.get("timeout") or _DEFAULT_TIMEOUT),
        )
        return _judge(context, await http_request.send(context.services.egress, request))


def _judge(context: FiringContext, status: int) -> str:
    if not policy.judged(context, status) and (status >= 500 or status == 429):
        raise TriggerFailed(f"http.url: answered {status}")
    return f"HTTP {status}"


async def _headers(
    context: FiringContext, spec: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Those anybody may see, and those from Secrets. Ours, then plain headers, then dynamic, then
    secure ones: the later wins, however its name is written."""
    found = {"Idempotency-Key": context.key}
    if context.traceparent:
        found[TRACEPARENT] = context.traceparent
    for name, text in (spec.get("headers") or {}).items():
        found = {**_without(found, str(name)), str(name): str(text)}
    for position, entry in enumerate(spec.get("dynamicHeaders") or ()):
        value = parameters.resolve(entry.get("src") or {}, context.events)
        name = str(entry.get("dest") or "")
        if not name:
            what = f"http.dynamicHeaders[{position}].dest: is required"
            raise TriggerFailed(what, permanent=True)
        if value is not None:
            found = {**_without(found, name), name: value.text}
    secure = await credentials.secure_headers(context, spec, "http")
    for name in secure:
        found = _without(found, name)
    return found, secure


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: text for key, text in headers.items() if key.lower() != name.lower()}


async def _basic(context: FiringContext, spec: Mapping[str, Any]) -> str:
    """The `Authorization` of `basicAuth`; "" without one."""
    basic = spec.get("basicAuth")
    if not basic:
        return ""
    user, password = [
        await credentials.text(context, basic.get(field), f"http.basicAuth.{field}")
        for field in ("username", "password")
    ]
    return http_request.basic(user, password)
