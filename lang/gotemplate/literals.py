"""Numbers, characters and strings as templates write them. Source: Go's literals, `strconv`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lang import strconv
from lang.sprig import casting

_INT64, _UINT64 = 1 << 63, 1 << 64
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))",
    re.DOTALL,
)
_LETTERS = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}


class BadLiteral(Exception):
    """What is wrong with a literal; the parser adds the place."""


@dataclass(frozen=True, slots=True)
class Number:
    """What a number can be taken for. `ideal`: its value where no type is asked for, None where
    it is too large for an int.
    """

    ideal: int | float | complex | None
    integer: int | None
    real: float | None


def number(text: str) -> Number:
    """A number's meanings. Raises BadLiteral."""
    if text.endswith("i"):
        return _complex(text)
    whole = _integer(text)
    if whole is not None and -_INT64 <= whole < _INT64:
        return Number(whole, whole, float(whole))
    if whole is not None and 0 <= whole < _UINT64 and text[0] not in "+-":
        return Number(None, None, float(whole))
    real = strconv.parse_float(text)
    if real is None:
        raise BadLiteral(f"illegal number syntax: {strconv.quote(text)}")
    if not any(mark in text for mark in ".eEpP"):
        raise BadLiteral(f"integer overflow: {strconv.quote(text)}")
    fits = abs(real) < 2.0**63 and real == int(real)
    return Number(real, int(real) if fits else None, real)


def _complex(text: str) -> Number:
    split = max(text.rfind("+", 1), text.rfind("-", 1))
    if text[split - 1 : split] in {"e", "E", "p", "P"}:
        split = 0
    first = strconv.parse_float(text[:split]) if split > 0 else 0.0
    second = strconv.parse_float(text[max(split, 0) : -1])
    if first is None or second is None:
        raise BadLiteral(f"illegal number syntax: {strconv.quote(text)}")
    value = complex(first, second)
    if second:
        return Number(value, None, None)
    return Number(value, int(first) if first.is_integer() else None, first)


def _integer(text: str) -> int | None:
    sign, body = (text[0], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    if len(body) > 70 or body[-1:] == "_":
        return None
    try:
        if len(body) > 1 and body[0] == "0" and body[1] in "0123456789_":
            value = int(body[1:].removeprefix("_"), 8)
        else:
            value = int(body, 0)
    except ValueError:
        return None
    return -value if sign == "-" else value


def character(text: str) -> int:
    """The code of a quoted character. Raises BadLiteral."""
    inner = text[1:-1]
    if len(inner) == 1 and inner != "'":
        return ord(inner)
    match = _ESCAPE.match(inner)
    if match is None:
        raise BadLiteral(f"malformed character constant: {text}" if inner else "invalid syntax")
    code = _code(match, "'")
    if match.end() != len(inner):
        raise BadLiteral(f"malformed character constant: {text}")
    return code


def string(text: str) -> str:
    """The value of a quoted or raw string. Raises BadLiteral."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    data = bytearray()
    at = 0
    for match in _ESCAPE.finditer(inner):
        data += inner[at : match.start()].encode(errors="replace")
        code = _code(match, '"')
        byte = match.group(2) is not None or match.group(5) is not None
        data += bytes([code]) if byte else chr(code).encode()
        at = match.end()
    data += inner[at:].encode(errors="replace")
    return casting.decoded(bytes(data))


def _code(match: re.Match[str], quote: str) -> int:
    letter, byte, short, long, octal, other = match.groups()
    if letter is not None:
        return _LETTERS[letter]
    if other is not None:
        if other != quote:
            raise BadLiteral("invalid syntax")
        return ord(quote)
    code = int(octal, 8) if octal is not None else int(byte or short or long, 16)
    limit = 0xFF if octal is not None else 0x10FFFF
    if code > limit or (byte is None and 0xD800 <= code < 0xE000):
        raise BadLiteral("invalid syntax")
    return code
