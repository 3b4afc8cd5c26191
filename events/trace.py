"""W3C trace context: taken from the request, or begun here, and handed on as text."""

from __future__ import annotations

import os
import random
import re

TRACEPARENT = "traceparent"
_ids = random.Random(os.urandom(32))
_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


def parent(header: str) -> str:
    """`header` when it is a valid traceparent, else a new one."""
    if header and _VALID.match(header):
        return header
    return f"00-{_ids.getrandbits(128):032x}-{_ids.getrandbits(64):016x}-01"


def trace_id(traceparent: str) -> str:
    """The 32 hex digits that name the trace; empty for no traceparent."""
    return traceparent[3:35] if _VALID.match(traceparent) else ""
