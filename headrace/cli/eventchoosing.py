"""Which bus, which events, which Sensors: the options that commands about events share."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from crds.errors import CrdError
from events.bus.contract import Bus, BusError, Range
from events.ledger import reading
from events.ledger.reading import SHORTEST, Ambiguous, EventEntry
from events.ledger.records import State
from headrace import logs
from headrace.cli import times
from headrace.cli.connection import Connection, Target
from headrace.insight.events import loading, opening
from headrace.insight.events.loading import Loaded
from headrace.insight.events.opening import NoBus, Server
from kube import resources
from lang import duration
from lang.errors import LangError

OUTCOMES = click.Choice([state.value for state in State])
_DAYS = re.compile(r"[0-9]{1,5}d\Z")
_DAY = 86400.0

Command = Callable[..., Any]


def bus_options(command: Command) -> Command:
    """`--bus` and where the NATS server of a real cluster is."""
    for option in (
        click.option(
            "--nats-password-file", type=click.Path(path_type=Path), help="File with its password."
        ),
        click.option("--nats-user", default="", help="Its user."),
        click.option("--nats-url", default="", help="NATS server of buses that headrace runs."),
        click.option("--bus", "bus_name", default="", help="EventBus.  [default: default]"),
    ):
        command = option(command)
    return command


def event_options(command: Command) -> Command:
    """Which events, by what they are."""
    for option in (
        click.option("--since", help="Not older: 10m, 24h, 7d, 2026-03-01T00:00:00Z."),
        click.option("--outcome", type=OUTCOMES, help="With this outcome."),
        click.option("--event", "event_name", default="", help="Of this event of the source."),
        click.option("--source", default="", help="Of this EventSource."),
    ):
        command = option(command)
    return command


def span_options(command: Command) -> Command:
    """Which of the stored events."""
    until = click.option("--until", help="Not younger: 10m, 24h, 7d, 2026-03-01T00:00:00Z.")
    return event_options(until(command))


SENSOR = click.option("--sensor", "sensor_name", default="", help="That this Sensor took.")


@asynccontextmanager
async def bus_of(
    target: Target, options: dict[str, Any], bus: str = ""
) -> AsyncIterator[tuple[Connection, Bus]]:
    """The cluster and the bus that the options name; `bus` where they name none.

    Raises ClickException.
    """
    server = Server(
        options["nats_url"], options["nats_user"], options["nats_password_file"], target.kubeconfig
    )
    name = named(options, bus)
    logs.configure(None, "error")  # what a command says goes to stdout, and nothing else does
    try:
        async with target.connect() as connection:
            where = (connection.cluster, connection.namespace, name, server)
            async with opening.opened(*where) as opened:
                yield connection, opened
    except (NoBus, BusError) as error:
        raise click.ClickException(str(error)) from error


def named(options: dict[str, Any], bus: str = "") -> str:
    """The name of the EventBus that the options mean."""
    return options["bus_name"] or bus or "default"


async def sensors_of(connection: Connection, bus: str) -> list[Loaded]:
    """The Sensors of a bus, by name. One that cannot be read at all is told and left out."""
    listed = await connection.cluster.list(resources.SENSORS, connection.namespace)
    found = []
    for item in listed.items:
        try:
            found.append(loading.load(item))
        except CrdError as error:
            click.echo(f"Warning: Sensor {item['metadata']['name']}: {error}", err=True)
    return sorted((s for s in found if s.sensor.bus == bus), key=lambda found: found.sensor.name)


async def entry(bus: Bus, identity: str) -> EventEntry:
    """The event of an id or its unique beginning. Raises ClickException."""
    try:
        found = await reading.entry(bus, identity)
    except Ambiguous as error:
        raise click.ClickException(f"several events begin with {identity}: {error}") from error
    if found is None and len(identity) < SHORTEST:
        why = f"no stored event has the id {identity}; of a longer one give at least {SHORTEST}"
        raise click.ClickException(f"{why} characters")
    if found is None:
        raise click.ClickException(f"no stored event has the id {identity}, or one that begins so")
    return found


def stretch(options: dict[str, Any]) -> Range:
    """The times that --since and --until mean. Raises UsageError."""
    return Range(since=_moment("--since", options), until=_moment("--until", options))


def _moment(option: str, options: dict[str, Any]) -> float | None:
    text = options.get(option.strip("-"))
    if not text:
        return None
    moment = times.parse(text)
    if moment is not None:
        return moment
    try:
        ago = float(text[:-1]) * _DAY if _DAYS.match(text) else duration.parse(text)
    except LangError as error:
        raise click.UsageError(f"{option} {text}: neither a time nor a duration") from error
    if ago < 0:
        raise click.UsageError(f"{option} {text}: lies in the future")
    return max(0.0, time.time() - ago)


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


def by_outcome(options: dict[str, Any]) -> bool:
    """Whether the filter options look at outcomes at all."""
    return bool(options["sensor_name"] or options["outcome"])
