"""`headrace events replay`, `headrace test-event`: Sensors tried on events, without firing."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import click

from events import cloudevent
from events.cloudevent import CloudEvent
from events.ledger import reading, records
from events.ledger.reading import EventEntry
from events.ledger.records import Firing
from events.secrets import Secrets
from events.sensors import firings
from events.sensors.compiled import Sensor, compile_sensor
from events.triggers.contract import TriggerFailed, TriggerServices
from headrace.cli import eventprinting, manifests
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from headrace.cli.events import bus_of, bus_options, chooser, events, span_options, stretch
from headrace.insight.events import comparing, simulating
from headrace.insight.events.comparing import Change, Difference
from kube import resources
from kube.clock import SystemClock
from kube.egress import Egress, EgressSettings
from kube.errors import KubeError, NotFound


@events.command("replay")
@click.option("--sensor", "file", required=True, help="File with the changed Sensor.")
@click.option("--fire", is_flag=True, help="Fire for real what fires now or otherwise.")
@span_options
@bus_options
@target_options
@asynchronous
async def replay(target: Target, file: str, fire: bool, **options: Any) -> None:
    """Put stored events to a changed Sensor, and say what would be different."""
    options["sensor_name"] = ""
    chosen = chooser(options)
    async with bus_of(target, options) as (connection, bus):
        changed = _of_file(file)
        present = await _stored(connection, changed.name)
        found = [e async for e in reading.entries(bus, stretch(options)) if chosen(e)]
        before = simulating.simulate(present, found) if present is not None else []
        compared = comparing.compare(before, simulating.simulate(changed, found))
        eventprinting.differences(compared)
        if fire:
            await _fire(connection, changed, compared)


@click.command("test-event")
@click.argument("sensor")
@click.option("-f", "--file", "payload", required=True, help="The event's data; - for stdin.")
@click.option("--dependency", help="The dependency it is for; the only one, if not given.")
@target_options
@asynchronous
async def test_event(target: Target, sensor: str, payload: str, dependency: str | None) -> None:
    """Say what a Sensor (a name, or a file) would do with an event. Nothing is stored or fired."""
    if sensor == "-" or await asyncio.to_thread(Path(sensor).is_file):
        compiled = _of_file(sensor)
    else:
        async with target.connect() as connection:
            stored = await _stored(connection, sensor)
        if stored is None:
            raise click.ClickException(f'there is no Sensor "{sensor}"')
        compiled = stored
    for problem in (*compiled.dependency_problems, *compiled.problems):
        click.echo(f"Warning: {problem}", err=True)
    eventprinting.explained(compiled, _entry(compiled, dependency, payload))


def _entry(sensor: Sensor, dependency: str | None, payload: str) -> EventEntry:
    names = list(sensor.dependencies)
    name = dependency or (names[0] if len(names) == 1 else "")
    if name not in sensor.dependencies:
        raise click.UsageError(f"--dependency: one of {', '.join(names)}")
    wanted = sensor.dependencies[name]
    data = sys.stdin.buffer.read() if payload == "-" else Path(payload).read_bytes()
    now = time.time()
    identity = uuid.uuid4().hex
    event = CloudEvent(
        id=identity,
        source=wanted.source,
        type="test",
        subject=wanted.event,
        time=cloudevent.timestamp(now),
        data=data,
    )
    return EventEntry(1, now, identity, wanted.source, wanted.event, event, (), "")


def _of_file(file: str) -> Sensor:
    found = [m.body for m in manifests.read((file,)) if m.body.get("kind") == "Sensor"]
    if len(found) != 1:
        raise click.ClickException(f"{file}: one Sensor is needed, {len(found)} were found")
    return compile_sensor(found[0])


async def _stored(connection: Connection, name: str) -> Sensor | None:
    try:
        found = await connection.cluster.get(resources.SENSORS, connection.namespace, name)
    except NotFound:
        return None
    return compile_sensor(found)


async def _fire(connection: Connection, sensor: Sensor, found: list[Difference]) -> None:
    """Carry out what is new or different, under firing keys that were never used before."""
    clock = SystemClock()
    cluster = connection.cluster
    services = TriggerServices(cluster, Secrets(cluster, clock), clock, Egress(EgressSettings()))
    run, failed = uuid.uuid4().hex, False
    for each in found:
        firing = each.after
        if firing is None or each.change is Change.SAME or firing.problem:
            continue
        key = records.firing_key(firing.key[1], f"replay {run}", firing.trigger, 0)
        work = Firing(
            key=key,
            namespace=connection.namespace,
            sensor=sensor.name,
            sensor_uid=sensor.uid,
            trigger=firing.trigger,
            generation=sensor.generation,
            events=dict(firing.events),
            created=clock.now(),
        )
        try:
            effect = await firings.carry_out(services, work, sensor.triggers[firing.trigger].spec)
            click.echo(f"fired {firing.trigger}: {effect}")
        except (TriggerFailed, KubeError, ValueError) as error:
            failed = True
            click.echo(f"{firing.trigger} failed: {error}", err=True)
    if failed:
        raise click.exceptions.Exit(1)
