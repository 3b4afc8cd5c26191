"""`headrace delete`: workflows by name, or those that match."""

from __future__ import annotations

import click

from headrace.cli import finding, summary
from headrace.cli.connection import Target, asynchronous, target_options
from kube import resources
from kube.cluster import Selector


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All workflows of the namespace.")
@click.option("--completed", is_flag=True, help="All that have finished.")
@click.option("-l", "--selector", default="", help="All with these labels.")
@click.option("--prefix", default="", help="All whose names start so.")
@click.option("--force", is_flag=True, help="Remove finalizers first.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@target_options
@asynchronous
async def delete(  # noqa: PLR0913 - one parameter per option
    target: Target,
    names: tuple[str, ...],
    every: bool,
    completed: bool,
    selector: str,
    prefix: str,
    force: bool,
    dry_run: bool,
) -> None:
    """Delete workflows and their pods."""
    if not (names or every or completed or selector or prefix):
        raise click.UsageError("name workflows, or use --all, --completed, -l or --prefix")
    async with target.connect() as connection:
        chosen = [await finding.workflow(connection, name) for name in names]
        if every or completed or selector or prefix:
            found = await connection.cluster.list(
                resources.WORKFLOWS, connection.namespace, Selector(labels=selector)
            )
            chosen += [
                w
                for w in found.items
                if w["metadata"]["name"].startswith(prefix)
                and (summary.finished(w) or not completed)
            ]
        for workflow in chosen:
            name = workflow["metadata"]["name"]
            where = (resources.WORKFLOWS, connection.namespace, name)
            if not dry_run:
                if force and workflow["metadata"].get("finalizers"):
                    await connection.cluster.patch(*where, {"metadata": {"finalizers": None}})
                await connection.cluster.delete(*where)
            click.echo(f"Workflow '{name}' deleted{' (dry run)' if dry_run else ''}")
