"""`headrace test-event`: what a Sensor would do with an event. Nothing is stored or fired."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from events import cloudevent
from events.cloudevent import CloudEvent
from events.ledger.reading import EventEntry
from events.sensors.compiled import Sensor
from headrace.cli import eventexplaining, printing
from headrace.cli.connection import Target, asynchronous, target_options
from headrace.cli.eventreplay import checked, sensor_in, stored_sensor
from headrace.insight.events import explaining
from lang import gojson
from lang.errors import LangError

_MOST = 64 * 1024 * 1024
_ATTRIBUTES = ("id", "source", "type", "subject", "time", "datacontenttype", "specversion")


@dataclass(frozen=True, slots=True)
class _Given:
    """An event of the command line: for a dependency, and the entry that a bus would hold."""

    dependency: str
    entry: EventEntry


@click.command("test-event")
@click.argument("sensor")
@click.option(
    "-f",
    "--file",
    "payloads",
    required=True,
    multiple=True,
    metavar="[DEPENDENCY=]FILE",
    help="The event's data (JSON); - for stdin. Several for a Sensor that waits for several.",
)
@click.option("--dependency", default="", help="The dependency it is for, if there are several.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="An attribute of the event, for context and time filters: type=webhook.",
)
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]))
@target_options
@asynchronous
async def test_event(
    target: Target,
    sensor: str,
    payloads: tuple[str, ...],
    dependency: str,
    attributes: tuple[str, ...],
    output: str | None,
) -> None:
    """Say what a Sensor (a name, or a file) would do with an event. Nothing is stored or fired."""
    compiled = await _sensor(target, sensor)
    context = _context(attributes)
    given = [_given(compiled, dependency, payload, context) for payload in payloads]
    names = [each.dependency for each in given]
    if len(set(names)) != len(names):
        raise click.UsageError("-f: one event for each dependency: -f push=a.json -f deploy=b.json")
    told = [
        (each.entry, explaining.explain(compiled, each.entry, earlier=_others(given, each)))
        for each in given
    ]
    if output:
        found = [eventexplaining.plain(entry, [explained]) for entry, explained in told]
        printing.echo_object(found if len(found) > 1 else found[0], output)
        return
    for entry, explained in told:
        eventexplaining.show([explained], entry)


def _others(given: list[_Given], one: _Given) -> list[EventEntry]:
    return [each.entry for each in given if each is not one]


async def _sensor(target: Target, name: str) -> Sensor:
    if name == "-" or await asyncio.to_thread(Path(name).is_file):
        return checked(sensor_in(name), name).sensor
    async with target.connect() as connection:
        stored = await stored_sensor(connection, name)
        namespace = connection.namespace
    if stored is None:
        raise click.ClickException(f'there is no Sensor "{name}" in namespace "{namespace}"')
    for problem in stored.problems:
        click.echo(f"Warning: {problem}", err=True)
    return stored.sensor


def _context(attributes: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in attributes:
        name, given, value = text.partition("=")
        if not given or name not in _ATTRIBUTES:
            raise click.UsageError(f"--attribute {text}: NAME=VALUE, of {', '.join(_ATTRIBUTES)}")
        found[name] = value
    return found


def _given(sensor: Sensor, dependency: str, payload: str, context: Mapping[str, str]) -> _Given:
    named, given, file = payload.partition("=")
    if given and named in sensor.dependencies:
        dependency, payload = named, file
    name = _dependency(sensor, dependency)
    wanted = sensor.dependencies[name]
    now = time.time()
    attributes = {
        "id": uuid.uuid4().hex,
        "source": wanted.source,
        "type": "webhook",
        "subject": wanted.event,
        "time": cloudevent.timestamp(now),
        **context,
    }
    event = CloudEvent(data=_data(payload), **attributes)
    return _Given(name, EventEntry(1, now, event.id, wanted.source, wanted.event, event, (), ""))


def _dependency(sensor: Sensor, name: str) -> str:
    """The dependency meant: which of several on one event makes no difference."""
    known = sensor.dependencies
    if not known:
        raise click.ClickException(f"Sensor {sensor.name} has no dependency that works")
    places = {(each.source, each.event) for each in known.values()}
    if not name and len(places) == 1:
        return next(iter(known))
    if name not in known:
        raise click.UsageError(f"--dependency: one of {', '.join(known)}")
    return name


def _data(payload: str) -> bytes:
    """The bytes of a file, JSON as every event's are. Raises ClickException."""
    try:
        data = sys.stdin.buffer.read(_MOST) if payload == "-" else Path(payload).read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {payload}: {error.strerror}") from error
    try:
        gojson.check(data.decode())
    except (LangError, UnicodeDecodeError) as error:
        why = error.message if isinstance(error, LangError) else "not UTF-8"
        raise click.ClickException(f"{payload}: the data of an event is JSON: {why}") from error
    return data
