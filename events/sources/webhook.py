"""`webhook`: any HTTP request.

Payload `{header, body, metadata?}`: `body` is the JSON of a POST, the fields of a form (header
exactly `application/x-www-form-urlencoded`), or the query of a GET.
"""

from __future__ import annotations

from events.sources import http_body, http_message, webhook_endpoint
from events.sources.contract import ReadySignal, SourceContext
from events.sources.http_message import Request
from events.sources.webhook_endpoint import FORM, Refused

# The reference writes some texts twice; clients may compare them.
_TOO_LARGE = http_message.text(
    400, "failed to parse request body, http: request body too large" * 2
)
_GO_RAW = "json: error calling MarshalJSON for type *json.RawMessage: "


class Webhook:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint until cancelled."""
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> bytes:
            return webhook_endpoint.envelope(request, _body(request, body), extra, "header")

        block = webhook_endpoint.attached(
            context, context.spec, context.path, shape, check_method=True, too_large=_TOO_LARGE
        )
        await webhook_endpoint.serve_until_cancelled(block, ready)


def _body(request: Request, body: bytes) -> bytes:
    match request.method:
        case "GET":
            return http_body.marshal(http_body.lenient_query(request.query))
        case "POST" if request.header("Content-Type") == FORM:
            try:
                fields = http_body.form(body.decode("utf-8", "replace"))
                http_body.form(request.query)  # of no use, and checked by the reference
                return http_body.marshal(fields)
            except http_body.BadBody as error:
                raise Refused(500, f"{error}{error}") from None
        case "POST":
            try:
                return http_body.compact(body)
            except http_body.BadBody as error:
                raise Refused(400, f"{_GO_RAW}{error}") from None
        case _:
            raise Refused(400, f"unsupoorted method: {request.method}")
