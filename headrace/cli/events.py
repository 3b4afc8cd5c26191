"""`headrace events …`: what came in, what became of it, and what a changed Sensor would do."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import click

from events.bus import subjects
from events.bus.contract import Bus, Range
from events.ledger import auditing, commands, reading
from events.ledger.reading import EventEntry
from events.ledger.records import DURABLE, State
from headrace.cli import eventexplaining, eventprinting, printing
from headrace.cli.connection import Target, asynchronous, target_options
from headrace.cli.eventchoosing import (
    SENSOR,
    bus_of,
    bus_options,
    by_outcome,
    chooser,
    entry,
    event_options,
    named,
    sensors_of,
    span_options,
    stretch,
)
from headrace.insight.events import explaining

POLL = 0.3  # seconds between two looks of tail
_OPEN = 500  # events that tail waits for
_FEW = 200  # events whose outcomes are looked up one by one

JSON_YAML = click.option("-o", "--output", type=click.Choice(["json", "yaml"]))


@click.group()
def events() -> None:
    """Look at stored events, and replay them."""


@events.command("list")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="At most so many, the newest.",
)
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "name"]))
@SENSOR
@span_options
@bus_options
@target_options
@asynchronous
async def list_events(target: Target, limit: int, output: str | None, **options: Any) -> None:
    """List stored events, newest first."""
    chosen, bounds = chooser(options), stretch(options)
    every = by_outcome(options) or limit > _FEW
    found: deque[EventEntry] = deque(maxlen=limit)
    async with bus_of(target, options) as (_, bus):
        async for each in reading.entries(bus, bounds) if every else reading.stored(bus, bounds):
            if chosen(each):
                found.append(each)
        newest = list(found) if every else await reading.with_outcomes(bus, found)
    eventprinting.table(newest[::-1], output)


@events.command("get")
@click.argument("identity", metavar="ID")
@JSON_YAML
@bus_options
@target_options
@asynchronous
async def get_event(target: Target, identity: str, output: str | None, **options: Any) -> None:
    """Show one event: its data, who took it, and what came of it."""
    async with bus_of(target, options) as (_, bus):
        eventprinting.one(await entry(bus, identity), output)


@events.command("tail")
@click.option("-o", "--output", type=click.Choice(["json"]), help="One object a line.")
@SENSOR
@event_options
@bus_options
@target_options
@asynchronous
async def tail(target: Target, output: str | None, **options: Any) -> None:
    """Show events as they come in; with --sensor or --outcome, as soon as that is known."""
    chosen, waits, bounds = chooser(options), by_outcome(options), stretch(options)
    unsettled: dict[int, EventEntry] = {}
    async with bus_of(target, options) as (_, bus):
        last = 0 if bounds.since is not None else await bus.last()
        while True:
            if last < await bus.last():
                news = Range(first=last + 1 if last else None, since=bounds.since)
                async for found in reading.stored(bus, news):
                    last = max(last, found.sequence)
                    if waits:
                        unsettled[found.sequence] = found
                    elif chosen(found):
                        eventprinting.line(found, output)
                    if len(unsettled) > _OPEN:
                        del unsettled[next(iter(unsettled))]
            for found in await _known(bus, unsettled):
                if chosen(found):
                    unsettled.pop(found.sequence, None)
                    eventprinting.line(found, output)
            await asyncio.sleep(POLL)


async def _known(bus: Bus, unsettled: dict[int, EventEntry]) -> list[EventEntry]:
    """The events with their outcomes; those of which nothing more is to come are let go."""
    if not unsettled:
        return []
    floor = await bus.floor(DURABLE)
    found = await reading.with_outcomes(bus, unsettled.values())
    for each in found:
        waits = any(outcome.state is State.PENDING for outcome in each.outcomes)
        if each.sequence <= floor and not waits:
            del unsettled[each.sequence]
    return found


@events.command("explain")
@click.argument("identity", metavar="ID")
@click.option("--sensor", "sensor_name", default="", help="Only this Sensor.")
@JSON_YAML
@bus_options
@target_options
@asynchronous
async def explain(
    target: Target, identity: str, sensor_name: str, output: str | None, **options: Any
) -> None:
    """Say what each filter and parameter does with a stored event, now and as recorded."""
    async with bus_of(target, options) as (connection, bus):
        found = await entry(bus, identity)
        sensors = await sensors_of(connection, named(options))
        names = {each.sensor.name for each in sensors} | {o.sensor for o in found.outcomes}
        if sensor_name and sensor_name not in names:
            raise click.ClickException(f'no Sensor "{sensor_name}" uses this bus')
        there = [each.sensor for each in sensors]
        sensors = [s for s in sensors if sensor_name in ("", s.sensor.name)]
        units = explaining.joint_units(found, [each.sensor for each in sensors])
        together = {unit.firing: await reading.of_firing(bus, unit) for unit in units}
    told = [
        explaining.explain(each.sensor, found, together, problems=each.problems) for each in sensors
    ]
    told += explaining.of_deleted(found, there, sensor_name)
    told = [each for each in told if each.taken]
    if output:
        printing.echo_object(eventexplaining.plain(found, told), output)
    else:
        eventexplaining.show(told, found)


@events.command("redrive")
@click.argument("key", metavar="[FIRING]", required=False)
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@click.option("--list", "only_list", is_flag=True, help="Only show them.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="With --list.")
@bus_options
@target_options
@asynchronous
async def redrive(
    target: Target,
    key: str | None,
    everything: bool,
    only_list: bool,
    output: str | None,
    **options: Any,
) -> None:
    """Put dead letters back to work."""
    if sum((bool(key), everything, only_list)) != 1:
        raise click.UsageError("give a FIRING, --all or --list")
    if output and not only_list:
        raise click.UsageError("-o goes with --list")
    async with bus_of(target, options) as (connection, bus):
        dead = await reading.dead_letters(bus)
        if only_list:
            eventprinting.dead_letters(dead, output)
            return
        chosen = [each for each in dead if everything or each.key.startswith(key or "")]
        if key and len(chosen) != 1:
            few = "no dead letter begins" if not chosen else f"{len(chosen)} dead letters begin"
            raise click.ClickException(f"{few} with {key}")
        prefix = subjects.stream(connection.namespace, named(options))
        for each in chosen:
            await commands.redrive(bus, prefix, each.key)
            click.echo(f"{each.key} of {each.sensor}/{each.trigger} is tried again")
        if not chosen:
            click.echo("no dead letters")


@events.command("audit")
@JSON_YAML
@bus_options
@target_options
@asynchronous
async def audit(target: Target, output: str | None, **options: Any) -> None:
    """Balance the books: received = fired + filtered + pending + dead. 1 if they do not."""
    async with bus_of(target, options) as (connection, bus):
        loaded = await sensors_of(connection, named(options))
        since = {each.sensor.uid: each.since for each in loaded}
        books = await auditing.audit(bus, [each.sensor for each in loaded], since)
    eventprinting.books(books, output)
    if not books.balanced:
        raise click.exceptions.Exit(1)
