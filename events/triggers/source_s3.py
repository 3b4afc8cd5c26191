"""A trigger's object kept in an S3-like store: one signed GET, under the egress policy.

Source of the fields: Argo Events `S3Artifact`. The bucket stands in the path, which every store
understands; keys come from Secrets, never from the process's own environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from events.aws import sigv4
from events.aws.sigv4 import Keys, Request, Scope
from events.triggers import credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_PATH = "source.s3"
_REGION = "us-east-1"


def fault(spec: Mapping[str, Any]) -> str | None:
    """What is missing or makes no sense."""
    bucket = spec.get("bucket") or {}
    for field, value in (
        ("endpoint", spec.get("endpoint")),
        ("bucket.name", bucket.get("name")),
        ("bucket.key", bucket.get("key")),
        ("accessKey", spec.get("accessKey")),
        ("secretKey", spec.get("secretKey")),
    ):
        if not value:
            return f"{_PATH}.{field}: is required"
    if any(c in "/?#@\\" or ord(c) <= 32 for c in str(spec["endpoint"])):
        return f"{_PATH}.endpoint: is a host with a port or without, not a URL"
    return None


async def fetch(context: FiringContext, spec: Mapping[str, Any], cap: int) -> bytes:
    """The object, at most `cap` bytes. Raises TriggerFailed, MissingValue."""
    problem = fault(spec)
    if problem is not None:
        raise TriggerFailed(problem, permanent=True)
    keys = Keys(
        await credentials.required(context, spec["accessKey"], f"{_PATH}.accessKey"),
        await credentials.required(context, spec["secretKey"], f"{_PATH}.secretKey"),
    )
    place = "/".join(quote(str(spec["bucket"][part]), safe="/-_.~") for part in ("name", "key"))
    url = f"{'http' if spec.get('insecure') else 'https'}://{spec['endpoint']}/{place}"
    scope = Scope(str(spec.get("region") or _REGION), "s3")
    headers = sigv4.sign(Request("GET", url), keys, scope, context.services.clock.now())
    tls = await _tls(context, spec)
    answer = await exchange.send(context, Call("GET", url, _PATH, headers, tls=tls, cap=cap))
    exchange.require_success(answer, _PATH)
    return answer.body


async def _tls(context: FiringContext, spec: Mapping[str, Any]) -> ssl.SSLContext | None:
    reference = spec.get("caCertificate")
    if not reference:
        return None
    path = f"{_PATH}.caCertificate"
    authority = await credentials.required(context, reference, path)
    try:
        return await asyncio.to_thread(ssl.create_default_context, cadata=authority)
    except ssl.SSLError:
        raise TriggerFailed(f"{path}: is no PEM certificate", permanent=True) from None
