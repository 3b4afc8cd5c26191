"""`awsLambda`: invoke a function through Lambda's HTTP interface.

The firing key goes along in the client context (`custom.idempotency-key`), which Lambda shows to
functions it calls synchronously. An error inside the function counts as a failure.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from crds.triggers import AWSLambdaTrigger as Spec
from events.aws import sigv4
from events.aws.sigv4 import Scope
from events.sensors import parameters
from events.trace import TRACEPARENT
from events.triggers import applied, aws_identity, exchange, policy
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_TYPES = ("RequestResponse", "Event", "DryRun")
_SECONDS = 110.0


class AwsLambdaTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """What an invocation needs."""
        for field in ("functionName", "region", "payload", "accessKey", "secretKey"):
            if not spec.get(field):
                return f"{field}: is required"
        if (spec.get("invocationType") or _TYPES[0]) not in _TYPES:
            return f"invocationType: must be one of {', '.join(_TYPES)}"
        return None

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Invoke it."""
        spec = applied.settings(self, context, spec, "awsLambda", Spec)
        where = aws_identity.region(str(spec.get("region") or ""), "awsLambda")
        name = quote(str(spec.get("functionName") or ""), safe="")
        kind = str(spec.get("invocationType") or _TYPES[0])
        body = parameters.payload(spec.get("payload") or (), context.events).encode()
        headers = {"Content-Type": "application/json", "X-Amz-Invocation-Type": kind}
        if kind == _TYPES[0]:
            headers["X-Amz-Client-Context"] = _client_context(context)
        url = f"{aws_identity.endpoint('lambda', where)}/2015-03-31/functions/{name}/invocations"
        keys = await aws_identity.keys(context, spec, "awsLambda")
        request = sigv4.Request("POST", url, headers, body)
        signed = sigv4.sign(request, keys, Scope(where, "lambda"), context.services.clock.now())
        path = "awsLambda.functionName"
        call = Call("POST", url, path, signed, body, seconds=_SECONDS, cap=8 << 20)
        answer = await exchange.send(context, call)
        if not policy.judged(context, answer.status):
            exchange.require_success(answer, path)
        if fault := answer.headers.get("x-amz-function-error"):
            raise TriggerFailed(f"{path}: the function failed ({fault}): {answer.shown()}")
        return f"Lambda {spec['functionName']} ({answer.status})"


def _client_context(context: FiringContext) -> str:
    custom = {"idempotency-key": context.key}
    if context.traceparent:
        custom[TRACEPARENT] = context.traceparent
    return base64.b64encode(json.dumps({"custom": custom}).encode()).decode()
