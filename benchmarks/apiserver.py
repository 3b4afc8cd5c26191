"""`python benchmarks/apiserver.py`: durable creates a second, and a list of 1,000 pods.

A server of its own over TLS on loopback, 64 connections.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import yaml

CONNECTIONS, SECONDS = 64, 5.0
POD = {
    "spec": {
        "nodeName": "n",
        "containers": [
            {
                "name": "main",
                "image": "alpine",
                "command": ["sh", "-c", "echo hello"],
                "env": [{"name": f"V{i}", "value": "x" * 40} for i in range(20)],
                "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}},
            }
        ],
    }
}


async def creates(session: aiohttp.ClientSession) -> float:
    ends = time.perf_counter() + SECONDS
    done = 0

    async def worker(number: int) -> None:
        nonlocal done
        n = 0
        while time.perf_counter() < ends:
            n += 1
            body = {"metadata": {"name": f"c{number}-{n}"}, "data": {"k": "v" * 500}}
            path = "/api/v1/namespaces/default/configmaps"
            async with session.post(path, json=body) as answer:
                assert answer.status == 201, await answer.text()
                await answer.read()
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(worker(n) for n in range(CONNECTIONS)))
    return done / (time.perf_counter() - began)


async def lists(session: aiohttp.ClientSession) -> list[float]:
    path = "/api/v1/namespaces/default/pods"
    for n in range(1000):
        async with session.post(path, json={"metadata": {"name": f"p{n}"}, **POD}) as answer:
            assert answer.status == 201, await answer.text()
    found = []
    for _ in range(20):
        began = time.perf_counter()
        async with session.get(path) as answer:
            size = len(await answer.read())
        found.append(time.perf_counter() - began)
    assert size > 1_000_000
    return sorted(found)


async def main() -> None:
    folder = tempfile.mkdtemp(prefix="headrace-bench-")
    command = [sys.executable, "-m", "headrace.local.apiserver", "--data-dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    config = yaml.safe_load((Path(folder) / "kubeconfig").read_text())
    tls = ssl.create_default_context(cafile=str(Path(folder) / "pki" / "ca.crt"))
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=tls)
    try:
        async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:
            rate = await creates(session)
            print(f"  {'ConfigMap creates, durable':<52}{'>= 600/s':>16}{rate:>20.0f}/s")
            found = await lists(session)
            median = 1000 * found[len(found) // 2]
            print(f"  {'list of 1,000 pods, median':<52}{'< 60 ms':>16}{median:>19.0f} ms")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    asyncio.run(main())
