"""What the demo does and says, in order. Everything it shows comes from the running cluster."""

from __future__ import annotations

import asyncio
import base64
import copy
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from events.ledger import reading
from events.sensors.compiled import compile_sensor
from headrace.cli import apply, eventexplaining, manifests, printing, summary
from headrace.cli.connection import Connection
from headrace.cli.discovery import Discovery
from headrace.demo import delivery
from headrace.demo.hops import Hops, Watcher
from headrace.insight.events import comparing, opening, simulating
from kube import resources
from kube.errors import NotFound

PATIENCE = 60.0
TASK_SHOWN = "package"


class Story:
    """One telling on one connection. `examples` is the folder with the manifests."""

    def __init__(self, connection: Connection, examples: Path) -> None:
        self._connection = connection
        self._examples = examples
        self._console = printing.console()

    async def github(self) -> delivery.Delivery:
        """A signed push becomes a CI run. Returns the delivery, for sending it again."""
        self._title("A GitHub push starts CI")
        port = await self._applied("github-ci", 12000)
        secret = await self._connection.cluster.get(
            resources.SECRETS, self._connection.namespace, "github-webhook"
        )
        push = delivery.github_push(
            port,
            self._examples / "github-ci" / "push.json",
            base64.b64decode(secret["data"]["secret"]).decode(),
        )
        await self._serving("github", port)
        workflow = await self._event(push, "ci-", push.headers["X-GitHub-Delivery"])
        await self._log(workflow, TASK_SHOWN)
        return push

    async def redelivery(self, push: delivery.Delivery) -> None:
        """GitHub delivers again what it thinks was lost: nothing new may start."""
        self._title("The same push is delivered again")
        answer = await delivery.send(push)
        self._console.print(f"  answered {answer.status} {answer.text.strip()}")

    async def s3(self) -> None:
        """A bucket notification becomes one task for each object."""
        self._title("An S3 notification starts processing")
        port = await self._applied("s3-processing", 12001)
        upload = delivery.s3_notification(
            port, self._examples / "s3-processing" / "notification.json"
        )
        await self._serving("s3", port)
        workflow = await self._event(upload, "s3-", None)
        await self._log(workflow, "summary")

    async def replay(self, kubeconfig: Path) -> None:
        """The stored push is put to a changed Sensor: what would be different?"""
        self._title("What would a changed Sensor have done? The stored events are put to it")
        cluster, namespace = self._connection.cluster, self._connection.namespace
        stored = await cluster.get(resources.SENSORS, namespace, "github-ci")
        changed = copy.deepcopy(stored)
        trigger = changed["spec"]["triggers"][0]["template"]["argoWorkflow"]
        trigger["parameters"][1]["src"]["dataKey"] = "body.head_commit.id"
        self._console.print("  the parameter branch from body.head_commit.id, not from body.ref:\n")
        server = opening.Server(kubeconfig=str(kubeconfig))
        async with opening.opened(cluster, namespace, "default", server) as bus:
            found = [entry async for entry in reading.entries(bus)]
        before = simulating.simulate(compile_sensor(stored), found)
        after = simulating.simulate(compile_sensor(changed), found)
        for line in eventexplaining.difference_lines(comparing.compare(before, after)):
            self._console.print(f"  {line}", soft_wrap=True)
        self._console.print("\n  nothing was fired; see headrace events replay --help")

    async def count(self) -> None:
        """By now a second run of the first push would have shown."""
        found = await self._connection.cluster.list(resources.WORKFLOWS, self._connection.namespace)
        runs = [w for w in found.items if w["metadata"]["name"].startswith("ci-")]
        self._console.print(f"\n  workflows of the push, delivered twice: {len(runs)}")
        if len(runs) != 1:
            raise click.ClickException("the redelivery started another workflow")

    # -- parts ------------------------------------------------------------------------------

    def _title(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold")

    async def _applied(self, folder: str, port: int) -> int:
        free = delivery.free_port(port)
        if free != port:
            self._console.print(f"  port {port} is in use here; the demo takes {free}")
        discovery = Discovery(self._connection)
        for manifest in manifests.read((str(self._examples / folder),)):
            if manifest.body["kind"] == "EventSource" and free != port:
                changed = delivery.with_port(manifest.body, port, free)
                manifest = manifests.Manifest(changed, manifest.where)
            line = await apply.one(self._connection, discovery, manifest, strict=True)
            self._console.print(f"  {line}")
        return free

    async def _serving(self, event_source: str, port: int) -> None:
        """Wait until the EventSource and the Sensors say that they work."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if await self._ready(resources.EVENT_SOURCES, event_source) and await self._ready(
                resources.SENSORS, None
            ):
                return
            if time.monotonic() > deadline:
                raise click.ClickException(
                    f"EventSource {event_source} does not serve on port {port}; "
                    f"see: headrace status"
                )
            await asyncio.sleep(0.02)

    async def _ready(self, resource: resources.Resource, name: str | None) -> bool:
        namespace = self._connection.namespace
        try:
            if name is not None:
                found = [await self._connection.cluster.get(resource, namespace, name)]
            else:
                found = (await self._connection.cluster.list(resource, namespace)).items
        except NotFound:
            return False
        return all(map(_works, found))

    async def _event(
        self, sent: delivery.Delivery, prefix: str, event_id: str | None
    ) -> dict[str, Any]:
        hops = Hops()
        watcher = Watcher(self._connection, prefix, hops)
        watching = asyncio.ensure_future(watcher.run())
        try:
            await watcher.watching.wait()
            hops.sent = time.monotonic()
            answer = await delivery.send(sent)
            hops.answered = time.monotonic()
            accepted = f", event {event_id}" if event_id else ""
            self._console.print(
                f"\n  POST {sent.url}: {answer.status} {answer.text.strip()}{accepted}"
            )
            if answer.status >= 300:
                raise click.ClickException(f"the EventSource refused the event: {answer.text}")
            await self._until_done(watcher, hops)
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        self._times(hops)
        return hops.workflow

    async def _until_done(self, watcher: Watcher, hops: Hops) -> None:
        async with asyncio.timeout(PATIENCE):
            if self._console.is_terminal:
                with Live(console=self._console, refresh_per_second=10) as picture:
                    while not watcher.finished.is_set():
                        await watcher.changed.wait()
                        watcher.changed.clear()
                        picture.update(summary.render(hops.workflow))
            else:
                await watcher.finished.wait()
                summary.show(self._console, hops.workflow)
        if summary.phase_of(hops.workflow) != "Succeeded":
            raise click.ClickException(
                f"workflow {hops.workflow['metadata']['name']}: "
                f"{summary.phase_of(hops.workflow)} {hops.workflow['status'].get('message', '')}"
            )

    def _times(self, hops: Hops) -> None:
        self._console.print("\n  after the event was sent")
        for label, moment in (
            ("on the bus, on disk, and answered", hops.answered),
            ("Sensor fired: the workflow exists", hops.fired),
            ("first process runs", hops.process_started),
            ("workflow done", hops.done),
        ):
            self._console.print(f"    {label:<36}{hops.milliseconds(moment):>12}")

    async def _log(self, workflow: dict[str, Any], task: str) -> None:
        nodes = (workflow.get("status") or {}).get("nodes") or {}
        node = next(n for n in nodes.values() if n.get("displayName") == task)
        pod = summary.pod_of(workflow["metadata"]["name"], node)
        self._console.print(f"\n  log of {task} ({pod})")
        async for line in self._connection.cluster.log_lines(
            self._connection.namespace, pod, {"container": "main"}
        ):
            self._console.print(f"    {line}", style="bright_black")


def _works(item: dict[str, Any]) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return bool(conditions) and all(c.get("status") == "True" for c in conditions)


def how_to_go_on(console: Console, data_dir: Path, *, kept: bool) -> None:
    """What to type next."""
    console.print("\nHow to go on", style="bold")
    if kept:
        console.print(f"  export KUBECONFIG={data_dir}/kubeconfig")
        console.print("  headrace list; headrace get @latest; headrace logs @latest")
        console.print(f"  headrace down --data-dir {data_dir}")
    else:
        console.print("  scripts/demo --keep     leaves this cluster running")
        console.print("  headrace up             starts one of your own")
    console.print("  examples/               the manifests that were applied")
