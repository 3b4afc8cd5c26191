"""What a Kubernetes API may answer, named for the decision a caller takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class KubeError(Exception):
    """Root of everything this house raises.

    `code` is the HTTP status (0 when there was no answer), `reason` the API's reason word,
    `body` the `Status` object when there was one.
    """

    code = 0
    reason = "Unknown"

    def __init__(self, message: str, *, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.body = body


class BadRequest(KubeError):
    """400: the request itself is malformed; retrying is pointless."""

    code, reason = 400, "BadRequest"


class Unauthorized(KubeError):
    """401: no or stale credentials."""

    code, reason = 401, "Unauthorized"


class Forbidden(KubeError):
    """403: RBAC, quota or admission said no. Quota messages start with `exceeded quota`."""

    code, reason = 403, "Forbidden"


class NotFound(KubeError):
    """404: no such object, or no such resource."""

    code, reason = 404, "NotFound"


class AlreadyExists(KubeError):
    """409 on create: the name is taken."""

    code, reason = 409, "AlreadyExists"


class Conflict(KubeError):
    """409 on write: the object changed since it was read; read again and retry."""

    code, reason = 409, "Conflict"


class Gone(KubeError):
    """410: the resourceVersion or continue token is too old; list again."""

    code, reason = 410, "Expired"


class Invalid(KubeError):
    """422: validation refused the object; `body.details.causes` holds field paths."""

    code, reason = 422, "Invalid"


class TooManyRequests(KubeError):
    """429 after the client's own retries were exhausted; `retry_after` in seconds if told."""

    code, reason = 429, "TooManyRequests"

    def __init__(
        self,
        message: str,
        *,
        body: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, body=body)
        self.retry_after = retry_after


class Transient(KubeError):
    """5xx, a broken connection or a timeout. A write may have taken place: read before retrying."""

    code, reason = 500, "InternalError"
