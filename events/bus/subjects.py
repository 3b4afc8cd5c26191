"""Subjects: `<prefix>.<event source>.<event name>`, any name safe as one token.

Kubernetes and event names may hold dots, blanks or wildcards; a token may not. Everything but
letters, digits, `-` and `_` is written `=XX` (UTF-8, hex), so that two names never meet.
"""

from __future__ import annotations

import functools
import re

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


@functools.lru_cache(maxsize=4096)
def token(name: str) -> str:
    """`name` as one subject token; the empty name is `=`."""
    if not name:
        return "="
    return _UNSAFE.sub(lambda m: "".join(f"={b:02X}" for b in m.group().encode()), name)


@functools.lru_cache(maxsize=4096)
def name(encoded: str) -> str:
    """The name `encoded` stands for."""
    if encoded == "=":
        return ""
    raw = re.sub(rb"=([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), encoded.encode())
    return raw.decode()


def event(prefix: str, source: str, event_name: str) -> str:
    """The subject of one event of one source."""
    return f"{prefix}.{token(source)}.{token(event_name)}"


@functools.lru_cache(maxsize=1024)
def stream(namespace: str, bus_name: str) -> str:
    """The stream of an EventBus object: `_` cannot occur in either name, so it separates."""
    return f"{namespace}_{bus_name.replace('.', '=2E')}"


def matches(pattern: str, subject: str) -> bool:
    """NATS matching: `*` is one token, a final `>` one or more."""
    want, have = pattern.split("."), subject.split(".")
    for position, part in enumerate(want):
        if part == ">":
            return len(have) > position
        if position >= len(have) or part not in ("*", have[position]):
            return False
    return len(want) == len(have)
