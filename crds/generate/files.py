"""Every generated file: its path below `crds/` and its content."""

from __future__ import annotations

import functools

import msgspec

from crds.generate import kubernetes_types


@functools.cache
def generated() -> dict[str, bytes]:
    """Path to content."""
    table = kubernetes_types.table()
    return {"data/kubernetes.json": msgspec.json.format(msgspec.json.encode(table), indent=1)}
