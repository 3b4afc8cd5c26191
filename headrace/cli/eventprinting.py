"""Stored events on the terminal, and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from events.ledger.reading import Books, EventEntry
from events.ledger.records import Firing, Outcome, State
from events.sensors.compiled import Sensor
from headrace.cli import printing, times
from headrace.insight.events import filters
from headrace.insight.events.comparing import Change, Difference
from headrace.insight.events.simulating import Parameter, Simulation, WouldFire

ID = 12  # characters of an id in a table; enough for `get`
LONGEST = 120


def table(found: list[EventEntry], output: str | None) -> None:
    """Events, one a line."""
    if output == "name":
        for each in found:
            click.echo(each.id)
    elif output:
        printing.echo_object([plain(each) for each in found], output)
    elif not found:
        click.echo("No events found")
    else:
        rows = Table(box=None, pad_edge=False, header_style="")
        for column in ("ID", "AGE", "SOURCE", "EVENT", "OUTCOME", "TRACE"):
            rows.add_column(column)
        now = time.time()
        for each in found:
            age = times.short(now - each.stored_at)
            rows.add_row(
                each.id[:ID], age, each.source, each.name, _summary(each), each.trace_id[:ID]
            )
        printing.console().print(rows)


def line(found: EventEntry) -> None:
    """One event of a tail."""
    click.echo(f"{stamp(found.stored_at)}  {found.id}  {found.source}/{found.name}")


def one(found: EventEntry, output: str | None) -> None:
    """Everything about an event."""
    if output:
        printing.echo_object(plain(found, whole=True), output)
        return
    facts = [
        ("ID", found.id),
        ("Received", times.local(stamp(found.stored_at), time.time())),
        ("Source", f"{found.source}/{found.name}"),
        ("Type", found.event.type if found.event else "not an event"),
        ("Trace", found.trace_id),
        ("Sequence", str(found.sequence)),
    ]
    for label, value in facts:
        click.echo(f"{label + ':':<12}{value}")
    for outcome in found.outcomes:
        click.echo(f"  {_outcome(outcome)}")
    if found.event is not None:
        click.echo(f"{'Data:':<12}{_data(found)}")


def explained(sensor: Sensor, found: EventEntry) -> None:
    """What a Sensor makes of an event: each filter, each parameter, and what was recorded."""
    simulation = Simulation(sensor)
    verdicts = list(simulation.verdicts(found))
    if not verdicts:
        return
    click.echo(f"Sensor {sensor.name}")
    for verdict in verdicts:
        dependency = sensor.dependencies[verdict.dependency]
        said = "passes" if verdict.arrived is not None else f"is left out: {verdict.why}"
        click.echo(f"  dependency {verdict.dependency}: the event {said}")
        for look in filters.looks(dependency, found.event) if found.event else ():
            mark = "yes" if look.passed else "no "
            click.echo(f"    {mark} {look.group}: wants {look.wants}; saw {look.saw}")
    fires = {firing.trigger: firing for firing in simulation.take(found)}
    passed = {v.dependency for v in verdicts if v.arrived is not None}
    for trigger in sensor.triggers.values():
        if not passed & trigger.names:
            continue
        firing = fires.get(trigger.name)
        if firing is None:
            missing = ", ".join(sorted(trigger.names - passed))
            click.echo(f"  trigger {trigger.name}: waits for {missing or 'its condition'}")
            continue
        click.echo(f"  trigger {trigger.name} ({firing.kind}): would fire")
        would(firing)
    for outcome in found.outcomes:
        if outcome.sensor == sensor.name:
            click.echo(f"  recorded: {_outcome(outcome)}")


def would(firing: WouldFire) -> None:
    """The parameters of a firing."""
    for parameter in firing.parameters:
        click.echo(f"    {_parameter(parameter)}")
    if firing.problem and not any(p.problem for p in firing.parameters):
        click.echo(f"    fails: {firing.problem}")


def differences(found: list[Difference]) -> None:
    """What a changed Sensor does otherwise."""
    for text in difference_lines(found):
        click.echo(text)


def difference_lines(found: list[Difference]) -> Iterator[str]:
    """A line for each change and each value in it, and one that sums up."""
    for each in found:
        if each.change is Change.SAME:
            continue
        ids = ", ".join(identity[:ID] for identity in each.ids)
        yield f"{each.trigger} for {ids}: {each.change}"
        for dest, before, after in each.values():
            if each.change is Change.OTHER:
                yield f"    {dest}: {_short(before)} -> {_short(after)}"
            else:
                yield f"    {dest} = {_short(before if after is None else after)}"
        if each.after is not None and each.after.problem:
            yield f"    fails: {each.after.problem}"
    counts = {change: sum(each.change is change for each in found) for change in Change}
    yield "; ".join(f"{counts[change]} {change}" for change in Change)


def dead_letters(found: list[Firing]) -> None:
    """Firings that were given up."""
    for each in found:
        ids = ", ".join(sorted({arrived.id for arrived in each.events.values()}))
        click.echo(
            f"{each.key}  {each.sensor}/{each.trigger}  {each.attempts} attempts  events {ids}\n"
            f"    {each.reason}"
        )
    if not found:
        click.echo("no dead letters")


def books(found: Books, output: str | None) -> None:
    """The books of a bus."""
    states = {state.value: found.by_state.get(state, 0) for state in State}
    if output:
        body = {
            "received": found.received,
            **states,
            "balanced": found.balanced,
            "unaccounted": found.unaccounted,
        }
        printing.echo_object(body, output)
        return
    total = " + ".join(f"{count} {state}" for state, count in states.items())
    click.echo(f"received {found.received} = {total}")
    for (sensor, dependency), counts in sorted(found.by_dependency.items()):
        shown = ", ".join(f"{count} {state.value}" for state, count in sorted(counts.items()))
        click.echo(f"  {sensor}/{dependency}: {shown}")
    for text in found.unaccounted:
        click.echo(f"  UNACCOUNTED {text}")
    click.echo("balanced" if found.balanced else "NOT BALANCED")


def plain(found: EventEntry, *, whole: bool = False) -> dict[str, Any]:
    """An event as a JSON object; `whole`: with its data."""
    body: dict[str, Any] = {
        "id": found.id,
        "received": stamp(found.stored_at),
        "source": found.source,
        "event": found.name,
        "sequence": found.sequence,
        "traceId": found.trace_id,
        "outcomes": [_plain_outcome(outcome) for outcome in found.outcomes],
    }
    if whole and found.event is not None:
        body["context"] = found.event.context()
        try:
            body["data"] = json.loads(found.event.data)
        except ValueError:
            body["data"] = found.event.data.decode("utf-8", "replace")
    return body


def stamp(moment: float) -> str:
    """RFC 3339, in whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain_outcome(outcome: Outcome) -> dict[str, Any]:
    body = {
        "sensor": outcome.sensor,
        "dependency": outcome.dependency,
        "trigger": outcome.trigger,
        "state": outcome.state.value,
        "firing": outcome.firing,
        "effect": outcome.effect,
        "reason": outcome.reason,
        "attempts": outcome.attempts,
        "at": stamp(outcome.at),
    }
    return {key: value for key, value in body.items() if value != ""}


def _summary(found: EventEntry) -> str:
    counts: dict[str, int] = {}
    for outcome in found.outcomes:
        counts[outcome.state.value] = counts.get(outcome.state.value, 0) + 1
    return ", ".join(f"{n} {state}" if n > 1 else state for state, n in counts.items()) or "-"


def _outcome(outcome: Outcome) -> str:
    where = "/".join(p for p in (outcome.sensor, outcome.dependency, outcome.trigger) if p)
    what = outcome.effect or outcome.reason
    firing = f" (firing {outcome.firing}, attempts {outcome.attempts})" if outcome.firing else ""
    return f"{where}: {outcome.state.value}{': ' + what if what else ''}{firing}"


def _parameter(parameter: Parameter) -> str:
    if parameter.problem:
        return f"{parameter.place} {parameter.dest}: fails: {parameter.problem}"
    return f"{parameter.place} {parameter.dest} = {_short(parameter.value)}"


def _short(value: str | None) -> str:
    text = "(nothing)" if value is None else value
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _data(found: EventEntry) -> str:
    assert found.event is not None
    try:
        return json.dumps(json.loads(found.event.data), indent=2, ensure_ascii=False)
    except ValueError:
        return found.event.data.decode("utf-8", "replace")
