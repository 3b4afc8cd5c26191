"""Dates and durations. Source: sprig `date.go`. The zone "Local" is UTC: a manifest means the
same everywhere. Only `now` and `ago` look at the clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lang import duration as durations
from lang import gotime, strconv
from lang.errors import ErrorKind, LangError
from lang.gotypes import Int64
from lang.sprig import casting
from lang.sprig.registry import Table, takes

_ZERO = datetime(1, 1, 1, tzinfo=UTC)
_UNITS = (
    (365 * 24 * 3600, "y"),
    (30 * 24 * 3600, "mo"),
    (24 * 3600, "d"),
    (3600, "h"),
    (60, "m"),
    (1, "s"),
)


def _moment(value: Any) -> datetime:
    """A time, or seconds since 1970; now for anything else, as in sprig."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError):
            return _ZERO
    return datetime.now(UTC)


def _zone(name: str) -> tzinfo:
    if name in {"", "Local", "UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _in_zone(layout: str, value: Any, zone: str) -> str:
    return gotime.format(gotime.in_zone(_moment(value), _zone(zone)), layout)


def _to_date(layout: str, text: str) -> datetime:
    try:
        return gotime.parse(text, layout)
    except LangError:
        return _ZERO


def _modified(span: str, value: datetime) -> datetime:
    try:
        return _must_modify(span, value)
    except LangError:
        return value


def _must_modify(span: str, value: datetime) -> datetime:
    try:
        return value + timedelta(microseconds=durations.parse_go_ns(span) / 1000)
    except OverflowError:
        raise LangError(ErrorKind.VALUE, "year out of range") from None


def _duration(value: Any) -> str:
    """Of a text or an int64; an int is not looked at, as in sprig."""
    seconds = casting.to_int(value) if isinstance(value, Int64) else 0
    if isinstance(value, str):
        seconds = _seconds(value)
    return durations.format_ns(strconv.wrap_int64(seconds * 10**9))


def _seconds(text: str) -> int:
    try:
        return strconv.atoi(text)
    except LangError:
        return 0


def _rounded(value: Any) -> str:
    match value:
        case str():
            try:
                nanoseconds = durations.parse_go_ns(value)
            except LangError:
                nanoseconds = 0
        case Int64():
            nanoseconds = int(value)
        case datetime():
            nanoseconds = int((datetime.now(UTC) - value).total_seconds()) * 10**9
        case _:
            nanoseconds = 0
    amount = abs(nanoseconds)  # a sign is dropped, and exactly one unit is none, as in sprig
    for size, unit in _UNITS:
        if amount > size * 10**9:
            return f"{amount // (size * 10**9)}{unit}"
    return "0s"


def _ago(value: Any) -> str:
    seconds = round((datetime.now(UTC) - _moment(value)).total_seconds())
    return durations.format_ns(seconds * 10**9)


TABLE: Table = {
    "now": takes("", lambda: datetime.now(UTC)),
    "ago": takes("a", _ago),
    "date": takes("sa", lambda layout, value: _in_zone(layout, value, "")),
    **dict.fromkeys(("dateInZone", "date_in_zone"), takes("sas", _in_zone)),
    **dict.fromkeys(("dateModify", "date_modify"), takes("st", _modified)),
    **dict.fromkeys(("mustDateModify", "must_date_modify"), takes("st", _must_modify)),
    "toDate": takes("ss", _to_date),
    "mustToDate": takes("ss", lambda layout, text: gotime.parse(text, layout)),
    "htmlDate": takes("a", lambda value: _in_zone("2006-01-02", value, "")),
    "htmlDateInZone": takes("as", lambda value, zone: _in_zone("2006-01-02", value, zone)),
    "unixEpoch": takes("t", lambda value: str(int(value.timestamp()))),
    "duration": takes("a", _duration),
    "durationRound": takes("a", _rounded),
}
