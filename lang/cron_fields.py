"""The five fields of a cron schedule as sets of bits.

Owns the field grammar: `*`, `?`, numbers, names, `a-b`, `/step`, lists. Semantics and messages:
robfig/cron v3. Caller: `cron`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lang import strconv
from lang.errors import ErrorKind, LangError

STAR = 1 << 63
"""Set in a field that was `*` or `?`: it does not restrict the other day field."""


@dataclass(frozen=True, slots=True)
class Bounds:
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
BOUNDS = (
    Bounds(0, 59),
    Bounds(0, 23),
    Bounds(1, 31),
    Bounds(1, 12, {name: index for index, name in enumerate(_MONTHS, 1)}),
    Bounds(0, 6, {name: index for index, name in enumerate(_DAYS)}),
)


def parse(text: str, bounds: Bounds) -> int:
    """The bits of a field. Raises LangError(SYNTAX)."""
    bits = 0
    for part in text.split(","):
        if part:
            bits |= _range(part, bounds)
    return bits


def _range(text: str, bounds: Bounds) -> int:
    pieces = text.split("/")
    ends = pieces[0].split("-")
    star = 0
    if ends[0] in ("*", "?"):
        low, high, star = bounds.low, bounds.high, STAR
    else:
        low = high = _number_or_name(ends[0], bounds)
        if len(ends) == 2:
            high = _number_or_name(ends[1], bounds)
        elif len(ends) > 2:
            raise _error(f"too many hyphens: {text}")
    step = 1
    if len(pieces) == 2:
        step = _number(pieces[1])
        if len(ends) == 1:
            high = bounds.high
        if step > 1:
            star = 0
    elif len(pieces) > 2:
        raise _error(f"too many slashes: {text}")
    _check(text, bounds, (low, high, step))
    return sum(1 << bit for bit in range(low, high + 1, step)) | star


def _check(text: str, bounds: Bounds, values: tuple[int, int, int]) -> None:
    low, high, step = values
    if low < bounds.low:
        raise _error(f"beginning of range ({low}) below minimum ({bounds.low}): {text}")
    if high > bounds.high:
        raise _error(f"end of range ({high}) above maximum ({bounds.high}): {text}")
    if low > high:
        raise _error(f"beginning of range ({low}) beyond end of range ({high}): {text}")
    if step == 0:
        raise _error(f"step of range should be a positive number: {text}")


def _number_or_name(text: str, bounds: Bounds) -> int:
    known = bounds.names.get(text.lower())
    return _number(text) if known is None else known


def _number(text: str) -> int:
    try:
        value = strconv.atoi(text)
    except LangError as error:
        raise _error(f"failed to parse int from {text}: {error.message}") from None
    if value < 0:
        raise _error(f"negative number ({value}) not allowed: {text}")
    return value


def _error(message: str) -> LangError:
    return LangError(ErrorKind.SYNTAX, message, 0)
