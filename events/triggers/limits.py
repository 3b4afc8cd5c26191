"""How long one attempt of a trigger may take before it counts as failed.

Two minutes, and as long as the trigger itself asks for: `http.timeout`, the three calls of
`custom`, and the time `policy.k8s` waits for labels. Called by the sensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.sensors import retrying
from events.sensors.retrying import RetryPolicyError

SECONDS = 120.0
LONGEST = 24 * 3600.0
_CUSTOM = 180.0
_STEPS = 10_000


def attempt_seconds(spec: Mapping[str, Any]) -> float:
    """For a trigger as it is written (`template`, `policy`)."""
    template, own = spec.get("template") or {}, 0.0
    if http := template.get("http"):
        own = float(http.get("timeout") or 0)
    elif template.get("custom"):
        own = _CUSTOM
    return min(LONGEST, SECONDS + own + _policy(spec))


def _policy(spec: Mapping[str, Any]) -> float:
    waiting = (spec.get("policy") or {}).get("k8s") or {}
    if not waiting.get("labels"):
        return 0.0
    try:
        backoff, total = retrying.policy(waiting.get("backoff") or {}), 0.0
    except RetryPolicyError:
        return 0.0  # said when it is to wait
    for attempt in range(1, _STEPS):
        wait = backoff.wait(attempt)
        if wait is None:
            return total
        total += wait * (1 + backoff.jitter)
    return LONGEST
