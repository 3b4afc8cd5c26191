"""`headrace lineage`: from a workflow back to the events that started it, and on to its pods."""

from __future__ import annotations

from typing import Any

import click

from events import trace
from events.ledger import reading
from events.ledger.reading import EventEntry
from events.triggers import objects
from headrace.cli import eventprinting, finding, printing, summary
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from headrace.cli.events import bus_of, bus_options
from kube import resources
from kube.cluster import Object, Selector

WORKFLOW = "workflows.argoproj.io/workflow"
CRON = "workflows.argoproj.io/cron-workflow"
RESUBMITTED = "workflows.argoproj.io/resubmitted-from-workflow"


@click.command()
@click.argument("name", metavar="WORKFLOW")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]))
@bus_options
@target_options
@asynchronous
async def lineage(target: Target, name: str, output: str | None, **options: Any) -> None:
    """Show where a workflow comes from, and what it ran."""
    async with target.connect() as connection:
        workflow = await finding.workflow(connection, name)
        pods = await _pods(connection, workflow["metadata"]["name"])
    annotations = workflow["metadata"].get("annotations") or {}
    identities = [each for each in annotations.get(objects.EVENTS, "").split(",") if each]
    found: list[EventEntry | None] = []
    if identities:
        async with bus_of(target, options) as (_, bus):
            found = [await reading.entry(bus, identity) for identity in identities]
    told = _told(workflow, dict(zip(identities, found, strict=True)), pods)
    if output:
        printing.echo_object(told, output)
    else:
        _show(told)


async def _pods(connection: Connection, workflow: str) -> list[Object]:
    chosen = Selector(labels=f"{WORKFLOW}={workflow}")
    listed = await connection.cluster.list(resources.PODS, connection.namespace, chosen)
    return sorted(listed.items, key=lambda pod: pod["metadata"].get("creationTimestamp", ""))


def _told(
    workflow: Object, events: dict[str, EventEntry | None], pods: list[Object]
) -> dict[str, Any]:
    meta = workflow["metadata"]
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    return {
        "workflow": meta["name"],
        "phase": summary.phase_of(workflow),
        "sensor": labels.get(objects.SENSOR_LABEL, ""),
        "trigger": labels.get(objects.TRIGGER_LABEL, ""),
        "firing": annotations.get(objects.FIRING, ""),
        "traceId": trace.trace_id(annotations.get(objects.TRACE, "")),
        "cronWorkflow": labels.get(CRON, ""),
        "resubmittedFrom": labels.get(RESUBMITTED, ""),
        "events": [
            {"id": identity, "stored": False} if entry is None else eventprinting.plain(entry)
            for identity, entry in events.items()
        ],
        "pods": [
            {"name": pod["metadata"]["name"], "phase": (pod.get("status") or {}).get("phase", "")}
            for pod in pods
        ],
    }


def _show(told: dict[str, Any]) -> None:
    for event in told["events"]:
        if "source" in event:
            click.echo(f"event    {event['id']}  {event['source']}/{event['event']}")
            click.echo(f"         received {event['received']}")
        else:
            click.echo(f"event    {event['id']}  (no longer stored)")
    if told["sensor"]:
        click.echo(f"sensor   {told['sensor']}/{told['trigger']}  firing {told['firing']}")
    if told["cronWorkflow"]:
        click.echo(f"cron     {told['cronWorkflow']}")
    if told["resubmittedFrom"]:
        click.echo(f"from     {told['resubmittedFrom']}")
    if told["traceId"]:
        click.echo(f"trace    {told['traceId']}")
    click.echo(f"workflow {told['workflow']}  {told['phase']}")
    for pod in told["pods"]:
        click.echo(f"  pod    {pod['name']}  {pod['phase']}")
