"""The one error root of the languages, and the limits every one of them honours.

Any input may fail, but only ever with `LangError`; callers turn it into a condition, a node
message or a 4xx. Limits are defaults: a caller may pass its own `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """What went wrong, for callers that decide by it; the message is for people."""

    SYNTAX = "syntax"
    TYPE = "type"
    NAME = "name"  # an unknown variable, function, tag, task
    VALUE = "value"  # well-formed, but not computable: division by zero, missing path
    LIMIT = "limit"
    UNAVAILABLE = "unavailable"  # an optional library is not installed


class LangError(Exception):
    """A user's text could not be compiled or evaluated.

    `position` is a 0-based character offset into the source, or None where there is none.
    """

    def __init__(self, kind: ErrorKind, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that make hostile programs harmless. Sizes in bytes, wall time in seconds."""

    source: int = 64 * 1024
    nesting: int = 200
    steps: int = 1_000_000
    result: int = 16 * 1024 * 1024
    wall: float = 2.0


DEFAULT_LIMITS = Limits()
