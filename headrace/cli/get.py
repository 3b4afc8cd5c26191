"""`headrace get`: one workflow, as a tree or as the object."""

from __future__ import annotations

import click

from headrace.cli import finding, printing, summary
from headrace.cli.connection import Target, asynchronous, target_options


@click.command()
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml", "short", "wide"]))
@target_options
@asynchronous
async def get(name: str, output: str | None, target: Target) -> None:
    """Show the workflow NAME, or the newest with @latest."""
    async with target.connect() as connection:
        found = await finding.workflow(connection, name)
        workflow = await finding.whole(connection, found)
    if output in {"json", "yaml", "name"}:
        printing.echo_object(workflow, output)
    else:
        summary.show(printing.console(), workflow, wide=output == "wide")
