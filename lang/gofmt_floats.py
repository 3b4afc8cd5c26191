"""The digits of a float64 for each verb of Go's fmt: `e f g x b`, shortest or to a precision.

Owns digits only: widths and signs are `gofmt_verbs`'. Source: Go `strconv.FormatFloat`.
"""

from __future__ import annotations

import math

from lang import strconv

_MANTISSA = 53
_LEAST = -1074  # the exponent of the smallest subnormal


def digits(value: float, verb: str, precision: int | None) -> str:
    """A finite float's text; `precision` None is the shortest that reads back."""
    match verb.lower():
        case "e" | "f":
            return f"{value:.{6 if precision is None else precision}{verb}}"
        case "g":
            text = strconv.format_float_g(value) if precision is None else f"{value:.{precision}g}"
            return text.upper() if verb == "G" else text
        case "x":
            text = _hexadecimal(value, precision)
            return text.upper() if verb == "X" else text
        case _:
            return _binary(value)


def sharp(text: str, verb: str, precision: int | None) -> str:
    """With a decimal point always, and for `g` all digits of the precision (six by default).

    `text` has its sign in front.
    """
    missing = 0
    if verb in "gGvx":
        missing = 6 if precision is None else precision
    body, tail = text, ""
    for index, character in enumerate(text[1:], 1):
        if character in "pP" or (character in "eE" and verb not in "xX"):
            body, tail = text[:index], text[index:]
            break
    significant = body[1:].replace(".", "").lstrip("0")
    missing -= len(significant)
    if "." not in body:
        missing -= body[1:] == "0"
        body += "."
    return body + "0" * max(0, missing) + tail


def _hexadecimal(value: float, precision: int | None) -> str:
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    fraction, power = math.frexp(abs(value))
    mantissa, exponent = int(fraction * (1 << _MANTISSA)), power - 1
    if mantissa == 0:
        exponent = 0
    places = _MANTISSA - 1
    if precision is not None and precision * 4 < places:
        drop = places - precision * 4
        low, mantissa = mantissa & ((1 << drop) - 1), mantissa >> drop
        half = 1 << (drop - 1)
        mantissa += low > half or (low == half and mantissa & 1 == 1)
        places -= drop
        if mantissa >> (places + 1):
            mantissa, exponent = mantissa >> 1, exponent + 1
    whole, rest = mantissa >> places, mantissa & ((1 << places) - 1)
    text = f"{rest:0{places // 4}x}" if places else ""
    text = text.rstrip("0") if precision is None else text.ljust(precision, "0")
    point = "." + text if text else ""
    mark = "-" if exponent < 0 else "+"
    return f"{sign}0x{whole}{point}p{mark}{abs(exponent):02d}"


def _binary(value: float) -> str:
    fraction, power = math.frexp(value)
    exponent = max(power - _MANTISSA, _LEAST)
    mantissa = int(math.ldexp(fraction, power - exponent))
    if mantissa == 0:
        exponent = _LEAST
    return f"{mantissa}p{exponent:+d}"
