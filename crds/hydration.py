"""Node tables inside a Workflow: plain (`status.nodes`) or compressed (`status.compressedNodes`).

The compressed form is the one Argo's clients read: base64 of a gzip stream of the JSON table.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from typing import Any

import msgspec

MAX_INFLATED = 512 * 1024 * 1024
"""No real table is larger; a status that inflates past it was not written by an engine."""


class HydrationError(ValueError):
    """`status.compressedNodes` is not what an engine writes."""


def compress(nodes: dict[str, Any]) -> str:
    """The table as `compressedNodes` text. The same table always gives the same text."""
    return base64.b64encode(gzip.compress(msgspec.json.encode(nodes), 6, mtime=0)).decode()


def nodes_of(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The node table by node id, whichever way it is stored. Raises HydrationError."""
    status = workflow.get("status") or {}
    packed = status.get("compressedNodes")
    if not packed:
        return dict(status.get("nodes") or {})
    try:
        inflater = zlib.decompressobj(wbits=31)
        text = inflater.decompress(base64.b64decode(packed, validate=True), MAX_INFLATED)
        if inflater.unconsumed_tail:
            raise HydrationError("status.compressedNodes: larger than any node table")
        return msgspec.json.decode(text, type=dict[str, dict[str, Any]])
    except (binascii.Error, zlib.error, msgspec.DecodeError, ValueError) as error:
        raise HydrationError(f"status.compressedNodes: {error}") from error


def hydrated(workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow with its node table in plain form; the given one is left as it is."""
    if not (workflow.get("status") or {}).get("compressedNodes"):
        return workflow
    status = {k: v for k, v in workflow["status"].items() if k != "compressedNodes"}
    return {**workflow, "status": {**status, "nodes": nodes_of(workflow)}}
