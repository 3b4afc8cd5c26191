"""The ways in which the server says no, as `Status` bodies in Kubernetes' words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.schema import FieldError
from headrace.local.apiserver.schema import errors as schema_errors
from kube import errors
from kube.errors import KubeError

MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class NotAcceptable(KubeError):
    """406: no representation that the client accepts."""

    code, reason = 406, "NotAcceptable"


class UnsupportedMediaType(KubeError):
    """415: a body that is in no known format."""

    code, reason = 415, "UnsupportedMediaType"


class MethodNotAllowed(KubeError):
    """405."""

    code, reason = 405, "MethodNotAllowed"


def status(
    code: int, reason: str, message: str, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A failure Status."""
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if details is not None:
        body["details"] = details
    body["code"] = code
    return body


def raised(kind: type[KubeError], message: str, details: dict[str, Any] | None = None) -> KubeError:
    """An error of the given class with its Status."""
    return kind(message, body=status(kind.code, kind.reason, message, details))


def _details(kind: Kind, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    if kind.resource.group:
        found["group"] = kind.resource.group
    return {**found, "kind": kind.resource.plural}


def not_found(kind: Kind, name: str) -> KubeError:
    """No such object."""
    return raised(errors.NotFound, f'{kind.key} "{name}" not found', _details(kind, name))


def no_such_path() -> KubeError:
    """No such resource."""
    return raised(errors.NotFound, "the server could not find the requested resource", {})


def exists(kind: Kind, name: str) -> KubeError:
    """The name is taken."""
    message = f'{kind.key} "{name}" already exists'
    return raised(errors.AlreadyExists, message, _details(kind, name))


def conflict(kind: Kind, name: str, why: str = MODIFIED) -> KubeError:
    """The object is not in the state that the request assumed."""
    message = f'Operation cannot be fulfilled on {kind.key} "{name}": {why}'
    return raised(errors.Conflict, message, _details(kind, name))


def bad_request(message: str) -> KubeError:
    """The request makes no sense."""
    return raised(errors.BadRequest, message)


def forbidden(kind: Kind, name: str, why: str) -> KubeError:
    """Admission said no."""
    message = f'{kind.key} "{name}" is forbidden: {why}'
    return raised(errors.Forbidden, message, _details(kind, name))


def expired(message: str) -> KubeError:
    """Too old a version or token."""
    return raised(errors.Gone, message)


def other_kind(kind: Kind, name: str, written: str) -> KubeError:
    """The object of a custom resource says that it is of another kind."""
    named = replace(kind, resource=replace(kind.resource, kind=written))
    wrong = schema_errors.invalid("kind", written, f"must be {kind.resource.kind}")
    return invalid(named, name, [wrong])


def invalid(kind: Kind, name: str, found: Sequence[FieldError]) -> KubeError:
    """Validation refused the object; every finding is a cause."""
    r = kind.resource
    texts = [str(error) for error in found]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    qualified = f"{r.kind}.{r.group}" if r.group else r.kind
    details: dict[str, Any] = {"name": name} if name else {}
    if r.group:
        details["group"] = r.group
    details["kind"] = r.kind
    details["causes"] = [
        {"reason": str(e.type), "message": e.message, "field": e.path} for e in found
    ]
    return raised(errors.Invalid, f'{qualified} "{name}" is invalid: {listed}', details)
