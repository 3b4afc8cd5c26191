"""`--watch`, `--wait` and `--log`: staying with a workflow that was just started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from headrace.cli import summary, watching
from headrace.cli.connection import Connection
from headrace.cli.logs import follow_all
from kube.cluster import Object

F = TypeVar("F", bound=Callable[..., Any])


def options(command: F) -> F:
    """Add the three options to a command."""
    for option in (
        click.option("--log", "log", is_flag=True, help="Print its logs until it has finished."),
        click.option("--wait", "wait", is_flag=True, help="Wait until it has finished."),
        click.option("--watch", "-w", "watch", is_flag=True, help="Show it until it has finished."),
    ):
        command = option(command)
    return command


async def ended_well(connection: Connection, made: Object, chosen: dict[str, Any]) -> bool:
    """Wait as asked; False when the workflow did not succeed. Not asked: True at once."""
    name = made["metadata"]["name"]
    namespace = made["metadata"].get("namespace") or connection.namespace
    there = Connection(connection.cluster, namespace)
    if chosen["log"]:
        await follow_all(there, name)
        ended = await watching.until_finished(there, name)
    elif chosen["watch"]:
        ended = await watching.live(there, name)
    elif chosen["wait"]:
        ended = await watching.until_finished(there, name)
        if chosen["output"] is None:
            phase = summary.phase_of(ended)
            click.echo(f"{name} {phase} at {ended['status'].get('finishedAt', '')}")
    else:
        return True
    return summary.phase_of(ended) == "Succeeded"
