"""A client of one AWS service for one event: signed requests, the role assumed when one is named.

Keys come from the Secrets the EventSource names, never from the process's own environment: every
EventSource of every namespace would act with them. Called by the sns and sqs sources.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp

from events.aws import sigv4
from events.aws.sigv4 import Keys, Request, Scope
from events.refusal import Refused
from events.secrets import Secrets
from kube import answer_body
from kube.clock import Clock

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z", re.ASCII)
_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_ROLE_SECONDS = 2700.0  # of the hour that assumed keys are good for
_CAP = 16 << 20  # bytes of an answer
_CODE = re.compile(r"<Code>\s*([^<\s]+)|\"__type\"\s*:\s*\"(?:[^\"#]*#)?([^\"]+)\"")
FORM = "application/x-www-form-urlencoded"


def region(text: str) -> bool:
    """Whether `text` is fit to be part of a host name."""
    return bool(_REGION.match(text))


def endpoint(service: str, where: str) -> str:
    """Where `service` listens; AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL overrule it."""
    for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if given := os.environ.get(name):
            return given.rstrip("/")
    domain = "amazonaws.com.cn" if where.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{where}.{domain}"


class AwsClient:
    """`spec` has `accessKey`, `secretKey`, `sessionToken`, `roleARN`, `region`, `endpoint`.

    Raises MissingValue, Refused, aiohttp.ClientError, TimeoutError.
    """

    def __init__(
        self,
        service: str,
        spec: Mapping[str, Any],
        secrets: tuple[Secrets, str, str],
        clock: Clock,
    ) -> None:
        """`secrets`: where they are, of which namespace, and the path of `spec`."""
        self._service = service
        self._spec = spec
        self._secrets, self._namespace, self._path = secrets
        self._clock = clock
        self._region = str(spec.get("region") or "")
        self._assumed: tuple[Keys, Keys, float] | None = None
        self.url = str(spec.get("endpoint") or endpoint(service, self._region)).rstrip("/") + "/"

    async def form(self, session: aiohttp.ClientSession, fields: Mapping[str, str]) -> str:
        """Send a call of the query protocol; the XML of the answer."""
        body = urlencode(sorted(fields.items())).encode()
        raw = await self.send(session, self.url, body, {"Content-Type": FORM})
        return raw.decode("utf-8", "replace")

    async def send(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
    ) -> bytes:
        """POST a signed request; the answer's body."""
        request = Request("POST", url, headers, body)
        scope = Scope(self._region, self._service)
        signed = sigv4.sign(request, await self.keys(session), scope, self._clock.now())
        return await _post(session, self._service, request, signed)

    async def keys(self, session: aiohttp.ClientSession) -> Keys:
        """The identity, as the Secrets say now."""
        own = Keys(
            await self._text("accessKey"),
            await self._text("secretKey"),
            await self._text("sessionToken") if self._spec.get("sessionToken") else "",
        )
        role = str(self._spec.get("roleARN") or "")
        if not role:
            return own
        if self._assumed is None or self._assumed[0] != own or time.monotonic() > self._assumed[2]:
            found = await self._assume(session, own, role)
            self._assumed = (own, found, time.monotonic() + _ROLE_SECONDS)
        return self._assumed[1]

    async def _text(self, field: str) -> str:
        reference = self._spec.get(field) or {}
        path = f"{self._path}.{field}"
        value = await self._secrets.value(self._namespace, reference, path)
        return value.decode("utf-8", "replace").strip()

    async def _assume(self, session: aiohttp.ClientSession, own: Keys, role: str) -> Keys:
        fields = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": f"headrace-{self._service}",
        }
        url = endpoint("sts", self._region) + "/"
        request = Request("POST", url, {"Content-Type": FORM}, urlencode(fields).encode())
        signed = sigv4.sign(request, own, Scope(self._region, "sts"), self._clock.now())
        text = (await _post(session, "sts", request, signed)).decode("utf-8", "replace")
        found = [re.search(rf"<{part}>\s*([^<\s]+)\s*</{part}>", text) for part in _PARTS]
        if None in found:
            raise Refused("sts", 200, "without keys")
        return Keys(*(each[1] for each in found if each))


async def _post(
    session: aiohttp.ClientSession, service: str, request: Request, headers: Mapping[str, str]
) -> bytes:
    async with session.post(
        request.url, data=request.body, headers=headers, allow_redirects=False
    ) as answer:
        try:
            raw = await answer_body.whole(answer, _CAP)
        except answer_body.TooLong:
            raise Refused(service, answer.status, "with more than 16 MiB") from None
        if answer.status != 200:
            code = _CODE.search(raw[:4096].decode("utf-8", "replace"))
            raise Refused(service, answer.status, (code[1] or code[2]) if code else "")
        return raw
