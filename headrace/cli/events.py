"""`headrace events …`: what came in, what became of it, and what a changed Sensor would do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from events.bus import subjects
from events.bus.contract import Bus, BusError, Range
from events.ledger import commands, reading
from events.ledger.reading import EventEntry
from events.ledger.records import State
from events.sensors.compiled import Sensor, compile_sensor
from headrace.cli import eventprinting, times
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from headrace.insight.events import opening
from headrace.insight.events.opening import NoBus, Server
from kube import resources
from lang import duration
from lang.errors import LangError

POLL = 0.3  # seconds between two looks of tail

OUTCOMES = click.Choice([state.value for state in State])


def bus_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--bus` and where the NATS server of a real cluster is."""
    for option in (
        click.option(
            "--nats-password-file", type=click.Path(path_type=Path), help="File with its password."
        ),
        click.option("--nats-user", default="", help="Its user."),
        click.option("--nats-url", default="", help="NATS server of buses that headrace runs."),
        click.option("--bus", "bus_name", default="default", show_default=True, help="EventBus."),
    ):
        command = option(command)
    return command


def span_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which of the stored events."""
    for option in (
        click.option("--until", help="Not younger: 10m, 24h, 2026-03-01T00:00:00Z."),
        click.option("--since", help="Not older: 10m, 24h, 2026-03-01T00:00:00Z."),
        click.option("--outcome", type=OUTCOMES, help="With this outcome."),
        click.option("--event", "event_name", default="", help="Of this event of the source."),
        click.option("--source", default="", help="Of this EventSource."),
    ):
        command = option(command)
    return command


SENSOR = click.option("--sensor", "sensor_name", default="", help="That this Sensor took.")


@click.group()
def events() -> None:
    """Look at stored events, and replay them."""


@events.command("list")
@click.option("--limit", default=50, show_default=True, help="At most so many, the newest.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]))
@SENSOR
@span_options
@bus_options
@target_options
@asynchronous
async def list_events(target: Target, limit: int, output: str | None, **options: Any) -> None:
    """List stored events, newest first."""
    chosen = chooser(options)
    async with bus_of(target, options) as (_, bus):
        found = [e async for e in reading.entries(bus, stretch(options)) if chosen(e)]
    eventprinting.table(found[: -limit - 1 : -1], output)


@events.command("get")
@click.argument("identity", metavar="ID")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]))
@bus_options
@target_options
@asynchronous
async def get_event(target: Target, identity: str, output: str | None, **options: Any) -> None:
    """Show one event: its data, who took it, and what came of it."""
    async with bus_of(target, options) as (_, bus):
        eventprinting.one(await entry(bus, identity), output)


@events.command("tail")
@SENSOR
@span_options
@bus_options
@target_options
@asynchronous
async def tail(target: Target, **options: Any) -> None:
    """Show events as they come in."""
    chosen = chooser(options)
    async with bus_of(target, options) as (_, bus):
        last = 0
        if not options["since"]:
            async for found in reading.entries(bus):
                last = max(last, found.sequence)
        bounds = stretch(options)
        while True:
            async for found in reading.entries(bus, Range(first=last + 1, since=bounds.since)):
                last = max(last, found.sequence)
                if chosen(found):
                    eventprinting.line(found)
            await asyncio.sleep(POLL)


@events.command("explain")
@click.argument("identity", metavar="ID")
@click.option("--sensor", "sensor_name", default="", help="Only this Sensor.")
@bus_options
@target_options
@asynchronous
async def explain(target: Target, identity: str, sensor_name: str, **options: Any) -> None:
    """Say what each filter and parameter does with a stored event, now and as recorded."""
    async with bus_of(target, options) as (connection, bus):
        found = await entry(bus, identity)
        sensors = await sensors_of(connection, options["bus_name"])
    for sensor in sensors:
        if not sensor_name or sensor.name == sensor_name:
            eventprinting.explained(sensor, found)


@events.command("redrive")
@click.argument("key", metavar="[FIRING]", required=False)
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@click.option("--list", "only_list", is_flag=True, help="Only show them.")
@bus_options
@target_options
@asynchronous
async def redrive(
    target: Target, key: str | None, everything: bool, only_list: bool, **options: Any
) -> None:
    """Put dead letters back to work."""
    if sum((bool(key), everything, only_list)) != 1:
        raise click.UsageError("give a FIRING, --all or --list")
    async with bus_of(target, options) as (connection, bus):
        dead = await reading.dead_letters(bus)
        if only_list:
            eventprinting.dead_letters(dead)
            return
        chosen = [each for each in dead if everything or each.key.startswith(key or "")]
        if key and len(chosen) != 1:
            raise click.ClickException(f"{len(chosen)} dead letters begin with {key}")
        for each in chosen:
            prefix = subjects.stream(connection.namespace, options["bus_name"])
            await commands.redrive(bus, prefix, each.key)
            click.echo(f"{each.key} of {each.sensor}/{each.trigger} is tried again")
        if not chosen:
            click.echo("no dead letters")


@events.command("audit")
@click.option("-o", "--output", type=click.Choice(["json"]))
@bus_options
@target_options
@asynchronous
async def audit(target: Target, output: str | None, **options: Any) -> None:
    """Balance the books: received = fired + filtered + pending + dead. 1 if they do not."""
    async with bus_of(target, options) as (connection, bus):
        books = await reading.audit(bus, await sensors_of(connection, options["bus_name"]))
    eventprinting.books(books, output)
    if not books.balanced:
        raise click.exceptions.Exit(1)


# -- shared with the other commands about events ----------------------------------------------


@asynccontextmanager
async def bus_of(target: Target, options: dict[str, Any]) -> AsyncIterator[tuple[Connection, Bus]]:
    """The cluster and the bus that the options name. Raises ClickException."""
    server = Server(
        options["nats_url"], options["nats_user"], options["nats_password_file"], target.kubeconfig
    )
    try:
        async with target.connect() as connection:
            where = (connection.cluster, connection.namespace, options["bus_name"], server)
            async with opening.opened(*where) as bus:
                yield connection, bus
    except (NoBus, BusError) as error:
        raise click.ClickException(str(error)) from error


async def sensors_of(connection: Connection, bus: str) -> list[Sensor]:
    """The Sensors of a bus, by name."""
    found = await connection.cluster.list(resources.SENSORS, connection.namespace)
    sensors = [compile_sensor(item) for item in found.items]
    return sorted((s for s in sensors if s.bus == bus), key=lambda sensor: sensor.name)


async def entry(bus: Bus, identity: str) -> EventEntry:
    """The event of an id or its unique beginning. Raises ClickException."""
    found = await reading.entry(bus, identity)
    if found is None:
        raise click.ClickException(f"no stored event has the id {identity}, or several begin so")
    return found


def stretch(options: dict[str, Any]) -> Range:
    """The times that --since and --until mean. Raises UsageError."""
    return Range(since=_moment("--since", options), until=_moment("--until", options))


def _moment(option: str, options: dict[str, Any]) -> float | None:
    text = options[option.strip("-")]
    if not text:
        return None
    moment = times.parse(text)
    if moment is not None:
        return moment
    try:
        return time.time() - duration.parse(text)
    except LangError as error:
        raise click.UsageError(f"{option} {text}: neither a time nor a duration") from error


def chooser(options: dict[str, Any]) -> Callable[[EventEntry], bool]:
    """What the filter options let through."""
    source, event = options["source"], options["event_name"]
    sensor, outcome = options["sensor_name"], options["outcome"]

    def chosen(found: EventEntry) -> bool:
        if (source and found.source != source) or (event and found.name != event):
            return False
        units = [o for o in found.outcomes if not sensor or o.sensor == sensor]
        if sensor and not units:
            return False
        return not outcome or any(o.state.value == outcome for o in units)

    return chosen
