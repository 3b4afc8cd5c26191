"""`github`: webhooks of GitHub and GitHub Enterprise.

The signature is checked on the raw bytes (HMAC SHA-256, or SHA-1 from old servers) before the
body is read as JSON. Payload `{headers, body, metadata?}`, with `X-GitHub-Event` and
`X-GitHub-Delivery` added to the body. With an API token and `webhook.url` the hook is registered.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
from typing import Any

import orjson
import re2

from crds import decode
from crds.eventsource_http import GithubEventSource
from events.sources import (
    github_hooks,
    hexadecimal,
    hook_keeping,
    http_body,
    media_type,
    webhook_endpoint,
)
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import FORM, Refused
from lang import gojson, strconv
from lang.errors import LangError

_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_FLOAT = re2.compile(rb"[:\[,]\s*-?[0-9]+[.eE]")  # in strings too, which only costs time


class Github:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, keep the hooks, until cancelled."""
        spec = _spec(context)
        await hook_keeping.require(context, "webhookSecret", "apiToken")
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> bytes:
            return _shape(context, request, body, extra)

        webhook = context.spec.get("webhook") or {}
        path = f"{context.path}.webhook"
        async with webhook_endpoint.attached(context, webhook, path, shape):
            ready()
            if spec.api_token is None and spec.github_app is None:
                await asyncio.Event().wait()
            url = hook_keeping.url(spec.webhook)
            if not url:
                ready("no webhook.url: the hook is not registered at GitHub")
                await asyncio.Event().wait()
            hooks = github_hooks.Hooks(context, spec, url)
            delete = spec.delete_hook_on_finish
            await hook_keeping.keep(context, ready, hooks, delete=delete, signed_by="webhookSecret")


def _spec(context: SourceContext) -> GithubEventSource:
    spec, _ = decode.decode(dict(context.spec), GithubEventSource)
    if spec.content_type not in ("", "json", "form"):
        raise SourceError(f"{context.path}.contentType", "must be json or form")
    if bool(spec.github_base_url) != bool(spec.github_upload_url):
        raise SourceError(context.path, "githubBaseURL and githubUploadURL belong together")
    owned = bool(spec.repositories or (spec.owner and spec.repository))
    if not owned and not spec.organizations:
        raise SourceError(
            f"{context.path}.repositories", "repositories or organizations is required"
        )
    if owned and spec.organizations:
        raise SourceError(context.path, "repositories and organizations exclude each other")
    has_key = spec.api_token is not None or spec.github_app is not None
    if has_key and hook_keeping.url(spec.webhook) and not spec.events:
        raise SourceError(f"{context.path}.events", "is required to register the hook")
    return spec


def _shape(context: SourceContext, request: Request, body: bytes, extra: bytes | None) -> bytes:
    text = _payload_text(request, body)
    if (key := webhook_endpoint.key(context, "webhookSecret")) is not None:
        _verify(key, request, body)
    names = {name: request.header(name.title()) for name in ("X-GitHub-Delivery", "X-GitHub-Event")}
    return webhook_endpoint.envelope(request, http_body.marshal(_object(text) | names), extra)


def _payload_text(request: Request, body: bytes) -> bytes:
    try:
        content_type = media_type.parse(request.header("Content-Type"))
    except media_type.BadMediaType as error:
        raise Refused(400, str(error)) from None
    if content_type == "application/json":
        return body
    if content_type == FORM:
        fields = http_body.form(body.decode("utf-8", "replace"))
        return fields.get("payload", [""])[0].encode()
    raise Refused(400, f'webhook request has unsupported Content-Type "{content_type}"')


def _verify(key: bytes, request: Request, body: bytes) -> None:
    """Raises Refused unless the signature on the raw body is right."""
    signature = request.header("X-Hub-Signature-256") or request.header("X-Hub-Signature")
    if not signature:
        raise Refused(400, "missing signature")
    kind, equals, digits = signature.partition("=")
    if not equals:
        raise Refused(400, f"error parsing signature {strconv.quote(signature)}")
    if kind not in _HASHES:
        raise Refused(400, f"unknown hash type prefix: {strconv.quote(kind)}")
    try:
        given = hexadecimal.decode(digits)
    except hexadecimal.BadHex as error:
        shown = strconv.quote(signature)
        raise Refused(400, f"error decoding signature {shown}: {error}") from None
    if not hmac.compare_digest(given, hmac.new(key, body, _HASHES[kind]).digest()):
        raise Refused(400, "payload signature check failed")


def _object(text: bytes) -> dict[str, Any]:
    """The JSON object in `text`. Raises Refused with the reference's words."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = gojson.parse(text.decode("utf-8", "replace"))
        except LangError as error:
            raise Refused(400, error.message) from None
    if not isinstance(value, dict):
        kind = gojson.type_name(value)
        raise Refused(
            400, f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    try:
        return {k: _printed(v) for k, v in value.items()} if _FLOAT.search(text) else value
    except RecursionError:
        raise Refused(400, "exceeded max depth") from None


def _printed(value: Any) -> Any:
    """`value` with its floats as Go prints them: `1.0` is `1`. Integers keep their digits."""
    match value:
        case float() if math.isinf(value):
            shown = getattr(value, "text", "")
            kind = "Go value of type float64"
            raise Refused(400, f"json: cannot unmarshal number {shown} into {kind}")
        case float():
            return gojson.RawFloat(strconv.format_float_json(value))
        case list():
            return [_printed(item) for item in value]
        case dict():
            return {key: _printed(item) for key, item in value.items()}
        case _:
            return value
