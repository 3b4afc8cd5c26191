"""Stored events on the terminal, and as JSON."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table

from events.ledger.auditing import Books
from events.ledger.reading import EventEntry
from events.ledger.records import Firing, Outcome, State
from headrace.cli import printing, times

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


def _whole(body: dict[str, Any], output: str) -> None:
    """With its data, which is the sender's: its numbers and texts may be of any size and kind."""
    if output == "json":
        text = json.dumps(body, indent=2, ensure_ascii=False)
        click.echo(text.encode("utf-8", "backslashreplace").decode())
    else:
        printing.echo_object(body, output)


def line(found: EventEntry, output: str | None) -> None:
    """One event of a tail."""
    if output:
        click.echo(json.dumps(plain(found), ensure_ascii=False))
        return
    known = f"  {_summary(found)}" if found.outcomes else ""
    click.echo(f"{stamp(found.stored_at)}  {found.id}  {found.source}/{found.name}{known}")


def one(found: EventEntry, output: str | None) -> None:
    """Everything about an event."""
    if output:
        _whole(plain(found, whole=True), output)
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
        click.echo(f"  {stamp(outcome.at)}  {outcome_line(outcome)}")
    if found.event is not None:
        click.echo(f"{'Data:':<12}{_data(found)}")


def dead_letters(found: list[Firing], output: str | None) -> None:
    """Firings that were given up."""
    if output:
        printing.echo_object([_plain_dead(each) for each in found], output)
        return
    for each in found:
        ids = ", ".join(sorted({arrived.id for arrived in each.events.values()}))
        click.echo(
            f"{each.key}  {each.sensor}/{each.trigger}  {each.attempts} attempts  events {ids}\n"
            f"    {each.reason}"
        )
    if not found:
        click.echo("no dead letters")


def _plain_dead(found: Firing) -> dict[str, Any]:
    return {
        "firing": found.key,
        "sensor": found.sensor,
        "trigger": found.trigger,
        "attempts": found.attempts,
        "reason": found.reason,
        "events": {name: arrived.id for name, arrived in found.events.items()},
        "created": stamp(found.created),
    }


def books(found: Books, output: str | None) -> None:
    """The books of a bus."""
    states = {state.value: found.by_state.get(state, 0) for state in State}
    if output:
        body = {
            "received": found.received,
            **states,
            "balanced": found.balanced,
            "unaccounted": found.unaccounted,
            "dependencies": [
                {
                    "sensor": sensor,
                    "dependency": dependency,
                    **{state.value: counts.get(state, 0) for state in State},
                }
                for (sensor, dependency), counts in sorted(found.by_dependency.items())
            ],
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
        "outcomes": [plain_outcome(outcome) for outcome in found.outcomes],
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


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """One unit as a JSON object."""
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


def outcome_line(outcome: Outcome, sensor: str = "") -> str:
    """One unit: where, what became of it, and of which firing. `sensor`: where it names none."""
    places = (outcome.sensor or sensor, outcome.dependency, outcome.trigger)
    where = "/".join(place for place in places if place)
    what = outcome.effect or outcome.reason
    firing = f" (firing {outcome.firing}, attempts {outcome.attempts})" if outcome.firing else ""
    return f"{where}: {outcome.state.value}{': ' + what if what else ''}{firing}"


def short(value: str | None) -> str:
    """A value on one line, cut when it is long."""
    text = "(nothing)" if value is None else value.replace("\n", "\\n")
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _data(found: EventEntry) -> str:
    assert found.event is not None
    try:
        text = json.dumps(json.loads(found.event.data), indent=2, ensure_ascii=False)
    except ValueError:
        return found.event.data.decode("utf-8", "replace")
    return text.encode("utf-8", "backslashreplace").decode()  # JSON may hold half a character
