"""HTTP templates: one request, made by the engine itself.

Source: Argo Workflows' agent (`executeHTTPTemplate`): without `successCondition` any 2xx
succeeds, with one the expression decides alone; the body is `outputs.result`; whatever keeps an
answer from coming is a failure. Connections keep to the egress policy.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from engine.core.phases import Phase
from engine.executors import fetching
from engine.executors.inprocess import Job, LeafFailed, Outcome
from engine.executors.lanes import Lanes
from kube import answer_body
from kube.cluster import Cluster
from kube.egress import Egress
from lang import expr_places

TIMEOUT = 30.0  # seconds, where the template names none
MOST_BODY = 1024 * 1024  # bytes of an answer; it becomes part of the workflow's status
REDIRECTS = 10
UNSENT = ("Content-Type", "User-Agent")


class HttpWorker:
    """See `Worker`."""

    failed_code: str | None = None

    def __init__(self, cluster: Cluster, egress: Egress, lanes: Lanes) -> None:
        self._cluster = cluster
        self._egress = egress
        self._lanes = lanes

    async def run(self, job: Job) -> Outcome:
        """Send the request and judge the answer."""
        spec: dict[str, Any] = job.leaf.template.get("http") or {}
        url, method = str(spec.get("url") or ""), str(spec.get("method") or "GET").upper()
        if not url.startswith(("http://", "https://")):
            raise LeafFailed(f"http.url: {url!r} must begin with http:// or https://")
        headers = await self._headers(job, spec)
        seconds = _seconds(spec)
        async with self._lanes.place(job.workflow):
            try:
                status, received, body = await self._sent(spec, method, url, headers, seconds)
            except TimeoutError:
                raise LeafFailed(f"{method} {url}: no answer in {seconds:g} seconds") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise LeafFailed(f"{method} {url}: {error}") from None
        return await self._judged(spec, headers, status, received, body)

    async def _headers(self, job: Job, spec: Mapping[str, Any]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for header in spec.get("headers") or ():
            source = (header.get("valueFrom") or {}).get("secretKeyRef")
            value = str(header.get("value") or "")
            if source:
                value = (await fetching.secret(self._cluster, job.namespace, source)).strip("\r\n")
            found.append((str(header.get("name") or ""), value))
        if not any(name.lower() == "idempotency-key" for name, _ in found):
            # A request that is sent again after a crash can be known again by its receiver.
            found.append(("Idempotency-Key", job.key))
        return found

    async def _sent(
        self,
        spec: Mapping[str, Any],
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        seconds: float,
    ) -> tuple[int, dict[str, list[str]], str]:
        verify: ssl.SSLContext | bool = not spec.get("insecureSkipVerify")
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with (
            aiohttp.ClientSession(
                connector=self._egress.connector(ssl=verify),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=timeout,
            ) as session,
            session.request(
                method,
                url,
                data=_body(spec),
                headers=headers,
                max_redirects=REDIRECTS,
                skip_auto_headers=UNSENT,
            ) as answer,
        ):
            try:
                body = await answer_body.whole(answer, MOST_BODY)
            except answer_body.TooLong as error:
                raise LeafFailed(f"{method} {url}: {error}") from None
            received: dict[str, list[str]] = {}
            for name, value in answer.headers.items():
                received.setdefault(_canonical(name), []).append(value)
            return answer.status, received, body.decode(errors="replace")

    async def _judged(
        self,
        spec: Mapping[str, Any],
        headers: list[tuple[str, str]],
        status: int,
        received: dict[str, list[str]],
        body: str,
    ) -> Outcome:
        condition = str(spec.get("successCondition") or "")
        if not condition:
            if 200 <= status < 300:
                return Outcome(Phase.SUCCEEDED, result=body)
            return Outcome(Phase.FAILED, f"received non-2xx response code: {status}", body)
        request = {
            "method": spec.get("method") or "GET",
            "url": spec.get("url"),
            "body": spec.get("body") or "",
            "headers": [{"name": name, "value": value} for name, value in headers],
        }
        response = {"StatusCode": status, "Body": body, "Headers": received}
        holds = await asyncio.to_thread(expr_places.http_success, condition, request, response)
        if holds:
            return Outcome(Phase.SUCCEEDED, result=body)
        return Outcome(Phase.FAILED, f"successCondition '{condition}' evaluated false", body)


def _seconds(spec: Mapping[str, Any]) -> float:
    given = spec.get("timeoutSeconds")
    try:
        return float(given) if given else TIMEOUT
    except (TypeError, ValueError):
        raise LeafFailed(f"http.timeoutSeconds: {given!r} is no number") from None


def _body(spec: Mapping[str, Any]) -> bytes | None:
    encoded = (spec.get("bodyFrom") or {}).get("bytes")
    if encoded:
        try:
            return base64.b64decode(str(encoded), validate=True)
        except binascii.Error:
            raise LeafFailed("http.bodyFrom.bytes: not base64") from None
    text = spec.get("body")
    return str(text).encode() if text else None


def _canonical(name: str) -> str:
    """A header's name as Go writes it."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
