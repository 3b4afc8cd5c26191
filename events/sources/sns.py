"""`sns`: notifications of an Amazon SNS topic, received over HTTP.

The endpoint is subscribed at the start and confirms itself. Payload `{header, body, metadata?}`.
With `validateSignature` a message must be signed by Amazon and of this topic: anybody may have
topics of his own. The subscription stays when the event ends, so that SNS keeps what it could not
deliver meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from crds import decode
from crds.eventsource_http import SNSEventSource
from events.aws import client as aws
from events.aws.client import AwsClient
from events.refusal import Refused as AwsRefused
from events.secrets import MissingValue
from events.sources import hook_keeping, http_body, sns_signature, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_message import Request, Response
from events.sources.sns_signature import BadSignature, CertificateUnavailable, Verifier
from events.sources.webhook_endpoint import Batch, Named, Refused
from lang import gojson
from lang import yaml as yaml_text
from lang.errors import LangError

_VERSION = "2010-03-31"
_QUIET = Response(200, content_type="")
_GO_TYPE = "into Go value of type awssns.httpNotification"
_GO_RAW = "json: error calling MarshalJSON for type *json.RawMessage: "
# The reference finds members in any case.
_MEMBERS = {name.lower(): name for name in (*sns_signature.MEMBERS, "Signature", "SigningCertURL")}
_FAULTS = (MissingValue, AwsRefused, aiohttp.ClientError, TimeoutError)
_ARN = re.compile(r"<SubscriptionArn>\s*([^<]+?)\s*</SubscriptionArn>")


class Sns:
    """See `Source`. `verifier`: who checks signatures."""

    def __init__(self, verifier: Verifier | None = None) -> None:
        self._verifier = verifier or Verifier()

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, subscribe it, until cancelled."""
        spec = _spec(context)
        await hook_keeping.require(context, "accessKey", "secretKey")
        services = context.services
        where = (services.secrets, context.namespace, context.path)
        topic = Topic(AwsClient("sns", context.spec, where, services.clock), spec)
        extra = webhook_endpoint.metadata(context.spec)

        async def shape(request: Request, body: bytes) -> Batch:
            if request.header("X-Amz-Sns-Rawdelivery").lower() == "true":
                # Without its envelope a message has no id, no topic and no signature.
                raise Refused(400, "raw message delivery is not served: turn it off")
            message = _message(body)
            if spec.validate_signature:
                await self._verify(message, spec.topic_arn)
            if message.get("Type") == "Notification":
                return Batch([_event(request, body, message, extra)])
            if message.get("Type") == "SubscriptionConfirmation":
                await topic.confirm(str(message.get("Token") or ""))
            return Batch([], _QUIET)

        webhook = context.spec.get("webhook") or {}
        async with webhook_endpoint.attached(context, webhook, f"{context.path}.webhook", shape):
            ready()
            await hook_keeping.keep(context, ready, topic)

    async def _verify(self, message: dict[str, Any], topic: str) -> None:
        try:
            await self._verifier.verify(message)
        except BadSignature as error:
            raise Refused(400, str(error)) from None
        except CertificateUnavailable as error:
            raise Refused(503, str(error)) from None
        if message.get("TopicArn") != topic:
            raise Refused(400, "the message is of another topic")


def _spec(context: SourceContext) -> SNSEventSource:
    spec, _ = decode.decode(dict(context.spec), SNSEventSource)
    required = {
        "topicArn": spec.topic_arn,
        "region": spec.region,
        "accessKey": spec.access_key,
        "secretKey": spec.secret_key,
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
    if not aws.region(spec.region):
        raise SourceError(f"{context.path}.region", f"{spec.region!r} is no region")
    if spec.webhook is None or not spec.webhook.url:
        raise SourceError(f"{context.path}.webhook.url", "is required to subscribe")
    return spec


def _message(body: bytes) -> dict[str, Any]:
    """The message, which the reference reads as YAML. Raises Refused."""
    failed = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal"
    try:
        value: Any = msgspec.json.decode(http_body.whole_pairs(body))
    except msgspec.MsgspecError:
        try:
            documents = yaml_text.load_all(body.decode("utf-8", "replace"))
        except LangError as error:
            raise Refused(400, f"error converting YAML to JSON: {error.message}") from None
        value = documents[0].value if documents else None
    if value is None:
        raise Refused(400, "bad request, not a valid SNS notification")
    if not isinstance(value, dict):
        raise Refused(400, f"{failed} {gojson.type_name(value)} {_GO_TYPE}")
    return {_MEMBERS.get(str(name).lower(), str(name)): value for name, value in value.items()}


def _event(request: Request, body: bytes, message: dict[str, Any], extra: bytes | None) -> Named:
    try:
        text = http_body.compact(body)
    except http_body.BadBody as error:
        raise Refused(400, f"{_GO_RAW}{error}") from None
    # The content counts too: without a checked signature a name alone may be somebody else's.
    name = message.get("MessageId")
    identity = f"{name}:{hashlib.sha256(body).hexdigest()}" if name else ""
    return Named(webhook_endpoint.envelope(request, text, extra, "header"), identity)


class Topic:
    """The subscription of one `sns` event; see `hook_keeping.Hooks`. SNS knows an endpoint that
    is subscribed already."""

    def __init__(self, client: AwsClient, spec: SNSEventSource) -> None:
        self._client = client
        self._spec = spec
        self._url = hook_keeping.url(spec.webhook)
        self._arn = ""

    def places(self) -> list[str]:
        """The topic."""
        return [self._spec.topic_arn]

    async def ensure(self, place: str) -> None:
        """Subscribe, once per start."""
        if self._arn:
            return
        fields = {
            "Action": "Subscribe",
            "Endpoint": self._url,
            "Protocol": "https" if self._url.startswith("https://") else "http",
            "TopicArn": place,
            "Version": _VERSION,
        }
        self._arn = await self._call(fields)

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """The subscription stays; see the module."""
        return []

    async def remove(self, place: str) -> None:
        """The subscription stays; see the module."""

    async def confirm(self, token: str) -> None:
        """Say that the subscription is wanted; only for our topic. Raises Refused."""
        fields = {
            "Action": "ConfirmSubscription",
            "Token": token,
            "TopicArn": self._spec.topic_arn,
            "Version": _VERSION,
        }
        try:
            self._arn = await self._call(fields)
        except _FAULTS as error:
            raise Refused(400, str(error) or type(error).__name__) from None

    async def _call(self, fields: dict[str, str]) -> str:
        async with aiohttp.ClientSession(timeout=hook_keeping.TIMEOUT) as session:
            text = await self._client.form(session, fields)
        found = _ARN.search(text)
        return found[1] if found else "subscribed"
