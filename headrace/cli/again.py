"""`headrace retry|resubmit`: let workflows run again, in place or as new ones."""

from __future__ import annotations

import random
import string
import time
from typing import Any

import click

from crds.hydration import HydrationError
from crds.operations import OperationError
from crds.retrying import RetryOptions
from headrace.cli import finding, following, printing
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from kube import workflows
from kube.cluster import Object

NAMES = click.argument("names", metavar="NAME...", nargs=-1, required=True)
PARAMETERS = click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE")
OUTPUT = click.option("-o", "--output", type=click.Choice(["name", "json", "yaml"]))


@click.command()
@NAMES
@PARAMETERS
@click.option("--restart-successful", is_flag=True, help="Also what --node-field-selector finds.")
@click.option("--node-field-selector", default="", help="Nodes that run again although good.")
@OUTPUT
@following.options
@target_options
@asynchronous
async def retry(
    target: Target,
    names: tuple[str, ...],
    parameters: tuple[str, ...],
    restart_successful: bool,
    node_field_selector: str,
    **shown: Any,
) -> None:
    """Retry failed workflows: what failed runs again, what succeeded stays."""
    options = RetryOptions(restart_successful, node_field_selector, parameters)

    async def again(connection: Connection, name: str) -> Object:
        workflow = await finding.workflow(connection, name)
        return await workflows.retry(connection.cluster, workflow, time.time(), options)

    await _each(target, names, again, shown)


@click.command()
@NAMES
@PARAMETERS
@click.option("--memoized", is_flag=True, help="Do not run again what was good.")
@OUTPUT
@following.options
@target_options
@asynchronous
async def resubmit(
    target: Target,
    names: tuple[str, ...],
    parameters: tuple[str, ...],
    memoized: bool,
    **shown: Any,
) -> None:
    """Submit workflows again, as new ones."""

    async def again(connection: Connection, name: str) -> Object:
        workflow = await finding.workflow(connection, name)
        meta = workflow["metadata"]
        fresh = str(meta.get("generateName") or f"{meta['name']}-") + _suffix()
        return await workflows.resubmit(
            connection.cluster,
            workflow,
            time.time(),
            memoized=fresh if memoized else "",
            parameters=parameters,
        )

    await _each(target, names, again, shown)


async def _each(target: Target, names: tuple[str, ...], again: Any, shown: dict[str, Any]) -> None:
    good = True
    async with target.connect() as connection:
        for name in names:
            try:
                made = await again(connection, name)
            except (OperationError, HydrationError) as error:
                raise click.ClickException(str(error)) from error
            good &= await _shown(connection, made, shown)
    if not good:
        raise click.exceptions.Exit(1)


async def _shown(connection: Connection, made: Object, shown: dict[str, Any]) -> bool:
    """Print it as asked; whether it did not end badly while being watched."""
    if shown["output"]:
        printing.echo_object(made, shown["output"])
    else:
        click.echo(f"workflow {made['metadata']['name']} runs again")
    return await following.ended_well(connection, made, shown)


def _suffix() -> str:
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
