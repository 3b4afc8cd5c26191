"""What all webhook-like sources share: the endpoint of a WebhookContext.

Order of work: method and bearer token are decided on the head; the body is capped while it
streams; only then does the source verify and shape it. A 2xx is written after the bus said
durable; when it cannot, the sender gets 503 with Retry-After and will come again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crds import decode
from crds.errors import CrdError
from crds.eventsource_http import WebhookContext
from events import cloudevent, secrets
from events.bus.contract import BusError, BusFull, MessageTooLarge
from events.secrets import MissingValue
from events.sources import delivery, http_body, http_message, path_pattern, tls
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_gateway import EndpointConflict
from events.sources.http_message import Request, Response
from events.sources.http_protocol import Admission, Answering, Outcome
from kube import crashpoints

DEFAULT_CAP = 1 << 20
FORM_CAP = 10 << 20
FORM = "application/x-www-form-urlencoded"
SUCCESS = http_message.text(200, "success")
TOO_LARGE = http_message.text(400, "http: request body too large")
_FORM_TOO_LARGE = http_message.text(500, "http: POST too large" * 2)  # the reference says it twice
_MASK = ["*** Masked Auth Secret ***"]
_PORT = re.compile(r"[0-9]{1,5}\Z", re.ASCII)
_RETRY_AFTER = "2"


class Refused(Exception):
    """The request is not taken; `response` is what the sender gets."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        again = {"retry_after": _RETRY_AFTER} if status == 503 else {}
        self.response = http_message.text(status, body, **again)


@dataclass(frozen=True, slots=True)
class Named:
    """An event's data, and the name the sender gave it within its body: its identity. `content`:
    what tells it from others of the same delivery, the data when empty."""

    data: bytes
    name: str = ""
    content: bytes = b""


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
    """Serves one endpoint for one event. `too_large`: what the sender of too much hears; forms of
    the `webhook` type have a limit of their own."""

    def __init__(
        self,
        context: SourceContext,
        spec: EndpointSpec,
        shape: Shaper,
        too_large: Response = TOO_LARGE,
    ) -> None:
        self._context = context
        self._spec = spec
        self._shape = shape
        self._too_large = too_large

    def admit(self, request: Request) -> Admission | Response:
        """Bearer token, then method, from the head alone."""
        if (denied := self._unauthorized(request)) is not None:
            return denied
        spec = self._spec
        if spec.method is not None and request.method != spec.method:
            return http_message.text(400, "http method does not match")
        if spec.method is not None and request.header("Content-Type") == FORM:
            return Admission(max(spec.cap, FORM_CAP), self._handle, _FORM_TOO_LARGE)
        return Admission(spec.cap, self._handle, self._too_large)

    def _unauthorized(self, request: Request) -> Response | None:
        reference = self._spec.auth_secret
        if reference is None:
            return None
        header = request.header("Authorization")
        if not header.startswith("Bearer "):
            return http_message.text(401, "Invalid Authorization Header")
        secret = self._context.services.secrets.cached(self._context.namespace, reference)
        expected = (secret or b"").strip()
        if not expected:
            return Refused(503, "the auth token is not available").response
        if not hmac.compare_digest(header.removeprefix("Bearer ").encode(), expected):
            return http_message.text(401, "Invalid Auth token")
        return None

    def _handle(self, request: Request, body: bytes) -> Outcome:
        try:
            shaped = self._shape(request, body)
        except Refused as error:
            return error.response
        except http_body.BadBody as error:
            return http_message.text(400, str(error))
        if isinstance(shaped, bytes):
            return self._offer(request, shaped, delivery.identity(self._context, request, body))
        return self._publish_all(request, body, shaped)

    async def _publish_all(
        self, request: Request, body: bytes, shaped: Batch | Awaitable[Shaped]
    ) -> Response:
        """As `_handle`, for what takes more than one step."""
        try:
            found = shaped if isinstance(shaped, Batch) else await shaped
        except Refused as error:
            return error.response
        except http_body.BadBody as error:
            return http_message.text(400, str(error))
        if isinstance(found, bytes):
            return await self._publish(
                request, found, delivery.identity(self._context, request, body)
            )
        for event in found.events:
            name = event.name and self._named(event.name)
            if not name:
                name = delivery.identity(self._context, request, event.content or event.data)
            answer = await self._publish(request, event.data, name)
            if answer is not SUCCESS:
                return answer
        return found.answer

    def _named(self, name: str) -> str:
        context = self._context
        return cloudevent.stable_id(context.namespace, context.source, context.event, name)

    def _offer(self, request: Request, data: bytes, name: str) -> Outcome:
        """Emit `data` without a task for it, where the bus can; the hot path."""
        crashpoints.reached("source.received")
        try:
            sent = self._context.offer(data, name, request.header("Traceparent"))
        except BusError as error:
            return _refusal(error)
        if sent is None:
            return SUCCESS
        if isinstance(sent, asyncio.Future):
            return Answering(sent, _answer)
        return _published(sent)

    async def _publish(self, request: Request, data: bytes, name: str) -> Response:
        """Emit `data`; the answer says whether it is safe."""
        sent = self._offer(request, data, name)
        if isinstance(sent, Response):
            return sent
        return await _published(sent.done if isinstance(sent, Answering) else sent)


async def _published(sent: Awaitable[Any]) -> Response:
    try:
        answer = await sent
    except BusError as error:
        return _refusal(error)
    crashpoints.reached("source.published")
    return answer if isinstance(answer, Response) else SUCCESS


def _answer(sent: asyncio.Future[Any]) -> Response:
    """What the sender hears of an event that is durable, or could not be made so."""
    error = sent.exception()
    if error is None:
        crashpoints.reached("source.published")
        return SUCCESS
    if isinstance(error, BusError):
        return _refusal(error)
    raise error


def _refusal(error: BusError) -> Response:
    match error:
        case MessageTooLarge():
            return http_message.text(413, "event is larger than the bus accepts")
        case BusFull():
            return http_message.text(503, "the event bus is full", retry_after="10")
        case _:
            return http_message.text(503, "failed to record event", retry_after=_RETRY_AFTER)


def key(context: SourceContext, field: str) -> bytes | None:
    """What the Secret in `field` of the spec holds now, to check a signature with; None without
    such a field. Raises Refused when it is gone or empty: no check is no answer to that."""
    reference = context.spec.get(field)
    if reference is None:
        return None
    found = secrets.key(context.services.secrets.cached(context.namespace, reference))
    if not found:
        raise Refused(503, f"the {field} is not available")
    return found


def headers(request: Request) -> dict[str, list[str]]:
    """The headers as they go into the payload: credentials masked, sorted by name."""
    fields = dict(request.headers)
    if any(fields.get("Authorization", ())):
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
        too_large: Response = TOO_LARGE,
    ) -> None:
        self._context = context
        self._webhook = webhook
        self._path = path
        self._spec = parse(webhook, path, check_method=check_method)
        self._shape = shape
        self._too_large = too_large

    async def __aenter__(self) -> None:
        context, spec = self._context, self._spec
        store, gateway = context.services.secrets, context.services.gateway
        for reference in _references(context.spec):
            store.keep(self, context.namespace, reference)
        certificate = tls.Certificate(store, context.namespace, self._webhook, self._path)
        try:
            await self._check_token()
            server_tls = await certificate.context()
        except MissingValue as error:
            raise SourceError("", str(error), "MissingSecret") from None
        endpoint = WebhookEndpoint(context, spec, self._shape, self._too_large)
        try:
            self._attachment = await gateway.attach(
                spec.port, spec.path, context.owner, endpoint, server_tls
            )
        except EndpointConflict as error:
            raise SourceError(f"{self._path}.port", str(error), "Conflict") from None
        if server_tls is not None:
            # As long as the listener lives, which may be longer than this endpoint.
            gateway.spawn(certificate.keep_fresh(weakref.ref(server_tls)), "certificate")

    async def _check_token(self) -> None:
        reference, path = self._spec.auth_secret, f"{self._path}.authSecret"
        if reference is None:
            return
        store = self._context.services.secrets
        if not (await store.value(self._context.namespace, reference, path)).strip():
            raise MissingValue(path, "is empty")

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.shield(self._context.services.gateway.detach(self._attachment))


def _references(spec: Any) -> Iterator[Mapping[str, Any]]:
    """Every selector of a Secret in `spec`."""
    if not isinstance(spec, Mapping):
        return
    if {"name", "key"} <= spec.keys() <= {"name", "key", "optional"}:
        yield spec
    for value in spec.values():
        yield from _references(value)


async def serve_until_cancelled(block: attached, ready: ReadySignal) -> None:
    """Serve `block` and nothing else."""
    async with block:
        ready()
        await asyncio.Event().wait()
