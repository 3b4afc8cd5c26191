"""Kubernetes quantities: `100m`, `1.5Gi`, `1e3`.

Owns parsing, the canonical text and the int64 readings. Semantics: apimachinery's
`resource.Quantity` (its suffix table, rounding up at nano, cap of binary values at 2^63-1, the
text kept as written where it is canonical already). Amounts are exact decimals.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal
from enum import StrEnum

from lang import strconv
from lang.errors import ErrorKind, LangError

_PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_FORMAT_WRONG = f"quantities must match the regular expression '{_PATTERN}'"
_SUFFIX = "unable to parse quantity's suffix"

# The scanner of the reference is looser than the expression it names: digits are optional.
_SCAN = re.compile(r"([+-]?)(0*)([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_DECIMAL_SI = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_NAMES = {power: name for name, power in _DECIMAL_SI.items()}
_BINARY_SI = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_BINARY_NAMES = {power: name for name, power in _BINARY_SI.items()}
_EXPONENT = re.compile(r"([eE])([+-]?[0-9]+)")
_MAX = Decimal(strconv.INT64_MAX)
_NANO = Decimal("1e-9")
_MAX_EXPONENT = 1000  # far beyond any resource; keeps arithmetic on hostile exponents small
_MAX_LENGTH = 1024
_EXACT = Context(prec=4 * _MAX_LENGTH)


class Form(StrEnum):
    """Which family of suffixes a quantity was written with, and is printed with."""

    DECIMAL_EXPONENT = "DecimalExponent"
    BINARY = "BinarySI"
    DECIMAL = "DecimalSI"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A parsed quantity. `small` says whether the reference keeps it in an int64."""

    amount: Decimal
    form: Form
    scale: int  # decimal exponent of the int64 form
    small: bool
    text: str | None  # as written, where that is canonical

    def canonical(self) -> str:
        """The text that Kubernetes stores."""
        if self.text is not None:
            return self.text
        if not self.amount:
            return "0"
        if self.form is Form.BINARY and abs(self.amount) >= 1024 and not self.amount % 1:
            return _binary_text(int(self.amount))
        form = Form.DECIMAL if self.form is Form.BINARY else self.form
        return _decimal_text(self.amount, form)

    def value(self) -> int:
        """The whole number, rounded away from zero, as an int64."""
        return self._scaled(0)

    def milli_value(self) -> int:
        """Thousandths, rounded away from zero, as an int64 (overflow as in the reference)."""
        return self._scaled(-3)

    def _scaled(self, scale: int) -> int:
        shifted = _EXACT.scaleb(self.amount, -scale)
        rounded = int(shifted.to_integral_value(rounding=ROUND_UP))
        if strconv.INT64_MIN <= rounded <= strconv.INT64_MAX:
            return rounded
        # Past int64 the reference wraps for one multiplication and gives 0 for a loop of them.
        if self.small and self.scale - scale not in (0, 1, 2, 3, 6, 9):
            return 0
        return strconv.wrap_int64(rounded)


def parse(text: str) -> Decimal:
    """The exact amount. Raises LangError(VALUE) with the reference's message."""
    return parse_quantity(text).amount


@functools.lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Quantity:
    """Grammar: sign, digits with an optional point, then n u m k M G T P E, Ki…Ei, or e±digits."""
    if len(text) > _MAX_LENGTH:
        raise LangError(ErrorKind.LIMIT, "quantity is too long", 0)
    if text == "0":
        return Quantity(Decimal(0), Form.DECIMAL, 0, True, "0")
    match = _SCAN.fullmatch(text) if text else None
    if match is None:
        raise LangError(ErrorKind.VALUE, _FORMAT_WRONG, 0)
    sign, _, whole, point, fraction, suffix = match.groups(default="")
    if not whole and not point and not suffix:
        # Nothing but a sign and zeros: the reference stops scanning before any suffix.
        return Quantity(Decimal(0), Form.DECIMAL, 0, True, None)
    base, exponent, form = _interpret(suffix, len(text))
    digits = (whole or "0") + fraction
    number = Decimal(f"{sign}{whole or '0'}.{fraction or '0'}")
    small, scale = _fits(whole or "0", fraction, exponent, form)
    if small:
        amount = _times(number, base, exponent)
        kept = _is_canonical(digits, scale, exponent, form)
        return Quantity(amount, form, scale, True, text if kept else None)
    return _large(number, base, exponent, form)


def _interpret(suffix: str, end: int) -> tuple[int, int, Form]:
    """Base, exponent and form of a suffix."""
    if suffix in _DECIMAL_SI:
        return 10, _DECIMAL_SI[suffix], Form.DECIMAL
    if suffix in _BINARY_SI:
        return 2, _BINARY_SI[suffix], Form.BINARY
    match = _EXPONENT.fullmatch(suffix)
    if match is None:
        raise LangError(ErrorKind.VALUE, _SUFFIX, end - len(suffix))
    exponent = int(match.group(2)) if len(match.group(2)) < 8 else _MAX_EXPONENT + 1
    if abs(exponent) > _MAX_EXPONENT:
        raise LangError(ErrorKind.LIMIT, "quantity exponent is out of range", end - len(suffix))
    return 10, exponent, Form.DECIMAL_EXPONENT


def _fits(whole: str, fraction: str, exponent: int, form: Form) -> tuple[bool, int]:
    """Whether the reference keeps this amount as int64 times a power of ten, and which power."""
    digits = whole + fraction
    if form is Form.BINARY:
        if fraction or 15 - len(whole) - int(exponent * 3 / 10) - 1 < 0:
            return False, 0
        return int(digits) << exponent <= strconv.INT64_MAX, 0
    scale = exponent - len(fraction)
    return len(digits) <= 18 and scale >= -9, scale


def _is_canonical(digits: str, scale: int, exponent: int, form: Form) -> bool:
    if form is Form.BINARY:
        return exponent % 10 == 0 and int(digits) & 7 != 0
    return scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _times(number: Decimal, base: int, exponent: int) -> Decimal:
    if base == 10:
        return _EXACT.scaleb(number, exponent)
    return _EXACT.multiply(number, Decimal(1 << exponent))


def _large(number: Decimal, base: int, exponent: int, form: Form) -> Quantity:
    amount = _times(number, base, exponent)
    if amount:
        amount = amount.quantize(_NANO, ROUND_UP, _EXACT) if _finer_than_nano(amount) else amount
    if form is Form.BINARY:
        if abs(amount) > _MAX:
            amount = _MAX.copy_sign(amount)
        if 0 < abs(amount) < 1:
            form = Form.DECIMAL
    return Quantity(amount, form, 0, False, None)


def _finer_than_nano(amount: Decimal) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent < -9


def _decimal_text(amount: Decimal, form: Form) -> str:
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    mantissa = "".join(map(str, digits)).lstrip("0")
    stripped = mantissa.rstrip("0")
    exponent += len(mantissa) - len(stripped)
    mantissa = stripped + "0" * (exponent % 3)
    exponent -= exponent % 3
    prefix = "-" if sign else ""
    if form is Form.DECIMAL and exponent in _DECIMAL_NAMES:
        return f"{prefix}{mantissa}{_DECIMAL_NAMES[exponent]}"
    return f"{prefix}{mantissa}" + (f"e{exponent}" if exponent else "")


def _binary_text(amount: int) -> str:
    power = 0
    while amount % 1024 == 0 and power < 60:
        amount //= 1024
        power += 10
    return f"{amount}{_BINARY_NAMES.get(power, '')}"
