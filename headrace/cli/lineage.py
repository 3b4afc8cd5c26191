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
from headrace.cli.eventchoosing import bus_of, bus_options
from kube import resources
from kube.cluster import Object, Selector
from kube.errors import NotFound

WORKFLOW = "workflows.argoproj.io/workflow"
CRON = "workflows.argoproj.io/cron-workflow"
RESUBMITTED = "workflows.argoproj.io/resubmitted-from-workflow"
_REFERENCES = {True: "ClusterWorkflowTemplate", False: "WorkflowTemplate"}

Events = dict[str, EventEntry | None]


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
        workflow = await finding.whole(connection, workflow)
        pods = await _pods(connection, workflow)
        bus = await _bus(connection, workflow)
    annotations = workflow["metadata"].get("annotations") or {}
    identities = [each for each in annotations.get(objects.EVENTS, "").split(",") if each]
    found: Events | None = {}
    if identities:
        found = await _events(target, options, bus, identities)
    told = _told(workflow, pods)
    told["events"] = [_event(identity, found) for identity in identities]
    told |= _recorded(told["firing"], found or {})
    if output:
        printing.echo_object(told, output)
    else:
        _show(told)


async def _events(
    target: Target, options: dict[str, Any], bus: str, identities: list[str]
) -> Events | None:
    """The stored events; None, and why on stderr, when the bus cannot be asked."""
    try:
        async with bus_of(target, options, bus) as (_, opened):
            return {identity: await reading.entry(opened, identity) for identity in identities}
    except click.ClickException as error:
        click.echo(f"Warning: the events cannot be shown: {error.message}", err=True)
        return None


async def _bus(connection: Connection, workflow: Object) -> str:
    """The EventBus of the Sensor that made it; empty when that is not known (any more)."""
    sensor = (workflow["metadata"].get("labels") or {}).get(objects.SENSOR_LABEL, "")
    if not sensor:
        return ""
    try:
        found = await connection.cluster.get(resources.SENSORS, connection.namespace, sensor)
    except NotFound:
        return ""
    return str((found.get("spec") or {}).get("eventBusName") or "")


async def _pods(connection: Connection, workflow: Object) -> list[dict[str, Any]]:
    """Its pods, oldest first; of those that were deleted, what the node says."""
    name = workflow["metadata"]["name"]
    chosen = Selector(labels=f"{WORKFLOW}={name}")
    listed = await connection.cluster.list(resources.PODS, connection.namespace, chosen)
    items = sorted(listed.items, key=lambda pod: pod["metadata"].get("creationTimestamp", ""))
    found = {
        pod["metadata"]["name"]: {
            "name": pod["metadata"]["name"],
            "phase": (pod.get("status") or {}).get("phase", ""),
        }
        for pod in items
    }
    nodes = ((workflow.get("status") or {}).get("nodes") or {}).values()
    gone: dict[str, dict[str, Any]] = {}
    for node in sorted(nodes, key=lambda node: str(node.get("startedAt") or "")):
        pod_name = summary.pod_of(name, node)
        if pod_name and pod_name not in found and node.get("startedAt"):
            gone[pod_name] = {"name": pod_name, "phase": node.get("phase", ""), "deleted": True}
    return [*gone.values(), *found.values()]


def _told(workflow: Object, pods: list[dict[str, Any]]) -> dict[str, Any]:
    meta, spec = workflow["metadata"], workflow.get("spec") or {}
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    reference = spec.get("workflowTemplateRef") or {}
    kind = _REFERENCES[bool(reference.get("clusterScope"))]
    return {
        "workflow": meta["name"],
        "phase": summary.phase_of(workflow),
        "sensor": labels.get(objects.SENSOR_LABEL, ""),
        "trigger": labels.get(objects.TRIGGER_LABEL, ""),
        "firing": annotations.get(objects.FIRING, ""),
        "traceId": trace.trace_id(annotations.get(objects.TRACE, "")),
        "cronWorkflow": labels.get(CRON, ""),
        "resubmittedFrom": labels.get(RESUBMITTED, ""),
        "template": f"{kind}/{reference['name']}" if reference.get("name") else "",
        "events": [],
        "pods": pods,
    }


def _recorded(firing: str, found: Events) -> dict[str, str]:
    """Sensor and trigger as the ledger names them; not every name can be a label."""
    for entry in found.values():
        for outcome in entry.outcomes if entry else ():
            if outcome.firing == firing:
                return {"sensor": outcome.sensor, "trigger": outcome.trigger}
    return {}


def _event(identity: str, found: Events | None) -> dict[str, Any]:
    """`stored` null: the bus could not be asked."""
    if found is None:
        return {"id": identity, "stored": None}
    entry = found.get(identity)
    return {"id": identity, "stored": False} if entry is None else eventprinting.plain(entry)


def _show(told: dict[str, Any]) -> None:
    for event in told["events"]:
        if "source" in event:
            click.echo(f"event    {event['id']}  {event['source']}/{event['event']}")
            click.echo(f"         received {event['received']}")
        else:
            why = "" if event["stored"] is None else "  (no longer stored)"
            click.echo(f"event    {event['id']}{why}")
    if told["sensor"]:
        click.echo(f"sensor   {told['sensor']}/{told['trigger']}  firing {told['firing']}")
    if told["cronWorkflow"]:
        click.echo(f"cron     {told['cronWorkflow']}")
    if told["resubmittedFrom"]:
        click.echo(f"from     {told['resubmittedFrom']}")
    if told["template"]:
        click.echo(f"template {told['template']}")
    if told["traceId"]:
        click.echo(f"trace    {told['traceId']}")
    click.echo(f"workflow {told['workflow']}  {told['phase']}")
    for pod in told["pods"]:
        deleted = "  (deleted)" if pod.get("deleted") else ""
        click.echo(f"  pod    {pod['name']}  {pod['phase']}{deleted}")
