"""`openWhisk`: invoke an action and wait for its result.

The firing key is the header `Idempotency-Key`; OpenWhisk itself does not look at it. An action
that ends with an error counts as a failure unless `policy.status` says otherwise.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from crds.triggers import OpenWhiskTrigger as Spec
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, credentials, exchange, policy
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_PATH = "openWhisk"
_SECONDS = 110.0


class OpenWhiskTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What an invocation needs."""
        for field in ("host", "actionName", "payload"):
            if not spec.get(field):
                return f"{field}: is required"
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Invoke it."""
        spec = applied.settings(self, context, spec, "openWhisk", Spec)
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": context.key}
        if context.traceparent:
            headers[TRACEPARENT] = context.traceparent
        token = await credentials.text(context, spec.get("authToken"), f"{_PATH}.authToken")
        if token:
            headers["Authorization"] = f"Basic {base64.b64encode(token.encode()).decode()}"
        call = Call("POST", _url(spec), _PATH, headers, body, seconds=_SECONDS)
        answer = await exchange.send(context, call)
        if not policy.judged(context, answer.status):
            exchange.require_success(answer, _PATH)
        return f"OpenWhisk {spec['actionName']} ({answer.status})"


def _url(spec: Mapping[str, Any]) -> str:
    """Where the action is invoked. Raises TriggerFailed."""
    host = str(spec.get("host") or "").rstrip("/")
    base = host if "://" in host else f"https://{host}"
    parts = [str(spec.get("version") or "v1"), str(spec.get("namespace") or "_")]
    # A packaged action is `package/name`; every other part is one step of the path.
    action = str(spec.get("actionName") or "").strip("/").split("/")
    try:
        told = urlsplit(base)
        extra = told.query or told.fragment or told.username
    except ValueError:
        extra = "no address"
    if extra or any(step in ("", ".", "..") for step in (*parts, *action)):
        what = f"{_PATH}: host, version, namespace and actionName make no address"
        raise TriggerFailed(what, permanent=True)
    version, namespace = (quote(part, safe="") for part in parts)
    name = "/".join(quote(step, safe="") for step in action)
    return f"{base}/api/{version}/namespaces/{namespace}/actions/{name}?blocking=true"
