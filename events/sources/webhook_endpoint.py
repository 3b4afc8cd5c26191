"""What all webhook-like sources share: the endpoint of a WebhookContext.

Order of work: method and bearer token are decided on the head; the body is capped while it
streams; only then does the source verify and shape it. A 2xx is written after the bus said
durable; when it cannot, the sender gets 503 with Retry-After and will come again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crds import decode
from crds.errors import CrdError
from crds.eventsource_http import WebhookContext
from events import cloudevent
from events.bus.contract import BusError, BusFull, MessageTooLarge
from events.secrets import MissingValue
from events.sources import http_body, http_message, path_pattern, tls
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_gateway import EndpointConflict
from events.sources.http_message import Request, Response
from events.sources.http_protocol import Admission
from kube import crashpoints

DEFAULT_CAP = 1 << 20
FORM_CAP = 10 << 20
FORM = "application/x-www-form-urlencoded"
SUCCESS = http_message.text(200, "success")
TOO_LARGE = http_message.text(400, "http: request body too large")
_MASK = ["*** Masked Auth Secret ***"]
_PORT = re.compile(r"[0-9]{1,5}\Z", re.ASCII)
_RETRY_AFTER = "2"
# Names a sender gives one delivery; the same name and content again is the same event.
_DELIVERY_HEADERS = (
    "X-Github-Delivery",
    "X-Gitlab-Event-Uuid",
    "X-Request-Uuid",
    "Webhook-Id",
    "Idempotency-Key",
    "Ce-Id",
    "X-Amz-Sns-Message-Id",
)


class Refused(Exception):
    """The request is not taken; `response` is what the sender gets."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.response = http_message.text(status, body)


@dataclass(frozen=True, slots=True)
class Named:
    """An event's data, and the name the sender gave it within its body: its identity."""

    data: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Any number of events in one request, and what the sender hears when all are durable."""

    events: Sequence[Named]
    answer: Response = SUCCESS


Shaped = bytes | Batch
Shaper = Callable[[Request, bytes], Shaped | Awaitable[Shaped]]
"""Verifies a request and gives the event's data as JSON text, or a Batch. Raises Refused."""


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """A checked WebhookContext. `method` empty: any."""

    port: int
    path: str
    method: str | None
    cap: int
    auth_secret: Mapping[str, Any] | None


def parse(spec: Mapping[str, Any] | None, path: str, *, check_method: bool) -> EndpointSpec:
    """The endpoint in `spec` (a WebhookContext). Raises SourceError with the field's path."""
    if not spec:
        raise SourceError(path, "is required")
    try:
        context, _ = decode.decode(dict(spec), WebhookContext)
    except CrdError as error:
        raise SourceError(f"{path}.{error.path}", error.message) from None
    if not _PORT.match(context.port):
        raise SourceError(f"{path}.port", f"{context.port!r} is no port number")
    if not context.endpoint:
        raise SourceError(f"{path}.endpoint", "is required")
    try:
        path_pattern.compile_path(context.endpoint)
    except path_pattern.BadPattern as error:
        raise SourceError(f"{path}.endpoint", str(error)) from None
    cap = context.max_payload_size
    if cap is not None and cap < 0:
        raise SourceError(f"{path}.maxPayloadSize", "is negative")
    return EndpointSpec(
        int(context.port),
        context.endpoint,
        context.method if check_method else None,
        cap or DEFAULT_CAP,
        context.auth_secret,
    )


class WebhookEndpoint:
    """Serves one endpoint for one event. `form_cap`: forms have a limit of their own."""

    def __init__(self, context: SourceContext, spec: EndpointSpec, shape: Shaper) -> None:
        self._context = context
        self._spec = spec
        self._shape = shape

    def admit(self, request: Request) -> Admission | Response:
        """Bearer token, then method, from the head alone."""
        if (denied := self._unauthorized(request)) is not None:
            return denied
        spec = self._spec
        if spec.method is not None and request.method != spec.method:
            return http_message.text(400, "http method does not match")
        is_form = spec.method is not None and request.header("Content-Type") == FORM
        cap = max(spec.cap, FORM_CAP) if is_form else spec.cap
        return Admission(cap, self._handle, TOO_LARGE)

    def _unauthorized(self, request: Request) -> Response | None:
        reference = self._spec.auth_secret
        if reference is None:
            return None
        header = request.header("Authorization")
        if not header.startswith("Bearer "):
            return http_message.text(401, "Invalid Authorization Header")
        secret = self._context.services.secrets.cached(self._context.namespace, reference)
        expected = (secret or b"").strip()
        given = header.removeprefix("Bearer ").encode()
        if not expected or not hmac.compare_digest(given, expected):
            return http_message.text(401, "Invalid Auth token")
        return None

    async def _handle(self, request: Request, body: bytes) -> Response:
        try:
            shaped = self._shape(request, body)
            if not isinstance(shaped, bytes | Batch):
                shaped = await shaped
        except Refused as error:
            return error.response
        except http_body.BadBody as error:
            return http_message.text(400, str(error))
        if isinstance(shaped, bytes):
            return await self._publish(request, shaped, identity(self._context, request, body))
        for event in shaped.events:
            name = event.name and self._named(event.name)
            answer = await self._publish(
                request, event.data, name or identity(self._context, request, event.data)
            )
            if answer is not SUCCESS:
                return answer
        return shaped.answer

    def _named(self, name: str) -> str:
        context = self._context
        return cloudevent.stable_id(context.namespace, context.source, context.event, name)

    async def _publish(self, request: Request, data: bytes, name: str) -> Response:
        """Emit `data`; the answer says whether it is safe."""
        context = self._context
        crashpoints.reached("source.received")
        try:
            await context.emit(data, name, request.header("Traceparent"))
        except MessageTooLarge:
            return http_message.text(413, "event is larger than the bus accepts")
        except BusFull:
            return http_message.text(503, "the event bus is full", retry_after="10")
        except BusError:
            return http_message.text(503, "failed to record event", retry_after=_RETRY_AFTER)
        crashpoints.reached("source.published")
        return SUCCESS


def identity(context: SourceContext, request: Request, body: bytes) -> str:
    """The event's id. Bound to the content too: a reused delivery name cannot hide an event."""
    place = (context.namespace, context.source, context.event)
    for name in _DELIVERY_HEADERS:
        if delivery := request.header(name):
            return cloudevent.stable_id(*place, name, delivery, body)
    if b'"sequencer"' in body and b'"s3"' in body:
        return cloudevent.stable_id(*place, body)  # S3 notifications number themselves
    if context.kind == "gerrit" and b'"eventCreatedOn"' in body:
        return cloudevent.stable_id(*place, body)  # the only mark of an event sent again
    return cloudevent.arrival_id(*place, body)


def headers(request: Request) -> dict[str, list[str]]:
    """The headers as they go into the payload: credentials masked, sorted by name."""
    fields = dict(request.headers)
    if "Authorization" in fields:
        fields["Authorization"] = _MASK
    return fields


def payload(parts: Mapping[str, bytes | None]) -> bytes:
    """An object of JSON texts in the order given; None members are left out."""
    members = (b'"%b":%b' % (k.encode(), v) for k, v in parts.items() if v is not None)
    return b"{%b}" % b",".join(members)


def envelope(request: Request, body: bytes, extra: bytes | None, name: str = "headers") -> bytes:
    """`{headers, body, metadata?}` around a body that is JSON text; `name` is that of the first."""
    return payload({name: http_body.marshal(headers(request)), "body": body, "metadata": extra})


def metadata(spec: Mapping[str, Any]) -> bytes | None:
    """`metadata` of the source as JSON text, None when empty."""
    return http_body.marshal(spec["metadata"]) if spec.get("metadata") else None


class attached:
    """`async with attached(...)`: the endpoint is served inside the block."""

    def __init__(
        self,
        context: SourceContext,
        webhook: Mapping[str, Any],
        path: str,
        shape: Shaper,
        *,
        check_method: bool = False,
    ) -> None:
        self._context = context
        self._webhook = webhook
        self._path = path
        self._spec = parse(webhook, path, check_method=check_method)
        self._shape = shape

    async def __aenter__(self) -> None:
        context, spec = self._context, self._spec
        secrets = context.services.secrets
        try:
            if spec.auth_secret is not None:
                await secrets.value(context.namespace, spec.auth_secret, f"{self._path}.authSecret")
            server_tls = await tls.server_context(
                secrets, context.namespace, self._webhook, self._path
            )
        except MissingValue as error:
            raise SourceError("", str(error), "MissingSecret") from None
        try:
            self._attachment = await context.services.gateway.attach(
                spec.port,
                spec.path,
                context.owner,
                WebhookEndpoint(context, spec, self._shape),
                server_tls,
            )
        except EndpointConflict as error:
            raise SourceError(f"{self._path}.port", str(error), "Conflict") from None

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.shield(self._context.services.gateway.detach(self._attachment))


async def serve_until_cancelled(block: attached, ready: ReadySignal) -> None:
    """Serve `block` and nothing else."""
    async with block:
        ready()
        await asyncio.Event().wait()
