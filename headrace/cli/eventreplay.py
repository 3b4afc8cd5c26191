"""`headrace events replay`: stored events put to a changed Sensor; fired only on request."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from crds.errors import CrdError
from events.bus.contract import Bus
from events.ledger import reading
from events.ledger.records import State
from events.secrets import Secrets
from events.sensors.compiled import Sensor
from events.triggers.contract import TriggerServices
from events.triggers.open_files import OpenFiles
from headrace import logs
from headrace.cli import eventexplaining, manifests, printing
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from headrace.cli.eventchoosing import (
    bus_of,
    bus_options,
    by_outcome,
    chooser,
    span_options,
    stretch,
)
from headrace.cli.events import events
from headrace.insight.events import comparing, firing_again, loading
from headrace.insight.events.comparing import Comparison
from headrace.insight.events.loading import Loaded
from headrace.insight.events.simulating import Simulation
from kube import egress_rules, resources
from kube.clock import SystemClock
from kube.egress import Egress, EgressSettings
from kube.errors import NotFound
from kube.http import HttpCluster


@events.command("replay")
@click.option("--sensor", "file", required=True, help="File with the changed Sensor.")
@click.option("--fire", is_flag=True, help="Fire for real what fires now or otherwise.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]))
@span_options
@bus_options
@target_options
@asynchronous
async def replay(target: Target, file: str, fire: bool, output: str | None, **options: Any) -> None:
    """Put stored events to a changed Sensor, and say what would be different.

    The Sensor of that name in the cluster is what it is compared with. Triggers are not asked:
    nothing is fired without --fire.
    """
    body = sensor_in(file)
    changed = checked(body, file)
    target = _of_namespace(target, changed.sensor, file)
    async with bus_of(target, options, changed.sensor.bus) as (connection, bus):
        present = await stored_sensor(connection, changed.sensor.name)
        if present is None:
            where = f'"{changed.sensor.name}" in namespace "{connection.namespace}"'
            click.echo(f"there is no Sensor {where} yet: compared with nothing", err=True)
        found = Comparison(keep=fire)
        await _compare(bus, options, (present.sensor if present else None, changed.sensor), found)
        _show(found, output)
        if present is not None:
            for trigger in comparing.other_templates(present.sensor, changed.sensor):
                why = "its template, policy or retries are different too: those are not compared"
                click.echo(f"{trigger}: {why}", err=True)
        if fire:
            await _fire(connection, changed.sensor, found)


async def _compare(
    bus: Bus, options: dict[str, Any], sensors: tuple[Sensor | None, Sensor], found: Comparison
) -> None:
    """Put the events one by one to both Sensors: (present, changed)."""
    options["sensor_name"] = ""
    chosen, bounds = chooser(options), stretch(options)
    present, changed = sensors
    before, after = Simulation(present) if present else None, Simulation(changed)
    read = reading.entries if by_outcome(options) else reading.stored
    async for entry in read(bus, bounds):
        if chosen(entry):
            found.add(before.take(entry) if before else (), after.take(entry))


def _show(found: Comparison, output: str | None) -> None:
    if output:
        printing.echo_object(eventexplaining.plain_comparison(found), output)
        return
    for text in eventexplaining.difference_lines(found):
        click.echo(text)


def sensor_in(file: str) -> dict[str, Any]:
    """The one Sensor of a file. Raises ClickException."""
    found = [m.body for m in manifests.read((file,)) if m.body.get("kind") == "Sensor"]
    if len(found) != 1:
        raise click.ClickException(f"{file}: one Sensor is needed, {len(found)} were found")
    return found[0]


def checked(body: dict[str, Any], where: str) -> Loaded:
    """A Sensor made ready, what cannot work of it said on stderr. Raises ClickException."""
    try:
        loaded = loading.load(body, strict=True)
    except CrdError as error:
        raise click.ClickException(f"{where}: {error}") from error
    for problem in loaded.problems:
        click.echo(f"Warning: {problem}", err=True)
    return loaded


async def stored_sensor(connection: Connection, name: str) -> Loaded | None:
    """The Sensor of that name in the cluster. Raises ClickException."""
    try:
        found = await connection.cluster.get(resources.SENSORS, connection.namespace, name)
        return loading.load(found)
    except NotFound:
        return None
    except CrdError as error:
        raise click.ClickException(f"Sensor {name}: {error}") from error


def _of_namespace(target: Target, sensor: Sensor, file: str) -> Target:
    """The target in the namespace that the file names."""
    written = sensor.namespace
    if written and target.namespace and written != target.namespace:
        why = f'{file}: the Sensor is of namespace "{written}", not "{target.namespace}"'
        raise click.ClickException(why)
    return Target(target.kubeconfig, target.context, target.namespace or written or None)


async def _fire(connection: Connection, sensor: Sensor, found: Comparison) -> None:
    """Carry out what is new or different, under firing keys that were never used before."""
    logs.configure(None, "info")  # a log trigger's effect is what it logs
    logging.getLogger("events.firings").setLevel(logging.CRITICAL)  # told here
    failed = False
    async with _services(connection) as services:
        again = firing_again.Again(services, sensor)
        for work in firing_again.work(sensor, connection.namespace, found.differences()):
            outcome = await again.fire(work)
            if outcome.state is State.FIRED:
                click.echo(f"fired {work.trigger}: {outcome.effect} (firing {work.key})")
            else:
                failed = True
                tried = f"attempts {outcome.attempts}"
                click.echo(f"{work.trigger} failed ({tried}): {outcome.reason}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


_FILES = OpenFiles((Path("/"),), tuple(map(Path, ("/proc", "/sys", "/dev"))))
"""Who types the command reads as himself."""


def _egress(cluster: HttpCluster) -> EgressSettings:
    """The policy of a running headrace, as far as it can be told from here."""
    own = cluster.url("/api").port
    allow = egress_rules.parse(os.environ.get("HEADRACE_EGRESS_ALLOW", "").split())
    return EgressSettings(lambda: frozenset({own} if own else ()), allow)


@asynccontextmanager
async def _services(connection: Connection) -> AsyncIterator[TriggerServices]:
    clock, cluster = SystemClock(), connection.cluster
    services = TriggerServices(
        cluster, Secrets(cluster, clock), clock, Egress(_egress(cluster)), files=_FILES
    )
    await services.clients.start()
    try:
        yield services
    finally:
        await services.clients.stop()
