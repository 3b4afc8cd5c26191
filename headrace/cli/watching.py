"""Following a workflow until it has ended, with or without a live picture of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import click
from rich.live import Live

from headrace.cli import printing, summary
from headrace.cli.connection import Connection
from kube import resources
from kube.cluster import Selector
from kube.errors import Gone


async def changes(connection: Connection, name: str) -> AsyncIterator[dict[str, Any]]:
    """Every state of the workflow from now on, the last one finished. Survives broken watches.

    Raises ClickException when the workflow is deleted meanwhile.
    """
    only = Selector(fields=f"metadata.name={name}")
    while True:
        listed = await connection.cluster.list(resources.WORKFLOWS, connection.namespace, only)
        if not listed.items:
            raise click.ClickException(f'workflow "{name}" was deleted')
        yield listed.items[0]
        if summary.finished(listed.items[0]):
            return
        version = listed.resource_version
        with contextlib.suppress(Gone):
            async for event in connection.cluster.watch(
                resources.WORKFLOWS, connection.namespace, only, resource_version=version
            ):
                if event.type == "DELETED":
                    raise click.ClickException(f'workflow "{name}" was deleted')
                if event.type != "BOOKMARK":
                    yield event.object
                    if summary.finished(event.object):
                        return


async def until_finished(connection: Connection, name: str) -> dict[str, Any]:
    """Wait silently; the finished workflow."""
    ended: dict[str, Any] = {}
    async for state in changes(connection, name):
        ended = state
    return ended


async def live(connection: Connection, name: str) -> dict[str, Any]:
    """Wait with a picture that redraws itself; into a pipe, only the end is printed."""
    console = printing.console()
    latest: dict[str, Any] = {}
    if not console.is_terminal:
        latest = await until_finished(connection, name)
        summary.show(console, latest)
        return latest
    with Live(console=console, refresh_per_second=8, vertical_overflow="visible") as picture:
        async for latest in changes(connection, name):
            picture.update(summary.render(latest))
    return latest
