"""Durations as manifests write them: `2m`, `1h30m`, and where Argo allows it a bare number.

Owns parsing, printing and the "Backoff for …" wording. Values are whole nanoseconds inside
(`…_ns`), float seconds at the doors. Semantics: Go's `time.ParseDuration` and `Duration.String`,
Argo's `ParseStringToDuration` (an integer alone is seconds). Integers wrap at 64 bits as Go's do.
"""

from __future__ import annotations

import functools

from lang import strconv
from lang.errors import ErrorKind, LangError

NANOSECONDS = 1_000_000_000

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5
    "μs": 1_000,  # U+03BC
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
}
_DIGITS = frozenset("0123456789")
_TOP = 1 << 63
_MAX_LENGTH = 1024

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WEEK, _MONTH, _YEAR = 7 * _DAY, 30 * _DAY, 360 * _DAY
# Below this many seconds: the words of the largest unit, and what to divide by for `{}`.
_LARGE = (
    (2, "1 second", 1),
    (_MINUTE, "{} seconds", 1),
    (2 * _MINUTE, "1 minute", 1),
    (_HOUR, "{} minutes", _MINUTE),
    (2 * _HOUR, "1 hour", 1),
    (_DAY, "{} hours", _HOUR),
    (2 * _DAY, "1 day", 1),
    (_WEEK, "{} days", _DAY),
    (2 * _WEEK, "1 week", 1),
    (_MONTH, "{} weeks", _WEEK),
    (2 * _MONTH, "1 month", 1),
    (_YEAR, "{} months", _MONTH),
    (18 * _MONTH, "1 year", 1),
    (2 * _YEAR, "2 years", 1),
    (37 * _YEAR, "{} years", _YEAR),
)


def parse(text: str) -> float:
    """Seconds of `10`, `10s`, `1h30m`: a bare integer is seconds. Raises LangError(VALUE)."""
    return parse_ns(text) / NANOSECONDS


def parse_go(text: str) -> float:
    """Seconds of a Go duration; a bare number other than 0 is an error. Raises LangError(VALUE)."""
    return parse_go_ns(text) / NANOSECONDS


@functools.lru_cache(maxsize=1024)
def parse_ns(text: str) -> int:
    """As `parse`, in nanoseconds."""
    _check_length(text)
    try:
        return strconv.wrap_int64(strconv.atoi(text) * NANOSECONDS)
    except LangError:
        pass
    try:
        return parse_go_ns(text)
    except LangError as error:
        message = f"unable to parse {text} as a duration: {error.message}"
        raise LangError(ErrorKind.VALUE, message, 0) from None


@functools.lru_cache(maxsize=1024)
def parse_go_ns(text: str) -> int:
    """As `parse_go`, in nanoseconds. Grammar: `[-+]?([0-9]*(\\.[0-9]*)?unit)+`, or `0`."""
    _check_length(text)
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = 0
    while rest:
        amount, rest = _element(rest, text)
        total += amount
        if total > _TOP:
            raise _invalid(text)
    if text[0] == "-":
        return -total
    if total > _TOP - 1:
        raise _invalid(text)
    return total


def _check_length(text: str) -> None:
    if len(text) > _MAX_LENGTH:
        raise LangError(ErrorKind.LIMIT, "duration is too long", 0)


def _element(rest: str, whole: str) -> tuple[int, str]:
    """One `number unit` at the start of `rest`: its nanoseconds and what follows."""
    if rest[0] != "." and rest[0] not in _DIGITS:
        raise _invalid(whole)
    digits, rest = _leading_digits(rest)
    fraction = ""
    if rest[:1] == ".":
        fraction, rest = _leading_digits(rest[1:])
    if (not digits and not fraction) or len(digits.lstrip("0")) > 19 or int(digits or "0") > _TOP:
        raise _invalid(whole)
    end = 0
    while end < len(rest) and rest[end] != "." and rest[end] not in _DIGITS:
        end += 1
    if end == 0:
        raise _error(f"time: missing unit in duration {_quote(whole)}")
    unit = _UNITS.get(rest[:end])
    if unit is None:
        raise _error(f"time: unknown unit {_quote(rest[:end])} in duration {_quote(whole)}")
    amount = int(digits or "0") * unit
    if amount > _TOP:
        raise _invalid(whole)
    return amount + _fraction(fraction, unit), rest[end:]


def _leading_digits(text: str) -> tuple[str, str]:
    end = 0
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return text[:end], text[end:]


def _fraction(digits: str, unit: int) -> int:
    """The fraction times the unit, in float64 and cut, with the digits an int64 can hold."""
    value, scale = 0, 1.0
    for digit in digits:
        if value > (_TOP - 1) // 10 or value * 10 + int(digit) > _TOP:
            break
        value, scale = value * 10 + int(digit), scale * 10
    return int(float(value) * (float(unit) / scale)) if value else 0


def format_ns(nanoseconds: int) -> str:
    """As Go prints a duration: `1h30m0s`, `1.5s`, `100ms`, `1µs`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, amount = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if amount < NANOSECONDS:
        unit, size = next(
            (u, s) for u, s in (("ns", 1000), ("µs", 10**6), ("ms", 10**9)) if amount < s
        )
        return f"{sign}{_decimal(amount, size // 1000)}{unit}"
    seconds = amount // NANOSECONDS
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    text = f"{_decimal(amount % (60 * NANOSECONDS), NANOSECONDS)}s"
    if seconds >= 60:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(amount: int, unit: int) -> str:
    whole, part = divmod(amount, unit)
    if not part:
        return str(whole)
    return f"{whole}.{str(part).zfill(len(str(unit)) - 1).rstrip('0')}"


def humanize(nanoseconds: int) -> str:
    """The wording of "Backoff for …": the largest unit and the next, `1 minute 5 seconds`.

    From a day on the second unit is the hours of the last day, whatever the first unit is.
    """
    seconds = abs(nanoseconds) // NANOSECONDS
    if seconds == 0:
        return "0 seconds"
    large = "a long while"
    for bound, words, size in _LARGE:
        if seconds < bound:
            large = words.format(seconds // size)
            break
    if seconds < _MINUTE:
        return large
    if seconds < _HOUR:
        return f"{large} {seconds % _MINUTE} seconds"
    if seconds < _DAY:
        return f"{large} {seconds % _HOUR // _MINUTE} minutes"
    return f"{large} {seconds % _DAY // _HOUR} hours"


def _quote(text: str) -> str:
    """Go's `time` package quotes on its own: anything outside printable ASCII as bytes."""
    out: list[str] = []
    for char in text:
        if char < " " or char >= "\x80":
            out.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))
        else:
            out.append(f"\\{char}" if char in '"\\' else char)
    return '"' + "".join(out) + '"'


def _invalid(text: str) -> LangError:
    return _error(f"time: invalid duration {_quote(text)}")


def _error(message: str) -> LangError:
    return LangError(ErrorKind.VALUE, message, 0)
