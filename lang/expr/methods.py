"""Methods of times, durations and HTTP headers: `now().Unix()`, `d.Hours()`, `h.Get("x")`."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lang import duration as durations
from lang.expr import types
from lang.expr.types import Type
from lang.expr.values import Duration, Function, Header, Location


def find(base: Any, name: str) -> Function | None:
    """The bound method, None for an unknown one."""
    match base:
        case datetime():
            method = TIME.get(name)
        case Duration():
            method = DURATION.get(name)
        case Header():
            method = HEADER.get(name)
        case _:
            of_object = getattr(base, "method", None)
            method = of_object(name) if callable(of_object) else None
    if method is None:
        return None
    return Function(name, lambda *arguments: method(base, *arguments))


def type_of(base: Type, name: str) -> Type | None:
    """The static type of a method, None for an unknown one."""
    table = {"time": TIME, "duration": DURATION, "map": HEADER}.get(base.kind)
    if table is None or name not in table or (base.kind == "map" and base != types.HEADER):
        return None
    return Type("func", "func", returns=RETURNS.get(name, types.UNKNOWN))


class Named(int):
    """A month or a weekday: a number that prints as its name."""

    def __new__(cls, number: int, name: str) -> Named:
        value = super().__new__(cls, number)
        value.name = name
        return value

    name: str

    def __str__(self) -> str:
        return self.name


def _zoned(moment: datetime, zone: Any) -> datetime:
    return moment.astimezone(ZoneInfo(zone.name if isinstance(zone, Location) else str(zone)))


def _format(moment: datetime, layout: str) -> str:
    from lang import gotime

    return gotime.format(moment, layout)


TIME: dict[str, Callable[..., Any]] = {
    "Year": lambda t: t.year,
    "Month": lambda t: Named(t.month, calendar.month_name[t.month]),
    "Day": lambda t: t.day,
    "Hour": lambda t: t.hour,
    "Minute": lambda t: t.minute,
    "Second": lambda t: t.second,
    "Nanosecond": lambda t: t.microsecond * 1000,
    "Weekday": lambda t: Named((t.weekday() + 1) % 7, calendar.day_name[t.weekday()]),
    "YearDay": lambda t: t.timetuple().tm_yday,
    "Unix": lambda t: int(t.timestamp()),
    "UnixMilli": lambda t: int(t.timestamp() * 1000),
    "UnixNano": lambda t: int(t.timestamp()) * 10**9 + t.microsecond * 1000,
    "UTC": lambda t: _zoned(t, "UTC"),
    "In": _zoned,
    "Add": lambda t, d: t + timedelta(microseconds=d.nanoseconds / 1000),
    "Sub": lambda t, other: Duration(round((t - other).total_seconds() * 1e9)),
    "AddDate": lambda t, years, months, days: _add_date(t, years, months, days),
    "Before": lambda t, other: t < other,
    "After": lambda t, other: t > other,
    "Equal": lambda t, other: t == other,
    "IsZero": lambda t: t.year == 1,
    "Format": _format,
    "String": lambda t: t.strftime("%Y-%m-%d %H:%M:%S %z %Z"),
    "Truncate": lambda t, d: _truncated(t, d),
}


def _add_date(moment: datetime, years: int, months: int, days: int) -> datetime:
    total = moment.year * 12 + moment.month - 1 + years * 12 + months
    first = moment.replace(year=total // 12, month=total % 12 + 1, day=1)
    return first + timedelta(days=moment.day - 1 + days)


def _truncated(moment: datetime, step: Duration) -> datetime:
    start = datetime(1, 1, 1, tzinfo=moment.tzinfo)
    elapsed = moment - start
    size = timedelta(microseconds=step.nanoseconds / 1000)
    return start + (elapsed // size) * size if size else moment


DURATION: dict[str, Callable[..., Any]] = {
    "Hours": lambda d: d.nanoseconds / 3.6e12,
    "Minutes": lambda d: d.nanoseconds / 6e10,
    "Seconds": lambda d: d.nanoseconds / 1e9,
    "Milliseconds": lambda d: d.nanoseconds // 10**6,
    "Microseconds": lambda d: d.nanoseconds // 10**3,
    "Nanoseconds": lambda d: d.nanoseconds,
    "String": lambda d: durations.format_ns(d.nanoseconds),
    "Abs": lambda d: Duration(abs(d.nanoseconds)),
}


def _get(header: Header, name: str) -> str:
    found = header.get("-".join(part.capitalize() for part in name.split("-")))
    return str(found[0]) if found else ""


HEADER: dict[str, Callable[..., Any]] = {
    "Get": _get,
    "Values": lambda header, name: header.get(name.title()) or [],
}

RETURNS: dict[str, Type] = {
    **dict.fromkeys(("Year", "Day", "Hour", "Minute", "Second", "YearDay", "Unix"), types.INT),
    **dict.fromkeys(("Nanosecond", "UnixMilli", "UnixNano", "Nanoseconds"), types.INT),
    **dict.fromkeys(("Milliseconds", "Microseconds"), types.INT),
    **dict.fromkeys(("UTC", "In", "Add", "AddDate", "Truncate"), types.TIME),
    **dict.fromkeys(("Sub", "Abs"), types.DURATION),
    **dict.fromkeys(("Before", "After", "Equal", "IsZero"), types.BOOL),
    **dict.fromkeys(("Hours", "Minutes", "Seconds"), types.FLOAT),
    **dict.fromkeys(("Format", "String", "Get"), types.STRING),
    "Values": types.STRINGS,
}
