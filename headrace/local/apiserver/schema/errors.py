"""Findings about an object, worded as Kubernetes words them.

`path` and `message` are what a Status's `causes` hold; `type` is the cause's `reason`. The path
`<nil>` is Kubernetes' name for "the object as a whole" in some findings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lang import strconv

NIL = "<nil>"


class ErrorType(StrEnum):
    """The reason words of causes."""

    REQUIRED = "FieldValueRequired"
    DUPLICATE = "FieldValueDuplicate"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    TYPE_INVALID = "FieldValueTypeInvalid"


BLOCKING = frozenset(
    {
        ErrorType.REQUIRED,
        ErrorType.NOT_SUPPORTED,
        ErrorType.TOO_LONG,
        ErrorType.TOO_MANY,
        ErrorType.TYPE_INVALID,
    }
)
"""With one of these, CEL rules are not run."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One finding; `str()` is its part of the Status message."""

    path: str
    type: ErrorType
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def required(path: str, detail: str = "") -> FieldError:
    """A field that must be there is not."""
    message = f"Required value: {detail}" if detail else "Required value"
    return FieldError(path or NIL, ErrorType.REQUIRED, message)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    """A value that its field does not take."""
    return FieldError(path or NIL, ErrorType.INVALID, f"Invalid value: {shown(value)}: {detail}")


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    """A value of another type."""
    message = f"Invalid value: {shown(value)}: {detail}"
    return FieldError(path or NIL, ErrorType.TYPE_INVALID, message)


def not_supported(path: str, value: Any, supported: list[Any]) -> FieldError:
    """A value that is not one of the words."""
    words = ", ".join(shown(word) for word in supported)
    message = f"Unsupported value: {shown(value)}: supported values: {words}"
    return FieldError(path or NIL, ErrorType.NOT_SUPPORTED, message)


def too_long(path: str, limit: int) -> FieldError:
    """A text that is too long."""
    unit = "byte" if limit == 1 else "bytes"
    message = f"Too long: may not be more than {limit} {unit}"
    return FieldError(path or NIL, ErrorType.TOO_LONG, message)


def too_many(path: str, actual: int, limit: int) -> FieldError:
    """A list or map with too many entries."""
    unit = "item" if limit == 1 else "items"
    message = f"Too many: {actual}: must have at most {limit} {unit}"
    return FieldError(path or NIL, ErrorType.TOO_MANY, message)


def duplicate(path: str, value: Any) -> FieldError:
    """A second entry of the same key."""
    return FieldError(path or NIL, ErrorType.DUPLICATE, f"Duplicate value: {shown(value)}")


def forbidden(path: str, detail: str) -> FieldError:
    """A value that may not be there."""
    return FieldError(path or NIL, ErrorType.FORBIDDEN, f"Forbidden: {detail}")


def shown(value: Any) -> str:
    """A value inside a message."""
    match value:
        case str():
            return strconv.quote(value)
        case bool():
            return "true" if value else "false"
        case float():
            return strconv.format_float_g(value)
        case None:
            return "null"
        case int():
            return str(value)
        case _:
            return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
