"""Node tables that do not fit into one object: pages of rows beside the Workflow.

A page is a ConfigMap `<workflow>-nodes-<n>-<generation>`, owned by its Workflow, whose
`binaryData.nodes` is the gzipped JSON of some rows. A page never changes: changed rows make a
page of a new generation. The Workflow names the generation of each of its pages in
`status.offloadNodeStatusVersion` (`headrace-pages/3,7,2`), the field in which Argo says that its
rows are elsewhere, so one write of the Workflow moves the whole table on at once.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from crds import hydration

PREFIX = "headrace-pages/"
LABEL = "headrace.dev/nodes-of"
KEY = "nodes"
MOST = 900 * 1024
"""Bytes of one page as it is sent; an object may have 1 MiB."""

Page = Callable[[str], Mapping[str, Any] | None]
"""A ConfigMap of the workflow's namespace by name, None where there is none."""


def generations(workflow: Mapping[str, Any]) -> list[int]:
    """The generation of each page; empty for tables inside the workflow."""
    version = str((workflow.get("status") or {}).get("offloadNodeStatusVersion") or "")
    numbers = version.removeprefix(PREFIX).split(",") if version.startswith(PREFIX) else []
    return [int(number) for number in numbers if number.isdigit()]


def version(numbers: list[int]) -> str:
    """The generations as the status says them."""
    return PREFIX + ",".join(map(str, numbers))


def name(workflow: str, index: int, generation: int) -> str:
    """The name of a page."""
    return f"{workflow}-nodes-{index}-{generation}"


def pack(rows: Mapping[str, bytes]) -> str:
    """Rows in JSON, by node id, as `compressedNodes` text."""
    lines = (b"%s:%s" % (_quoted(node_id), row) for node_id, row in rows.items())
    return base64.b64encode(gzip.compress(b"{" + b",".join(lines) + b"}", 6, mtime=0)).decode()


def _quoted(node_id: str) -> bytes:
    return msgspec.json.encode(node_id)


def page(workflow: Mapping[str, Any], index: int, generation: int, packed: str) -> dict[str, Any]:
    """The ConfigMap of a page."""
    meta = workflow["metadata"]
    owner = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "name": meta["name"],
        "uid": meta["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name(meta["name"], index, generation),
            "namespace": meta["namespace"],
            "labels": {LABEL: meta["uid"]},
            "ownerReferences": [owner],
        },
        "binaryData": {KEY: packed},
    }


def pages_of(workflow: Mapping[str, Any], find: Page) -> Iterator[dict[str, dict[str, Any]]]:
    """The rows of each page. Raises HydrationError where one is missing or unreadable."""
    meta = workflow["metadata"]
    for index, generation in enumerate(generations(workflow)):
        wanted = name(meta["name"], index, generation)
        made = find(wanted)
        if made is None or (made["metadata"].get("labels") or {}).get(LABEL) != meta["uid"]:
            raise hydration.HydrationError(f"status: page {wanted} of the node table is missing")
        packed = (made.get("binaryData") or {}).get(KEY) or ""
        yield hydration.nodes_of({"status": {"compressedNodes": packed}})


def table(workflow: dict[str, Any], find: Page) -> dict[str, dict[str, Any]]:
    """The node table, wherever it is stored. Raises HydrationError."""
    if not generations(workflow):
        return hydration.nodes_of(workflow)
    found: dict[str, dict[str, Any]] = {}
    for rows in pages_of(workflow, find):
        found |= rows
    return found


def whole(workflow: dict[str, Any], find: Page) -> dict[str, Any]:
    """The workflow with its table in plain form; the given one is left as it is."""
    if not generations(workflow):
        return hydration.hydrated(workflow)
    status = {k: v for k, v in workflow["status"].items() if k != "offloadNodeStatusVersion"}
    return {**workflow, "status": {**status, "nodes": table(workflow, find)}}
