"""`github`: webhooks of GitHub and GitHub Enterprise.

The signature is checked on the raw bytes (HMAC SHA-256, or SHA-1 from old servers) before the
body is read as JSON. Payload `{headers, body, metadata?}`, with `X-GitHub-Event` and
`X-GitHub-Delivery` added to the body. With an API token and `webhook.url` the hook is registered.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

import orjson

from crds import decode
from crds.eventsource_http import GithubEventSource
from events.sources import github_hooks, hook_keeping, http_body, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request
from events.sources.webhook_endpoint import FORM, Refused
from lang import gojson
from lang.errors import LangError

_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
_HEX = frozenset("0123456789abcdefABCDEF")
_MEDIA_TYPE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?\Z")


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
            await hook_keeping.keep(context, ready, hooks, delete=spec.delete_hook_on_finish)


def _spec(context: SourceContext) -> GithubEventSource:
    spec, _ = decode.decode(dict(context.spec), GithubEventSource)
    if spec.content_type not in ("", "json", "form"):
        raise SourceError(f"{context.path}.contentType", "must be json or form")
    if bool(spec.github_base_url) != bool(spec.github_upload_url):
        raise SourceError(context.path, "githubBaseURL and githubUploadURL belong together")
    places = bool(spec.repositories) + bool(spec.organizations) + bool(spec.repository)
    if places == 0:
        raise SourceError(
            f"{context.path}.repositories", "repositories or organizations is required"
        )
    if spec.repositories and spec.organizations:
        raise SourceError(context.path, "repositories and organizations exclude each other")
    return spec


def _shape(context: SourceContext, request: Request, body: bytes, extra: bytes | None) -> bytes:
    text = _payload_text(request, body)
    if reference := context.spec.get("webhookSecret"):
        _verify(context, reference, request, body)
    names = {name: request.header(name.title()) for name in ("X-GitHub-Delivery", "X-GitHub-Event")}
    return webhook_endpoint.envelope(request, http_body.marshal(_object(text) | names), extra)


def _payload_text(request: Request, body: bytes) -> bytes:
    content_type = request.header("Content-Type").partition(";")[0].strip().lower()
    if not content_type:
        raise Refused(400, "mime: no media type")
    if not _MEDIA_TYPE.match(content_type):
        raise Refused(400, "mime: expected token after slash")
    if content_type == "application/json":
        return body
    if content_type == FORM:
        fields = http_body.form(body.decode("utf-8", "replace"))
        return fields.get("payload", [""])[0].encode()
    raise Refused(400, f'webhook request has unsupported Content-Type "{content_type}"')


def _verify(
    context: SourceContext, reference: Mapping[str, Any], request: Request, body: bytes
) -> None:
    """Raises Refused unless the signature on the raw body is right."""
    secret = context.services.secrets.cached(context.namespace, reference)
    key = (secret or b"").strip()
    if not key:
        raise Refused(503, "the webhook secret is not available")
    signature = request.header("X-Hub-Signature-256") or request.header("X-Hub-Signature")
    if not signature:
        raise Refused(400, "missing signature")
    kind, equals, digits = signature.partition("=")
    if not equals:
        raise Refused(400, f'error parsing signature "{signature}"')
    if kind not in _HASHES:
        raise Refused(400, f'unknown hash type prefix: "{kind}"')
    if (fault := _hex_fault(digits)) is not None:
        raise Refused(400, f'error decoding signature "{signature}": encoding/hex: {fault}')
    expected = hmac.new(key, body, _HASHES[kind]).digest()
    if not hmac.compare_digest(bytes.fromhex(digits), expected):
        raise Refused(400, "payload signature check failed")


def _hex_fault(digits: str) -> str | None:
    for char in digits:
        if char not in _HEX:
            return f"invalid byte: U+{ord(char):04X} '{char}'"
    return "odd length hex string" if len(digits) % 2 else None


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
    return value
