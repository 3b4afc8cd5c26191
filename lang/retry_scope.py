"""The variables of `retryStrategy.expression`: what the last attempt ended with.

Owns `retries` and `lastRetry.*`, all texts. Semantics: Argo Workflows; an unknown exit code is
"-1". Caller: the engine's retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lang import strconv


def variables(node: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The scope of a Retry node; `nodes` by id holds its attempts. Empty before the first one."""
    attempts = [
        nodes[child]
        for child in node.get("children") or ()
        if child in nodes and not (nodes[child].get("nodeFlag") or {}).get("hooked")
    ]
    if not attempts:
        return {}
    last = attempts[-1]
    code = (last.get("outputs") or {}).get("exitCode")
    return {
        "retries": str(len(attempts) - 1),
        "lastRetry.exitCode": "-1" if code is None else str(code),
        "lastRetry.status": str(last.get("phase") or ""),
        "lastRetry.duration": strconv.format_float_g(_seconds(last)),
        "lastRetry.message": str(last.get("message") or ""),
    }


def _seconds(attempt: Mapping[str, Any]) -> float:
    started, finished = attempt.get("startedAt"), attempt.get("finishedAt")
    if not started or not finished:
        return 0.0
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
