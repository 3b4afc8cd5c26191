"""`headrace status`: whether the cluster runs, and how its parts are."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.connection import Connection, Target, asynchronous
from headrace.local import instance
from kube import resources
from kube.errors import KubeError

COUNTED = (
    resources.WORKFLOWS,
    resources.EVENT_SOURCES,
    resources.SENSORS,
    resources.EVENT_BUSES,
    resources.PODS,
)


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder given to up.")
def status(data_dir: Path | None) -> None:
    """Show the running cluster. Exit code 1 when there is none."""
    found = instance.running(data_dir.absolute() if data_dir else None)
    if found is None:
        click.echo("headrace does not run; start it with: headrace up")
        raise click.exceptions.Exit(1)
    click.echo(f"running   process {found.pid}, API at {found.url}")
    click.echo(f"state     {found.data_dir}")
    click.echo(f"kubectl   export KUBECONFIG={found.kubeconfig}")
    _counts(found)


@asynchronous
async def _counts(found: instance.Instance) -> None:
    async with Target(str(found.kubeconfig), None, None).connect() as connection:
        for resource in COUNTED:
            click.echo(f"{resource.plural:<14} {await _count(connection, resource)}")


async def _count(connection: Connection, resource: resources.Resource) -> str:
    try:
        items = (await connection.cluster.list(resource)).items
    except KubeError as error:
        return f"? ({error.message})"
    troubled = [name for name in map(_trouble, items) if name]
    return f"{len(items)}" + (f", not ready: {', '.join(troubled)}" if troubled else "")


def _trouble(item: dict[str, object]) -> str:
    """The name of an object whose conditions say that it does not work."""
    conditions = (item.get("status") or {}).get("conditions") or []  # type: ignore[attr-defined]
    bad = [c for c in conditions if c.get("status") == "False" and c.get("type") != "Completed"]
    if item.get("kind") in {"EventSource", "Sensor", "EventBus"} and bad:
        return str(item["metadata"]["name"])  # type: ignore[index]
    return ""
