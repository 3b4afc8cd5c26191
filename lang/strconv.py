"""Go's `strconv`: how the reference prints and reads scalars inside texts.

Owns quoting, integers and floats as Go writes and reads them; error texts are Go's. Every language
of this house whose messages or values pass through Go text uses these functions.
"""

from __future__ import annotations

import re
from decimal import Decimal

from lang.errors import ErrorKind, LangError

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_ATOI = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_NON_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def quote(text: str) -> str:
    """A double-quoted Go string literal (`strconv.Quote`)."""
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    known = _ESCAPES.get(char)
    if known is not None:
        return known
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def atoi(text: str) -> int:
    """A decimal int64 (`strconv.Atoi`): an optional sign and digits, nothing else."""
    if not _ATOI.fullmatch(text):
        raise LangError(ErrorKind.VALUE, f"strconv.Atoi: parsing {quote(text)}: invalid syntax", 0)
    # 64 KiB of digits would be slow to convert; no int64 has more than 19 after its zeros.
    digits = text.lstrip("+-").lstrip("0")
    value = int(digits or "0") if len(digits) <= 20 else INT64_MAX + 2
    value = -value if text.startswith("-") else value
    if not INT64_MIN <= value <= INT64_MAX:
        raise LangError(
            ErrorKind.VALUE, f"strconv.Atoi: parsing {quote(text)}: value out of range", 0
        )
    return value


def parse_float(text: str) -> float | None:
    """A float64 as `strconv.ParseFloat` reads it, or None. Out of range is None too."""
    if _HEX_FLOAT.fullmatch(text):
        try:
            return float.fromhex(text)
        except OverflowError:
            return None
    if "_" in text:
        if re.search(r"__|^_|_$|_[.eE+-]|[.eE+-]_", text):
            return None
        text = text.replace("_", "")
    if not (_FLOAT.fullmatch(text) or _NON_FINITE.fullmatch(text)):
        return None
    value = float(text)
    if value in (float("inf"), float("-inf")) and _FLOAT.fullmatch(text):
        return None
    return value


def parse_bool(text: str) -> bool | None:
    """A bool as `strconv.ParseBool` reads it (1 t T TRUE true True and the like), or None."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def format_float(value: float) -> str:
    """The shortest decimal without an exponent: `strconv.FormatFloat(v, 'f', -1, 64)`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = f"{Decimal(repr(value)):f}"
    return text[:-2] if text.endswith(".0") else text


def format_float_g(value: float) -> str:
    """As `%v` prints a float64: shortest digits, an exponent below 1e-4 and from 1e6 on."""
    return _shortest(value, 1e-4, 6)


def format_float_json(value: float) -> str:
    """As `encoding/json` writes a float64: an exponent below 1e-6 and from 1e21 on."""
    return _shortest(value, 1e-6, 21).replace("e-0", "e-")


def _shortest(value: float, low: float, high: int) -> str:
    magnitude = abs(value)
    if value != value or magnitude == float("inf") or magnitude == 0:
        return format_float(value)
    if low <= magnitude < 10.0**high:
        return format_float(value)
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    power = exponent + len(digits) - 1
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def wrap_int64(value: int) -> int:
    """Two's complement wrap-around, as Go's integer arithmetic does."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
