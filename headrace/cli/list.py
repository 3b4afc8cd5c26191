"""`headrace list`: workflows, newest first."""

from __future__ import annotations

import time
from typing import Any

import click
from rich.table import Table

from headrace.cli import printing, summary, times
from headrace.cli.connection import Target, asynchronous, target_options
from kube import resources
from kube.cluster import Selector


@click.command("list")
@click.option("-A", "--all-namespaces", is_flag=True, help="Of every namespace.")
@click.option("--running", is_flag=True, help="Only those that have not finished.")
@click.option("--completed", is_flag=True, help="Only those that have finished.")
@click.option("--status", "phases", help="Only these phases, comma separated.")
@click.option("--prefix", default="", help="Only names that start so.")
@click.option("-l", "--selector", default="", help="Label selector.")
@click.option("--field-selector", default="", help="Field selector.")
@click.option("--no-headers", is_flag=True)
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml", "wide"]))
@target_options
@asynchronous
async def list_workflows(  # noqa: PLR0913 - one parameter per option
    target: Target,
    all_namespaces: bool,
    running: bool,
    completed: bool,
    phases: str | None,
    prefix: str,
    selector: str,
    field_selector: str,
    no_headers: bool,
    output: str | None,
) -> None:
    """List workflows."""
    async with target.connect() as connection:
        namespace = None if all_namespaces else connection.namespace
        found = await connection.cluster.list(
            resources.WORKFLOWS, namespace, Selector(selector, field_selector)
        )
    wanted = set(phases.split(",")) if phases else None

    def shown(workflow: dict[str, Any]) -> bool:
        done = summary.finished(workflow)
        return (
            workflow["metadata"]["name"].startswith(prefix)
            and not (running and done)
            and not (completed and not done)
            and (wanted is None or summary.phase_of(workflow) in wanted)
        )

    chosen = [w for w in found.items if shown(w)]
    chosen.sort(key=lambda w: w["metadata"].get("creationTimestamp", ""), reverse=True)
    match output:
        case "json":
            click.echo(printing.as_json(chosen))
        case "yaml":
            click.echo(printing.as_yaml(chosen))
        case "name":
            for workflow in chosen:
                click.echo(workflow["metadata"]["name"])
        case _:
            _table(chosen, namespaces=all_namespaces, headers=not no_headers)


def _table(workflows: list[dict[str, Any]], *, namespaces: bool, headers: bool) -> None:
    if not workflows:
        click.echo("No workflows found")
        return
    now = time.time()
    table = Table(box=None, pad_edge=False, header_style="", show_header=headers)
    columns = ["NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE"]
    for column in ["NAMESPACE", *columns] if namespaces else columns:
        table.add_column(column)
    for workflow in workflows:
        meta, status = workflow["metadata"], workflow.get("status") or {}
        started = times.parse(status.get("startedAt"))
        ended = times.parse(status.get("finishedAt")) or now
        cells = [
            meta["name"],
            summary.phase_of(workflow),
            times.short(now - (times.parse(meta.get("creationTimestamp")) or now)),
            times.short(ended - started) if started else "0s",
            str((workflow.get("spec") or {}).get("priority", 0)),
            status.get("message", ""),
        ]
        table.add_row(*([meta["namespace"], *cells] if namespaces else cells))
    printing.console().print(table)
