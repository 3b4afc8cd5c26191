"""Webhooks a second that are durable on the bus before they are answered.

Run: `.venv/bin/python -m benchmarks.ingestion [seconds]`. Starts `headrace up` with one webhook
EventSource, on loopback, and sends it 1 KiB of JSON over 1, 16 and 64 kept connections, from a
process of its own. The bus syncs to disk before it confirms (`sync_interval: always`). Beside it
stand the figures of Argo Events v1.9 on a machine of this kind (2 cores), whose bus did not sync.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import served
from tests.ports import free_port

SOURCE = """
apiVersion: argoproj.io/v1alpha1
kind: EventBus
metadata: {name: default}
spec: {jetstream: {version: latest}}
---
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hook}
spec: {webhook: {go: {endpoint: /go, port: "%PORT%", method: POST}}}
"""
ARGO = {1: (1720, 0.5, 1.0), 16: (2993, 5.3, 9.5), 64: (3203, 19.8, 31.6)}


def load(port: int, connections: int, seconds: float, rate: float = 0) -> dict[str, Any]:
    """What `http_load` found."""
    arguments = [str(port), "/go", str(connections), str(seconds), str(rate)]
    command = [sys.executable, "-m", "benchmarks.http_load", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def _ready(folder: Path) -> None:
    async with served.connect(folder).connect() as connection:
        await served.ready(connection, 1, 0)


def main(seconds: float) -> None:
    folder = Path(tempfile.mkdtemp(prefix="headrace-ingestion-"))
    port = free_port()
    served.start(folder)
    try:
        served.apply(folder, SOURCE.replace("%PORT%", str(port)))
        asyncio.run(_ready(folder))
        load(port, 4, 1.0)
        head = f"{'connections':>11}  {'per second':>10}  {'p50 / p99 ms':>14}"
        print(f"{head}   {'Argo Events, not synced':>28}")
        for connections, (rate, p50, p99) in ARGO.items():
            found = load(port, connections, seconds)
            took = f"{found['p50']:.1f} / {found['p99']:.1f}"
            ours = f"{connections:>11}  {found['accepted'] / found['seconds']:>10,.0f}  {took:>14}"
            print(f"{ours}   {rate:>12,} at {p50} / {p99} ms")
            if found["refused"]:
                print(f"{found['refused']} requests were refused, lately: {found['words']}")
    finally:
        served.stop(folder)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
