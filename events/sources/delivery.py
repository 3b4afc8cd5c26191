"""What an HTTP delivery is called: the id of its event.

The sender's own name for it where there is one, bound to the content, so that a delivery sent again
is the same event and nobody hides one by its name; else content and arrival. Called by
`webhook_endpoint`; names within a body are the sources' own business.
"""

from __future__ import annotations

from events import cloudevent
from events.sources.contract import SourceContext
from events.sources.http_message import Request

_HEADERS = {
    "github": ("X-Github-Delivery",),
    # The event's own name is shared by what recursive hooks set off.
    "gitlab": ("Idempotency-Key", "X-Gitlab-Event-Uuid"),
    "bitbucket": ("X-Request-Uuid",),
    "bitbucketserver": ("X-Request-Id",),
    "webhook": (
        "X-Github-Delivery",
        "X-Gitlab-Event-Uuid",
        "X-Request-Uuid",
        "Webhook-Id",
        "Idempotency-Key",
        "Ce-Id",
        "X-Amz-Sns-Message-Id",
    ),
}


def identity(context: SourceContext, request: Request, body: bytes) -> str:
    """The event's id. Bound to the content too: a reused delivery name cannot hide an event."""
    place = (context.namespace, context.source, context.event)
    if context.kind == "webhook" and request.method == "GET":
        body = request.query.encode()  # which is what becomes the event
    for name in _HEADERS.get(context.kind, ()):
        if delivery := request.header(name):
            sender = request.header("Ce-Source") if name == "Ce-Id" else ""
            return cloudevent.stable_id(*place, name, sender, delivery, body)
    if b'"sequencer"' in body and b'"s3"' in body:
        return cloudevent.stable_id(*place, body)  # S3 notifications number themselves
    if context.kind == "gerrit" and b'"eventCreatedOn"' in body:
        return cloudevent.stable_id(*place, body)  # the only mark of an event sent again
    return cloudevent.arrival_id(*place, body)
