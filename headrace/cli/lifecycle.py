"""`headrace stop|terminate|suspend|resume`: one patch each, to any number of workflows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from crds import operations
from headrace.cli import finding
from headrace.cli.connection import Target, asynchronous, target_options
from kube import resources

Patch = Callable[[dict[str, Any]], dict[str, Any]]


async def _change(target: Target, names: tuple[str, ...], patch: Patch, done: str) -> None:
    async with target.connect() as connection:
        for name in names:
            workflow = await finding.workflow(connection, name)
            try:
                body = patch(workflow)
            except operations.OperationError as error:
                raise click.ClickException(str(error)) from error
            found = workflow["metadata"]["name"]
            await connection.cluster.patch(resources.WORKFLOWS, connection.namespace, found, body)
            click.echo(f"workflow {found} {done}")


NAMES = click.argument("names", metavar="NAME...", nargs=-1, required=True)
NODES = click.option("--node-field-selector", default="", help="Only these suspend nodes.")


@click.command()
@NAMES
@NODES
@click.option("--message", default="", help="Message of the nodes that are failed.")
@target_options
@asynchronous
async def stop(
    target: Target, names: tuple[str, ...], node_field_selector: str, message: str
) -> None:
    """Stop workflows: nothing new starts, exit handlers run."""

    def patch(workflow: dict[str, Any]) -> dict[str, Any]:
        return operations.stop(
            workflow, time.time(), node_fields=node_field_selector, message=message
        )

    await _change(target, names, patch, "stopped")


@click.command()
@NAMES
@target_options
@asynchronous
async def terminate(target: Target, names: tuple[str, ...]) -> None:
    """Terminate workflows: everything ends at once."""
    await _change(target, names, operations.terminate, "terminated")


@click.command()
@NAMES
@target_options
@asynchronous
async def suspend(target: Target, names: tuple[str, ...]) -> None:
    """Suspend workflows: no further step starts."""
    await _change(target, names, operations.suspend, "suspended")


@click.command()
@NAMES
@NODES
@target_options
@asynchronous
async def resume(target: Target, names: tuple[str, ...], node_field_selector: str) -> None:
    """Resume suspended workflows, or only the suspend nodes that match."""

    def patch(workflow: dict[str, Any]) -> dict[str, Any]:
        return operations.resume(workflow, time.time(), node_fields=node_field_selector)

    await _change(target, names, patch, "resumed")
