"""Who an AWS trigger is: keys from Secrets, or a role those keys may assume.

Keys of the process's own environment are not used: every Sensor of every namespace would act
with them. Called by `aws_lambda` and the s3 source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from events.aws import sigv4
from events.aws.sigv4 import Keys, Scope
from events.triggers import credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z", re.ASCII)
_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")


def region(text: str, path: str) -> str:
    """`text` when it is fit to be part of a host name. Raises TriggerFailed."""
    if not _REGION.match(text):
        raise TriggerFailed(f"{path}.region: {text!r} is no region", permanent=True)
    return text


def endpoint(service: str, where: str) -> str:
    """Where `service` listens; AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL overrule it."""
    for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if given := os.environ.get(name):
            return given.rstrip("/")
    domain = "amazonaws.com.cn" if where.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{where}.{domain}"


async def keys(context: FiringContext, spec: Mapping[str, Any], path: str) -> Keys:
    """The identity that `accessKey`, `secretKey` and `roleARN` say.

    Raises TriggerFailed, MissingValue.
    """
    own = Keys(
        await credentials.required(context, spec.get("accessKey"), f"{path}.accessKey"),
        await credentials.required(context, spec.get("secretKey"), f"{path}.secretKey"),
    )
    role = str(spec.get("roleARN") or "")
    return await _assumed(context, own, role, region(str(spec["region"]), path)) if role else own


async def _assumed(context: FiringContext, own: Keys, role: str, where: str) -> Keys:
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": f"headrace-{context.key[:16]}",
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = sigv4.Request("POST", endpoint("sts", where) + "/", headers, urlencode(form).encode())
    signed = sigv4.sign(request, own, Scope(where, "sts"), context.services.clock.now())
    call = Call("POST", request.url, "roleARN", signed, request.body)
    answer = await exchange.send(context, call)
    exchange.require_success(answer, "roleARN")
    text = answer.body.decode("utf-8", "replace")
    found = [re.search(rf"<{part}>\s*([^<\s]+)\s*</{part}>", text) for part in _PARTS]
    if None in found:
        raise TriggerFailed("roleARN: the answer holds no keys")
    return Keys(*(each[1] for each in found if each))
