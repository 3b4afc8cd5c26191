"""How often a firing is tried, and how long it waits in between."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lang import duration
from lang.errors import LangError

_LONGEST = 3600.0


class RetryPolicyError(ValueError):
    """`retryStrategy` is not usable; the message begins with the field's name."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`steps` attempts in all; waits in seconds."""

    duration: float = 1.0
    factor: float = 2.0
    jitter: float = 0.2
    steps: int = 6

    def wait(self, attempts: int) -> float | None:
        """Seconds until the next attempt after `attempts` failed; None: give up."""
        if attempts >= self.steps:
            return None
        wait = self.duration * self.factor ** (attempts - 1)
        return min(_LONGEST, wait * (1 + random.random() * self.jitter))


# Without a retryStrategy the reference tries once and forgets; here passing failures are retried.
DEFAULT = RetryPolicy()


def policy(spec: Mapping[str, Any] | None) -> RetryPolicy:
    """The policy of a `retryStrategy` (a Backoff). Raises RetryPolicyError."""
    if spec is None:
        return DEFAULT
    return RetryPolicy(
        _seconds(spec.get("duration")),
        _amount(spec.get("factor"), "factor", 1.0),
        _amount(spec.get("jitter"), "jitter", 0.0),
        int(spec.get("steps") or 0) or 5,
    )


def _seconds(value: Any) -> float:
    if value is None:
        return 1.0
    if isinstance(value, int | float):
        return float(value) / 1e9
    try:
        return duration.parse_go(str(value))
    except LangError as error:
        raise RetryPolicyError(f"duration: {error.message}") from None


def _amount(value: Any, name: str, default: float) -> float:
    if value is None:
        return default
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        raise RetryPolicyError(f"{name}: {value!r} is no number") from None
