"""How much there is to walk in a value.

A value may hold another many times: forty doublings are small in memory and never end when
printed. Whatever walks a whole value (printing, JSON, comparing, merging) asks here first.
"""

from __future__ import annotations

from typing import Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError


def check(*values: Any) -> None:
    """Raise LangError(LIMIT) where the values, walked as trees, are larger than the limits.

    Nodes are limited by the steps, texts by the size of a result.
    """
    nodes, size = DEFAULT_LIMITS.steps, DEFAULT_LIMITS.result
    pending = [value for value in values if isinstance(value, (list, dict, str))]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            size -= len(value)
        else:
            nodes -= len(value) + 1
            inner = value.values() if isinstance(value, dict) else value
            if nodes >= 0:
                pending += [item for item in inner if isinstance(item, (list, dict, str))]
        if nodes < 0 or size < 0:
            raise LangError(ErrorKind.LIMIT, "the value is too large")
