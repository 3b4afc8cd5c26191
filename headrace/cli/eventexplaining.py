"""What Sensors make of events, on the terminal and as JSON: explained, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from events.ledger.reading import EventEntry
from headrace.cli import eventprinting
from headrace.cli.eventprinting import ID, short
from headrace.insight.events.comparing import Change, Comparison, Difference
from headrace.insight.events.explaining import AtDependency, AtTrigger, Explained
from headrace.insight.events.simulating import Parameter, WouldFire


def plain(found: EventEntry, told: list[Explained]) -> dict[str, Any]:
    """As `show`, as a JSON object."""
    return {**eventprinting.plain(found), "sensors": [_plain(each) for each in told]}


def show(told: list[Explained], found: EventEntry) -> None:
    """What each of the Sensors makes of one event."""
    for each in told:
        _show(each)
    if not told:
        click.echo(f"no Sensor takes {found.source}/{found.name}")


def _show(told: Explained) -> None:
    click.echo(f"Sensor {told.sensor or '(unnamed)'}")
    for problem in told.problems:
        click.echo(f"  problem: {problem}")
    for dependency in told.dependencies:
        said = "passes" if dependency.passes else f"is left out: {dependency.why}"
        click.echo(f"  dependency {dependency.name}: the event {said}")
        for look in dependency.looks:
            mark = "yes" if look.passed else "no "
            click.echo(f"    {mark} {look.group}: wants {look.wants}; saw {look.saw}")
        for operator in dependency.joined:
            click.echo(f"    any of them is enough: {operator} or")
    for trigger in told.triggers:
        several = sum(each.name == trigger.name for each in told.triggers) > 1
        _trigger(trigger, several=several)
    for outcome in told.recorded:
        click.echo(f"  recorded: {eventprinting.outcome_line(outcome, told.sensor)}")


def _trigger(told: AtTrigger, *, several: bool) -> None:
    """One trigger; `several`: it has more than one firing of the event."""
    if told.fires is None:
        missing = ", ".join(told.missing)
        click.echo(f"  trigger {told.name}: waits for {missing or 'its condition'}")
        return
    said = "would fire"
    if told.firing:
        events = ", ".join(f"{name} {identity}" for name, identity in told.together.items())
        said = f"firing {told.firing} of {events}"
    elif several:
        said = f"would fire for {', '.join(told.fires.events)}"
    click.echo(f"  trigger {told.name} ({told.fires.kind}): {said}")
    for parameter in told.fires.parameters:
        click.echo(f"    {_parameter(parameter)}")
    if told.fires.problem and not any(p.problem for p in told.fires.parameters):
        click.echo(f"    fails: {told.fires.problem}")


def _parameter(parameter: Parameter) -> str:
    where = " ".join(p for p in (parameter.place, parameter.operation, parameter.dest) if p)
    if parameter.problem:
        return f"{where}: fails: {parameter.problem}"
    return f"{where} = {short(parameter.value)}"


def _plain(told: Explained) -> dict[str, Any]:
    return {
        "sensor": told.sensor,
        "problems": list(told.problems),
        "dependencies": [_plain_dependency(each) for each in told.dependencies],
        "triggers": [_plain_trigger(each) for each in told.triggers],
        "recorded": [eventprinting.plain_outcome(each) for each in told.recorded],
    }


def _plain_dependency(told: AtDependency) -> dict[str, Any]:
    return {
        "name": told.name,
        "passes": told.passes,
        "why": told.why,
        "filters": [asdict(look) for look in told.looks],
        "or": list(told.joined),
    }


def _plain_trigger(told: AtTrigger) -> dict[str, Any]:
    if told.fires is None:
        return {"name": told.name, "fires": False, "waitsFor": list(told.missing)}
    return {
        "name": told.name,
        "fires": True,
        **plain_firing(told.fires),
        "firing": told.firing,
        "events": dict(told.together) or {n: a.id for n, a in told.fires.events.items()},
    }


def plain_firing(firing: WouldFire) -> dict[str, Any]:
    """The kind of a firing and what events put into it, as a JSON object."""
    parameters = [
        {k: v for k, v in asdict(each).items() if v not in ("", None)} for each in firing.parameters
    ]
    return {"kind": firing.kind, "parameters": parameters, "problem": firing.problem}


# -- compared ---------------------------------------------------------------------------------


def difference_lines(found: Comparison) -> Iterator[str]:
    """A line for each change and each value in it, and one that sums up."""
    differences = found.differences()
    for each in differences:
        ids = ", ".join(identity[:ID] for identity in each.ids)
        yield f"{each.trigger} for {ids}: {each.change}"
        for dest, before, after in each.values():
            if each.change is Change.OTHER:
                yield f"    {dest}: {short(before)} -> {short(after)}"
            else:
                yield f"    {dest} = {short(before if after is None else after)}"
        if each.after is not None and each.after.problem:
            yield f"    fails: {each.after.problem}"
    yield "; ".join(f"{count} {change}" for change, count in _counts(found, differences).items())


def plain_comparison(found: Comparison) -> dict[str, Any]:
    """The differences as a JSON object."""
    differences = found.differences()
    return {
        "differences": [
            {
                "trigger": each.trigger,
                "events": list(each.ids),
                "change": each.change.value,
                "before": plain_firing(each.before) if each.before else None,
                "after": plain_firing(each.after) if each.after else None,
            }
            for each in differences
        ],
        "counts": {c.name.lower(): n for c, n in _counts(found, differences).items()},
    }


def _counts(found: Comparison, differences: list[Difference]) -> Mapping[Change, int]:
    counts = {change: sum(each.change is change for each in differences) for change in Change}
    return {**counts, Change.SAME: found.same}
