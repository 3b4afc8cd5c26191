"""A `headrace up` of a benchmark: started in a folder of its own, given manifests, stopped."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from headrace.cli.connection import Connection, Target
from kube import resources

PROGRAM = [sys.executable, "-m", "headrace.cli.main"]


def start(folder: Path) -> float:
    """Start it; seconds until it was ready."""
    began = time.perf_counter()
    arguments = ["up", "--data-dir", str(folder), "--port", "0", "--runtime", "process", "--detach"]
    subprocess.run([*PROGRAM, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def stop(folder: Path) -> None:
    """Stop it; safe when it does not run."""
    subprocess.run([*PROGRAM, "down", "--data-dir", str(folder)], check=False, capture_output=True)


def pid(folder: Path) -> int:
    """Of headrace itself."""
    return int(json.loads((folder / "instance.json").read_text())["pid"])


def memory(number: int) -> float:
    """Resident MB of a process."""
    for line in Path(f"/proc/{number}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def connect(folder: Path) -> Target:
    """`async with connect(folder).connect() as connection`."""
    return Target(str(folder / "kubeconfig"), None, "default")


def apply(folder: Path, manifest: str) -> None:
    """As `headrace apply` does."""
    path = folder / "manifest.yaml"
    path.write_text(manifest)
    command = [*PROGRAM, "apply", "-f", str(path), "--kubeconfig", str(folder / "kubeconfig")]
    subprocess.run(command, check=True, capture_output=True)


async def ready(connection: Connection, sources: int, sensors: int) -> None:
    """Wait until so many EventSources and Sensors say that they are served."""
    for kind, count in ((resources.EVENT_SOURCES, sources), (resources.SENSORS, sensors)):
        while True:
            found = (await connection.cluster.list(kind, "default")).items
            conditions = [(each.get("status") or {}).get("conditions", []) for each in found]
            served = [c for c in conditions if c and all(x["status"] == "True" for x in c)]
            if len(served) >= count:
                break
            await asyncio.sleep(0.05)
