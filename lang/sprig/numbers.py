"""Arithmetic. Source: sprig `numeric.go`; the `…f` functions count in decimals."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, DivisionByZero, InvalidOperation, localcontext
from typing import Any

from lang import strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotypes import Int64, Ints
from lang.sprig import casting
from lang.sprig.registry import Table, fail, takes

_PLACES = Decimal("1e-16")  # behind the point, of a quotient
_OCTAL = re.compile(r"[+-]?[0-7]{1,24}")


def _wrapped(value: int) -> Int64:
    return Int64(strconv.wrap_int64(value))


def _add(*values: Any) -> Int64:
    return _wrapped(sum(map(casting.to_int, values)))


def _multiply(first: Any, *others: Any) -> Int64:
    product = casting.to_int(first)
    for each in others:
        product = strconv.wrap_int64(product * casting.to_int(each))
    return _wrapped(product)


def _divide(left: Any, right: Any) -> Int64:
    a, b = casting.to_int(left), casting.to_int(right)
    if b == 0:
        raise fail("runtime error: integer divide by zero")
    return _wrapped(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))


def _modulo(left: Any, right: Any) -> Int64:
    a, b = casting.to_int(left), casting.to_int(right)
    if b == 0:
        raise fail("runtime error: integer divide by zero")
    return _wrapped(abs(a) % abs(b) * (-1 if a < 0 else 1))


def _decimals(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    def run(first: Any, *others: Any) -> float:
        with localcontext() as context:
            context.prec = 800
            total = _decimal(first)
            for each in others:
                try:
                    total = operation(total, _decimal(each))
                except (DivisionByZero, InvalidOperation):
                    raise fail("decimal division by 0") from None
            return float(total) + 0.0  # a decimal has no negative zero

    return run


def _decimal(value: Any) -> Decimal:
    number = casting.to_float(value)
    if not math.isfinite(number):
        raise fail(f"Cannot create a Decimal from {strconv.format_float(number)}")
    return Decimal(repr(number))


def _divided(left: Decimal, right: Decimal) -> Decimal:
    return (left / right).quantize(_PLACES, ROUND_HALF_UP)


def _largest(first: Any, *others: Any) -> Int64:
    return Int64(max(map(casting.to_int, (first, *others))))


def _smallest(first: Any, *others: Any) -> Int64:
    return Int64(min(map(casting.to_int, (first, *others))))


def _extreme(choose: Callable[[list[float]], float], last: float) -> Callable[..., float]:
    def run(*values: Any) -> float:
        numbers = [casting.to_float(value) for value in values]
        if last in numbers:
            return last
        return math.nan if any(map(math.isnan, numbers)) else choose(numbers)

    return run


def _rounded(value: Any, places: int, up_from: float = 0.5, *_ignored: float) -> float:
    number = casting.to_float(value)
    if abs(places) > 300 or not math.isfinite(number):
        return number if math.isinf(number) and abs(places) <= 300 else math.nan
    power = 10.0**places
    if math.isinf(power * number):
        return math.inf if number > 0 else -math.inf
    digit = power * number
    fraction = digit - math.trunc(digit)
    return (math.ceil(digit) if fraction >= up_from else math.floor(digit)) / power


def _whole(operation: Callable[[float], int]) -> Callable[[Any], float]:
    def run(value: Any) -> float:
        number = casting.to_float(value)
        return float(operation(number)) if math.isfinite(number) else number

    return run


def until_step(start: int, stop: int, step: int) -> list[int]:
    """From `start` up (or down) to `stop`, without it; empty where the step leads away."""
    if step == 0 or (stop < start) != (step < 0):
        return Ints()
    if abs((stop - start) // step) > DEFAULT_LIMITS.steps:
        raise LangError(ErrorKind.LIMIT, "the sequence is too long")
    return Ints(range(start, stop, step))


def _until(count: int) -> list[int]:
    return until_step(0, count, -1 if count < 0 else 1)


def _seq(*numbers: int) -> str:
    match numbers:
        case (end,):
            start, step = 1, 1 if end >= 1 else -1
        case (start, end):
            step = 1 if end >= start else -1
        case (start, step, end):
            if end < start and step > 0:
                return ""
        case _:
            return ""
    found = until_step(start, end + (-1 if end < start else 1), step)
    return " ".join(map(str, found))


def _to_decimal(value: Any) -> Int64:
    text = casting.text(value)
    number = int(text, 8) if _OCTAL.fullmatch(text) else 0
    return Int64(number if -(1 << 63) <= number < 1 << 63 else 0)


def _atoi(text: str) -> int:
    """What is too large becomes the largest, as Go's parser leaves it."""
    try:
        return strconv.atoi(text)
    except LangError as error:
        if "out of range" not in error.message:
            return 0
        return strconv.INT64_MIN if text.startswith("-") else strconv.INT64_MAX


def _random(low: int, high: int) -> int:
    if high <= low:
        raise fail("invalid argument to Intn")
    return random.randrange(low, high)


TABLE: Table = {
    "atoi": takes("s", _atoi),
    "int": takes("a", casting.to_int),
    "int64": takes("a", casting.to_int64),
    "float64": takes("a", casting.to_float),
    "toDecimal": takes("a", _to_decimal),
    "add": takes("a*", _add),
    "add1": takes("a", lambda value: _add(value, 1)),
    "sub": takes("aa", lambda a, b: _wrapped(casting.to_int(a) - casting.to_int(b))),
    "mul": takes("aa*", _multiply),
    "div": takes("aa", _divide),
    "mod": takes("aa", _modulo),
    "addf": takes("a*", lambda *values: _decimals(lambda a, b: a + b)(0, *values)),
    "add1f": takes("a", lambda value: _decimals(lambda a, b: a + b)(value, 1)),
    "subf": takes("aa*", _decimals(lambda a, b: a - b)),
    "mulf": takes("aa*", _decimals(lambda a, b: a * b)),
    "divf": takes("aa*", _decimals(_divided)),
    "max": takes("aa*", _largest),
    "biggest": takes("aa*", _largest),
    "min": takes("aa*", _smallest),
    "maxf": takes("aa*", _extreme(max, math.inf)),
    "minf": takes("aa*", _extreme(min, -math.inf)),
    "ceil": takes("a", _whole(math.ceil)),
    "floor": takes("a", _whole(math.floor)),
    "round": takes("aif*", _rounded),
    "until": takes("i", _until, pace=8),
    "untilStep": takes("iii", until_step, pace=8),
    "seq": takes("i*", _seq, pace=8),
    "randInt": takes("ii", _random),
}
