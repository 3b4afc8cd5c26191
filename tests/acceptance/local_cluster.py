"""A `headrace up` in a process of its own, for tests that post events to it and kill it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from events.bus import jetstream, subjects
from events.ledger import auditing, reading
from events.sensors.compiled import compile_sensor
from headrace.local import instance
from kube import resources
from kube.http import HttpCluster

ROOT = Path(__file__).parents[2]
SECRET = "it is only a test"
PROGRAM = (sys.executable, "-m", "headrace.cli.main")


class LocalCluster:
    """One data folder, over any number of processes. `scratch` is visible inside pods."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A pod has a /tmp of its own.
        seen = "/var/tmp" if ROOT.is_relative_to("/tmp") else ROOT
        self.scratch = Path(tempfile.mkdtemp(prefix=".headrace-test-", dir=seen))
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self, crash_at: str = "") -> None:
        """Start, and wait until it is ready."""
        environment = {
            **os.environ,
            "HEADRACE_CRASH_AT": crash_at,
            "XDG_STATE_HOME": str(self.folder),
        }
        log = (self.folder / "out").open("ab")
        self.process = subprocess.Popen(
            [*PROGRAM, "up", "--port", "0", "--data-dir", str(self.folder), "--runtime", "process"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        async with asyncio.timeout(30):
            while True:
                found = instance.running(self.folder)
                if found is not None and found.pid == self.process.pid:
                    return
                assert self.process.poll() is None, (self.folder / "out").read_text()
                await asyncio.sleep(0.02)

    async def died(self) -> None:
        """Wait until the process has ended by SIGKILL."""
        assert self.process is not None
        async with asyncio.timeout(30):
            while self.process.poll() is None:
                await asyncio.sleep(0.01)
        assert self.process.returncode == -signal.SIGKILL

    async def stop(self) -> None:
        """Stop in order, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                await asyncio.to_thread(self.process.wait, 20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                await asyncio.to_thread(self.process.wait)

    async def close(self) -> None:
        """Stop, end what outlived it (nats-server of a killed process), and clean up."""
        await self.stop()
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "nats" / "pid").read_text())
            if "nats-server" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.scratch, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def api(self) -> AsyncIterator[HttpCluster]:
        """A client of the API."""
        cluster = HttpCluster.from_config(kubeconfig=str(self.folder / "kubeconfig"))
        try:
            yield cluster
        finally:
            await cluster.close()

    def cli(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a headrace command against this cluster."""
        return subprocess.run(
            [*PROGRAM, *arguments, "--kubeconfig", str(self.folder / "kubeconfig")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Apply manifests; they must be taken."""
        text = "\n---\n".join(map(json.dumps, manifests))
        done = self.cli("apply", "-f", "-", input=text)
        assert done.returncode == 0, done.stderr

    async def deployed(self) -> None:
        """Wait until every EventSource and Sensor works."""
        lists: list[Any] = []
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 30
        async with self.api() as cluster:
            while loop.time() < deadline:
                found = []
                for resource in (resources.EVENT_SOURCES, resources.SENSORS):
                    found += (await cluster.list(resource, "default")).items
                lists = [(o.get("status") or {}).get("conditions") or [] for o in found]
                if all(c and all(e["status"] == "True" for e in c) for c in lists):
                    return
                await asyncio.sleep(0.02)
        raise AssertionError(f"{lists}\n{(self.folder / 'out').read_text()}")

    async def finished(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until `count` workflows exist and have finished."""
        async with self.api() as cluster, asyncio.timeout(60):
            while True:
                found = (await cluster.list(resources.WORKFLOWS, "default")).items
                ended = [w for w in found if (w.get("status") or {}).get("finishedAt")]
                if len(found) >= count and len(ended) == len(found):
                    return found
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def bus(self) -> AsyncIterator[jetstream.JetStreamBus]:
        """The default EventBus, as another process reads it."""
        port = json.loads(next((self.folder / "nats").glob("*.ports")).read_text())
        url = f"nats://127.0.0.1:{port['nats'][0].rpartition(':')[2]}"
        password = (self.folder / "nats" / "password").read_text().strip()
        credentials = jetstream.Credentials(user=lambda: "headrace", password=lambda: password)
        bus = jetstream.JetStreamBus(
            jetstream.Connection(url, credentials), subjects.stream("default", "default")
        )
        await bus.start()
        try:
            yield bus
        finally:
            await bus.stop()

    async def entries(self) -> list[reading.EventEntry]:
        """The stored events with their outcomes."""
        async with self.bus() as bus:
            return [entry async for entry in reading.entries(bus)]

    async def books(self, within: float = 30.0) -> auditing.Books:
        """The books, once every stored event has been answered; seconds."""
        async with self.bus() as bus, self.api() as cluster, asyncio.timeout(within):
            while True:
                while await bus.floor("sensors") < await bus.last():
                    await asyncio.sleep(0.05)
                sensors = (await cluster.list(resources.SENSORS, "default")).items
                books = await auditing.audit(bus, [compile_sensor(s) for s in sensors])
                if books.balanced:
                    return books
                await asyncio.sleep(0.05)


def argo(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A manifest of one of Argo's kinds."""
    version = "argoproj.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


async def push(port: int, payload: Any, delivery: str) -> int:
    """A signed GitHub push; the status, or 0 when the connection broke."""
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256="
        + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
            session.post(f"http://127.0.0.1:{port}/push", data=body, headers=headers) as answer,
        ):
            await answer.read()
            return answer.status
    except aiohttp.ClientError:
        return 0


def eventing(port: int, workflow_spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Secret, bus, GitHub source and a Sensor that starts `workflow_spec` for each push."""

    source = {
        "repositories": [{"owner": "acme", "names": ["thing"]}],
        "webhook": {"endpoint": "/push", "port": str(port), "method": "POST"},
        "events": ["push"],
        "webhookSecret": {"name": "hook", "key": "secret"},
        "contentType": "json",
    }
    workflow = argo("Workflow", "", workflow_spec)
    workflow["metadata"] = {"generateName": "ci-"}
    parameter = {
        "src": {"dependencyName": "push", "dataKey": "body.ref"},
        "dest": "spec.arguments.parameters.0.value",
    }
    trigger = {
        "template": {
            "name": "ci",
            "k8s": {
                "operation": "create",
                "source": {"resource": workflow},
                "parameters": [parameter],
            },
        },
        "retryStrategy": {"steps": 8, "duration": "100ms", "factor": 2},
    }
    dependency = {"name": "push", "eventSourceName": "github", "eventName": "push"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "hook"},
            "stringData": {"secret": SECRET},
        },
        argo("EventBus", "default", {"jetstream": {"version": "latest"}}),
        argo("EventSource", "github", {"github": {"push": source}}),
        argo("Sensor", "ci", {"dependencies": [dependency], "triggers": [trigger]}),
    ]


def counting_workflow(folder: Path) -> dict[str, Any]:
    """Two steps, one after the other, each of which leaves one line in its own file."""

    def step(name: str) -> dict[str, Any]:
        script = f"echo run >> {folder}/{name}; sleep 0.2"
        return {
            "name": name,
            "inputs": {"parameters": [{"name": "ref"}]},
            "container": {"image": "alpine", "command": ["sh", "-c"], "args": [script]},
        }

    reference = {"parameters": [{"name": "ref", "value": "{{workflow.parameters.ref}}"}]}
    tasks = [
        {"name": "first", "template": "first", "arguments": reference},
        {"name": "second", "template": "second", "arguments": reference, "depends": "first"},
    ]
    return {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "ref", "value": "none"}]},
        "templates": [{"name": "main", "dag": {"tasks": tasks}}, step("first"), step("second")],
    }
