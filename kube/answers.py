"""From HTTP answers to this house's errors: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from kube import errors
from kube.errors import KubeError

BY_REASON: dict[str, type[KubeError]] = {
    "AlreadyExists": errors.AlreadyExists,
    "Conflict": errors.Conflict,
    "Expired": errors.Gone,
    "Gone": errors.Gone,
    "Invalid": errors.Invalid,
    "NotFound": errors.NotFound,
    "Forbidden": errors.Forbidden,
    "Unauthorized": errors.Unauthorized,
    "BadRequest": errors.BadRequest,
}
BY_CODE: dict[int, type[KubeError]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.Gone,
    422: errors.Invalid,
}
SHOWN = 300  # characters of an answer that is no Status


def error_of(code: int, content: bytes, headers: Mapping[str, str]) -> KubeError:
    """The error for an answer with a status of 400 or more."""
    body = _status(content)
    text = content[:SHOWN].decode(errors="replace").strip()
    message = str(body.get("message") or text or f"HTTP {code}")
    if code == 429:
        after = retry_after(headers)
        return errors.TooManyRequests(message, body=body, retry_after=after)
    if code >= 500:
        return errors.Transient(message, body=body)
    kind = BY_REASON.get(str(body.get("reason"))) or BY_CODE.get(code) or errors.BadRequest
    return kind(message, body=body)


def event_error(status: Mapping[str, Any]) -> KubeError:
    """The error for an ERROR event of a watch."""
    code = int(status.get("code") or 500)
    return error_of(code, orjson.dumps(dict(status)), {})


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, None without a usable one."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _status(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
