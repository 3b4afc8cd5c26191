"""`headrace cron …`: CronWorkflows, listed, paused, gone on with, run now, and for the past."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from crds import submission
from engine.core import cron as schedules
from headrace.cli import following, printing, times
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from kube import resources
from kube.cluster import Object
from kube.errors import NotFound
from lang.errors import LangError

BACKFILL = "workflows.argoproj.io/backfill"
NAMES = click.argument("names", metavar="NAME...", nargs=-1, required=True)


@click.group()
def cron() -> None:
    """Work with CronWorkflows."""


@cron.command("list")
@click.option("-A", "--all-namespaces", is_flag=True, help="Of every namespace.")
@click.option("-o", "--output", type=click.Choice(["name", "json", "yaml"]))
@target_options
@asynchronous
async def list_crons(target: Target, all_namespaces: bool, output: str | None) -> None:
    """List CronWorkflows."""
    async with target.connect() as connection:
        namespace = None if all_namespaces else connection.namespace
        found = (await connection.cluster.list(resources.CRON_WORKFLOWS, namespace)).items
    found.sort(key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
    if output == "name":
        for item in found:
            click.echo(item["metadata"]["name"])
    elif output:
        printing.echo_object(found, output)
    elif not found:
        click.echo("No cron workflows found")
    else:
        printing.console().print(_table(found, namespaces=all_namespaces))


@cron.command("get")
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]))
@target_options
@asynchronous
async def get_cron(target: Target, name: str, output: str | None) -> None:
    """Show a CronWorkflow."""
    async with target.connect() as connection:
        found = await _found(connection, name)
    if output:
        printing.echo_object(found, output)
        return
    for label, value in _facts(found):
        click.echo(f"{label + ':':<30}{value}")


@cron.command("suspend")
@NAMES
@target_options
@asynchronous
async def suspend_cron(target: Target, names: tuple[str, ...]) -> None:
    """Start no further run until resumed."""
    await _set_suspended(target, names, suspended=True)


@cron.command("resume")
@NAMES
@target_options
@asynchronous
async def resume_cron(target: Target, names: tuple[str, ...]) -> None:
    """Let suspended CronWorkflows run again."""
    await _set_suspended(target, names, suspended=False)


@cron.command("delete")
@NAMES
@target_options
@asynchronous
async def delete_cron(target: Target, names: tuple[str, ...]) -> None:
    """Delete CronWorkflows, and with them their runs."""
    async with target.connect() as connection:
        for name in names:
            await _found(connection, name)
            await connection.cluster.delete(resources.CRON_WORKFLOWS, connection.namespace, name)
            click.echo(f"cron workflow {name} deleted")


@cron.command("backfill")
@click.argument("name")
@click.option("--start", required=True, help="First moment, RFC 3339: 2026-03-01T00:00:00Z.")
@click.option("--end", help="Last moment; now, if not given.")
@click.option("--name", "prefix", help="Prefix of the workflows' names.")
@click.option("--parallel", is_flag=True, help="Do not wait for one run before the next.")
@click.option(
    "--argname", default="cronScheduleTime", show_default=True, help="Parameter with the moment."
)
@click.option(
    "--maxworkflowcount", "most", default=1000, show_default=True, help="At most so many."
)
@click.option("--dry-run", is_flag=True, help="Only say which moments.")
@target_options
@asynchronous
async def backfill(target: Target, name: str, **options: Any) -> None:
    """Run a CronWorkflow for moments of the past. Asked again, it goes on where it was."""
    start, end = _moment("--start", options["start"]), _moment("--end", options["end"])
    async with target.connect() as connection:
        found = await _found(connection, name)
        try:
            moments = schedules.backfill(found, start, end, options["most"])
        except LangError as error:
            raise click.ClickException(f"spec.schedules: {error.message}") from error
        click.echo(f"{len(moments)} runs of {name} from {options['start']}", err=True)
        good = True
        for moment in moments:
            if options["dry_run"]:
                click.echo(_text(moment))
                continue
            body = _run_of(found, moment, options)
            made = await _created(connection, body)
            click.echo(f"{made['metadata']['name']} for {_text(moment)}")
            shown = {"wait": not options["parallel"], "watch": False, "log": False, "output": None}
            good &= await following.ended_well(connection, made, shown)
    if not good:
        raise click.exceptions.Exit(1)


async def _created(connection: Connection, body: Object) -> Object:
    """The run, made now or by an earlier backfill."""
    name = body["metadata"]["name"]
    try:
        return await connection.cluster.get(resources.WORKFLOWS, connection.namespace, name)
    except NotFound:
        return await connection.cluster.create(resources.WORKFLOWS, connection.namespace, body)


def _run_of(found: Object, moment: datetime, options: dict[str, Any]) -> Object:
    body = schedules.child_of(found, moment)
    meta = body["metadata"]
    del meta["ownerReferences"]  # its history limits are not meant for these
    labels = {k: v for k, v in meta["labels"].items() if k != f"{schedules.LABEL}cron-workflow"}
    meta["labels"] = {**labels, BACKFILL: found["metadata"]["name"]}
    prefix = options["prefix"] or f"{found['metadata']['name']}-backfill"
    meta["name"] = f"{prefix}-{int(moment.timestamp())}"
    given = {options["argname"]: _text(moment)}
    return submission.with_options(body, submission.Options(parameters=given))


async def _set_suspended(target: Target, names: tuple[str, ...], *, suspended: bool) -> None:
    async with target.connect() as connection:
        for name in names:
            await _found(connection, name)
            body = {"spec": {"suspend": suspended}}
            await connection.cluster.patch(
                resources.CRON_WORKFLOWS, connection.namespace, name, body
            )
            click.echo(f"cron workflow {name} {'suspended' if suspended else 'resumed'}")


async def _found(connection: Connection, name: str) -> Object:
    try:
        return await connection.cluster.get(resources.CRON_WORKFLOWS, connection.namespace, name)
    except NotFound as error:
        text = f'cron workflow "{name}" not found in namespace "{connection.namespace}"'
        raise click.ClickException(text) from error


def _moment(option: str, text: str | None) -> float:
    if not text:
        return time.time()
    moment = times.parse(text)
    if moment is None:
        raise click.UsageError(f"{option} {text}: not a moment such as 2026-03-01T00:00:00Z")
    return moment


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _next(found: Object) -> float | None:
    spec = found["spec"]
    if spec.get("suspend"):
        return None
    return schedules.step(found, [], time.time(), time.time()).wake


def _schedules(found: Object) -> str:
    return ", ".join(found["spec"].get("schedules") or ())


def _table(found: list[Object], *, namespaces: bool) -> Table:
    table, now = Table(box=None, pad_edge=False, header_style=""), time.time()
    columns = ["NAME", "AGE", "LAST RUN", "NEXT RUN", "SCHEDULES", "TIMEZONE", "SUSPENDED"]
    for column in ["NAMESPACE", *columns] if namespaces else columns:
        table.add_column(column)
    for item in found:
        meta, status = item["metadata"], item.get("status") or {}
        last, after = times.parse(status.get("lastScheduledTime")), _next(item)
        cells = [
            meta["name"],
            times.short(now - (times.parse(meta.get("creationTimestamp")) or now)),
            times.short(now - last) if last else "N/A",
            times.short(after - now) if after else "N/A",
            _schedules(item),
            item["spec"].get("timezone") or "",
            "true" if item["spec"].get("suspend") else "false",
        ]
        table.add_row(*([meta["namespace"], *cells] if namespaces else cells))
    return table


def _facts(found: Object) -> list[tuple[str, str]]:
    meta, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    after = _next(found)
    facts = [
        ("Name", meta["name"]),
        ("Namespace", meta["namespace"]),
        ("Created", times.local(meta.get("creationTimestamp"), time.time())),
        ("Schedules", _schedules(found)),
        ("Timezone", spec.get("timezone") or "UTC"),
        ("Suspended", "true" if spec.get("suspend") else "false"),
        ("ConcurrencyPolicy", spec.get("concurrencyPolicy") or "Allow"),
        ("LastScheduledTime", times.local(status.get("lastScheduledTime"), time.time())),
        ("NextScheduledTime", _text(datetime.fromtimestamp(after, UTC)) if after else ""),
        ("Active", ", ".join(a["name"] for a in status.get("active") or ())),
        ("Succeeded", str(status.get("succeeded") or 0)),
        ("Failed", str(status.get("failed") or 0)),
        ("Phase", status.get("phase") or "Active"),
    ]
    facts += [(str(c.get("type")), str(c.get("message"))) for c in status.get("conditions") or ()]
    return [(label, value) for label, value in facts if value]
