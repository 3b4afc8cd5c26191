"""Memoization: ask the cache before a node is made, keep its outputs when it has succeeded.

Semantics: Argo's `memoize`: any entry with a node id is a hit, even without outputs; failures are
not remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from engine.core.decisions import ReadMemo, SaveMemo
from engine.core.errors import CoreError
from engine.core.nodes import Node
from engine.core.phases import Phase
from engine.core.run import Run
from engine.core.values import Json
from engine.core.work import Call
from lang import duration
from lang.errors import LangError

_KEY = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")


def wanted(call: Call) -> Mapping[str, Any] | None:
    """The `memoize` block that applies to this call; attempts and hits have none."""
    return None if call.retried else call.head.get("memoize")


def ask(run: Run, call: Call, block: Mapping[str, Any]) -> None:
    """Look the key up. Raises CoreError for a key or age that cannot be used."""
    max_age: float | None = None
    if block.get("maxAge"):
        try:
            max_age = duration.parse_go(str(block["maxAge"]))
        except LangError as error:
            raise CoreError(f"invalid maxAge: {error.message}") from None
    key = str(block.get("key") or "")
    if not _KEY.fullmatch(key):
        raise CoreError(f"invalid cache key: {key}")
    run.reading[call.node_id] = call
    run.decide(ReadMemo(call.node_id, cache_name(block), key, max_age))


def cache_name(block: Mapping[str, Any]) -> str:
    """The name of the ConfigMap that is the cache."""
    cache = block.get("cache") or {}
    return str((cache.get("configMap") or {}).get("name") or "")


def status(block: Mapping[str, Any], *, hit: bool) -> Json:
    """The `memoizationStatus` of a node."""
    return {"hit": hit, "key": str(block.get("key") or ""), "cacheName": cache_name(block)}


def is_hit(entry: Mapping[str, Any] | None) -> bool:
    """Whether a cache entry counts."""
    return bool(entry and entry.get("nodeID"))


def save(run: Run, call: Call, node: Node) -> None:
    """Keep the outputs of a node that succeeded, unless they came from the cache."""
    block = wanted(call)
    known = node.memoization
    if block is None or known is None or known.get("hit") or node.phase is not Phase.SUCCEEDED:
        return
    run.decide(SaveMemo(node.id, cache_name(block), str(known["key"]), node.outputs))
