"""`headrace logs`: of a workflow's pods, each line behind its pod's name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import click

from headrace.cli import finding, summary, watching
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from kube import resources
from kube.cluster import Selector
from kube.errors import BadRequest, NotFound

LABEL = "workflows.argoproj.io/workflow"
Print = Callable[[str, str], None]


@click.command()
@click.argument("name")
@click.argument("pod", required=False)
@click.option("-f", "--follow", is_flag=True, help="Until the workflow has finished.")
@click.option("-c", "--container", default="main", show_default=True)
@click.option("--tail", type=int, help="Only the last lines of each pod.")
@click.option("--since", help="Only what is newer than this, e.g. 10m.")
@click.option("--timestamps", is_flag=True)
@click.option("--grep", help="Only lines with this regular expression.")
@target_options
@asynchronous
async def logs(  # noqa: PLR0913 - one parameter per option
    target: Target,
    name: str,
    pod: str | None,
    follow: bool,
    container: str,
    tail: int | None,
    since: str | None,
    timestamps: bool,
    grep: str | None,
) -> None:
    """Print the logs of the workflow NAME (or @latest), or of one of its pods."""
    params = {"container": container}
    if tail is not None:
        params["tailLines"] = str(tail)
    if since:
        params["sinceSeconds"] = str(_seconds(since))
    if timestamps:
        params["timestamps"] = "true"
    show = _printer(grep)
    async with target.connect() as connection:
        workflow = await finding.workflow(connection, name)
        found = workflow["metadata"]["name"]
        if follow and not summary.finished(workflow):
            await follow_all(connection, found, params=params, only=pod, show=show)
            return
        pods = await connection.cluster.list(
            resources.PODS, connection.namespace, Selector(labels=f"{LABEL}={found}")
        )
        for item in sorted(pods.items, key=lambda p: p["metadata"].get("creationTimestamp", "")):
            if pod in {None, item["metadata"]["name"]}:
                await _one(connection, item["metadata"]["name"], params, show)


async def follow_all(
    connection: Connection,
    name: str,
    *,
    params: dict[str, str] | None = None,
    only: str | None = None,
    show: Print | None = None,
) -> None:
    """Print the logs of every pod from its start to its end, until the workflow has finished."""
    wanted = {**(params or {"container": "main"}), "follow": "true"}
    printed = show or _printer(None)
    ours = Selector(labels=f"{LABEL}={name}")
    seen: set[str] = set()
    async with asyncio.TaskGroup() as group:
        listed = await connection.cluster.list(resources.PODS, connection.namespace, ours)

        def begin(pod_name: str) -> None:
            if pod_name not in seen and only in {None, pod_name}:
                seen.add(pod_name)
                group.create_task(_one(connection, pod_name, wanted, printed))

        for item in listed.items:
            begin(item["metadata"]["name"])

        async def new_pods() -> None:
            async for event in connection.cluster.watch(
                resources.PODS, connection.namespace, ours, resource_version=listed.resource_version
            ):
                if event.type in {"ADDED", "MODIFIED"}:
                    begin(event.object["metadata"]["name"])

        watcher = group.create_task(new_pods())
        await watching.until_finished(connection, name)
        rest = await connection.cluster.list(resources.PODS, connection.namespace, ours)
        for item in rest.items:
            begin(item["metadata"]["name"])
        watcher.cancel()


async def _one(connection: Connection, pod: str, params: dict[str, str], show: Print) -> None:
    """The log of one pod; a pod that never started, or is gone, has none."""
    while True:
        try:
            async for line in connection.cluster.log_lines(connection.namespace, pod, params):
                show(pod, line)
            return
        except NotFound:
            return
        except BadRequest:  # not started yet
            if "follow" not in params or not await _starts(connection, pod):
                return


async def _starts(connection: Connection, pod: str) -> bool:
    """Wait until the pod leaves Pending; False when it ends or goes without having started."""
    only = Selector(fields=f"metadata.name={pod}")
    listed = await connection.cluster.list(resources.PODS, connection.namespace, only)
    if not listed.items:
        return False
    if (phase := listed.items[0].get("status", {}).get("phase")) != "Pending":
        return str(phase) == "Running"
    async for event in connection.cluster.watch(
        resources.PODS, connection.namespace, only, resource_version=listed.resource_version
    ):
        if event.type == "DELETED":
            return False
        if event.type != "BOOKMARK" and event.object.get("status", {}).get("phase") != "Pending":
            return True
    return True


def _printer(grep: str | None) -> Print:
    if grep is None:
        return lambda pod, line: click.echo(f"{pod}: {line}")
    import re2

    pattern = re2.compile(grep)

    def show(pod: str, line: str) -> None:
        if pattern.search(line):
            click.echo(f"{pod}: {line}")

    return show


def _seconds(text: str) -> int:
    from lang import duration
    from lang.errors import LangError

    try:
        return max(1, int(duration.parse(text)))
    except LangError as error:
        raise click.UsageError(f"--since {text}: {error.message}") from error
