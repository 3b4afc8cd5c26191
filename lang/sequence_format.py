"""`format` of withSequence: Go's Sprintf with one int.

Owns the verbs an int can take and what Go prints for the others (`%!e(int=9)`), for unused and
missing operands. Caller: `sequence`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lang import strconv
from lang.errors import ErrorKind, LangError

_DIRECTIVE = re.compile(
    r"%(?P<flags>[+\-# 0]*)(?:\[(?P<i1>\d*)\])?(?P<width>\*|\d+)?"
    r"(?:\.(?:\[(?P<i2>\d*)\])?(?P<precision>\*|\d*))?(?:\[(?P<i3>\d*)\])?(?P<verb>.)?",
    re.DOTALL,
)
_BASES = {"d": 10, "v": 10, "b": 2, "o": 8, "O": 8, "x": 16, "X": 16}
_MAX_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class _Spec:
    flags: str
    width: int | None
    precision: int | None
    verb: str


def render(pattern: str, number: int) -> str:
    """`fmt.Sprintf(pattern, number)`. Raises LangError(LIMIT) for a width beyond 10,000."""
    run = _Run(number)
    text = _DIRECTIVE.sub(run.directive, pattern)
    if not run.reordered and run.next == 0:
        text += f"%!(EXTRA int={number})"
    return text


class _Run:
    """One formatting: which operands were used. There is one, the number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.next = 0
        self.reordered = False

    def directive(self, match: re.Match[str]) -> str:
        parts = match.groupdict()
        bad_index = self._index(parts["i1"])
        width, width_error = self._star(parts["width"], "WIDTH")
        bad_index |= self._index(parts["i2"])
        precision, precision_error = self._star(parts["precision"], "PREC")
        bad_index |= self._index(parts["i3"])
        verb = parts["verb"]
        errors = width_error + precision_error
        if verb is None:
            return f"{errors}%!(NOVERB)"
        if verb == "%":
            return f"{errors}%"
        if bad_index:
            return f"{errors}%!{verb}(BADINDEX)"
        if self.next > 0:
            return f"{errors}%!{verb}(MISSING)"
        self.next += 1
        flags = parts["flags"]
        if width is not None and width < 0:
            flags, width = f"{flags}-", -width
        return errors + _format(self.number, _Spec(flags, width, precision, verb))

    def _index(self, text: str | None) -> bool:
        """Follow `[n]`; whether it names an operand that is not there."""
        if text is None:
            return False
        self.reordered = True
        index = int(text) if text and len(text) < 8 else 0
        if index == 1:
            self.next = 0
            return False
        return True

    def _star(self, text: str | None, name: str) -> tuple[int | None, str]:
        if text is None:
            return None, ""
        if text != "*":
            return _bounded(int(text or "0") if len(text) < 8 else _MAX_WIDTH + 1), ""
        if self.next > 0:
            return None, f"%!(BAD{name})"
        self.next += 1
        if abs(self.number) > 1_000_000:
            return None, f"%!(BAD{name})"
        return _bounded(self.number), ""


def _bounded(width: int) -> int:
    if abs(width) > _MAX_WIDTH:
        raise LangError(ErrorKind.LIMIT, f"the width of a format is more than {_MAX_WIDTH}")
    return width


def _format(number: int, spec: _Spec) -> str:
    if spec.verb in _BASES:
        return _integer(number, spec, _BASES[spec.verb])
    char = chr(number) if 0 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
    match spec.verb:
        case "c":
            return _pad(char, spec)
        case "q":
            return _pad(_quoted(char), spec)
        case "U":
            shown = f"U+{number % (1 << 64):04X}"
            return _pad(f"{shown} '{char}'" if "#" in spec.flags else shown, spec)
        case "T":
            return _pad("int", spec)
        case _:
            # Go prints the value with the same width and flags.
            return f"%!{spec.verb}(int={_integer(number, spec, 10)})"


def _quoted(char: str) -> str:
    if char == "'":
        return "'\\''"
    return "'\"'" if char == '"' else f"'{strconv.quote(char)[1:-1]}'"


def _integer(number: int, spec: _Spec, base: int) -> str:
    if spec.precision == 0 and number == 0:
        return " " * (spec.width or 0)
    sign = "-" if number < 0 else "+" if "+" in spec.flags else " " if " " in spec.flags else ""
    digits = _in_base(abs(number), base)
    prefix = "0o" if spec.verb == "O" else ""
    if "#" in spec.flags:
        prefix = {2: "0b", 8: "0", 16: "0x"}.get(base, "") if spec.verb != "O" else "0o"
        prefix = "" if prefix == "0" and digits.startswith("0") else prefix
    least = spec.precision or 0
    if "0" in spec.flags and "-" not in spec.flags and spec.precision is None and spec.width:
        least = spec.width - len(sign)  # zeros fill the width; a prefix comes on top
    text = f"{sign}{prefix}{digits.rjust(least, '0')}"
    return _pad(text.upper() if spec.verb == "X" else text, _Spec(spec.flags, spec.width, 0, ""))


def _in_base(value: int, base: int) -> str:
    if base == 10:
        return str(value)
    return format(value, {2: "b", 8: "o", 16: "x"}[base])


def _pad(text: str, spec: _Spec) -> str:
    width = spec.width or 0
    if "-" in spec.flags:
        return text.ljust(width)
    return text.rjust(width, "0" if "0" in spec.flags and spec.verb in ("c", "q", "U") else " ")
