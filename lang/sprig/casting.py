"""Numbers, texts and lists out of anything. Source: sprig `numeric.go`, spf13/cast `ToInt64`…"""

from __future__ import annotations

import re
from typing import Any

from lang import gofmt, strconv, treesize
from lang.gotypes import Duration, Int64

_WHOLE = re.compile(r"[+-]?[0-9][0-9A-Za-z_]*")
_STRAY = re.compile("[\udc80-\udcff]")
_ZERO_DECIMAL = re.compile(r"\.0*$")


def decoded(data: bytes) -> str:
    """Bytes as a text: each one that is no UTF-8 becomes a replacement character, as in Go."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _STRAY.sub("\ufffd", data.decode(errors="surrogateescape"))


def to_int(value: Any) -> int:
    """`cast.ToInt64`: 0 for what is no number."""
    match value:
        case bool():
            return int(value)
        case int():
            return strconv.wrap_int64(value)
        case float():
            finite = value == value and abs(value) < 2.0**63
            return int(value) if finite else -(1 << 63)
        case str():
            return _parsed(_ZERO_DECIMAL.sub("", value))
        case Duration():
            return value.nanoseconds
        case _:
            return 0


def _parsed(text: str) -> int:
    if len(text) > 100 or not _WHOLE.fullmatch(text):
        return 0
    sign, digits = (text[0], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    try:
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            number = int(digits, 8)
        else:
            number = int(digits, 0)
    except ValueError:
        return 0
    number = -number if sign == "-" else number
    return number if -(1 << 63) <= number < 1 << 63 else 0


def to_int64(value: Any) -> Int64:
    """As an int64, which prints as one."""
    return Int64(to_int(value))


def to_float(value: Any) -> float:
    """`cast.ToFloat64`: 0 for what is no number."""
    match value:
        case bool():
            return float(value)
        case int() | float():
            return float(value)
        case str():
            found = strconv.parse_float(value)
            return 0.0 if found is None else found
        case _:
            return 0.0


def text(value: Any) -> str:
    """sprig's `strval`."""
    if isinstance(value, bytes):
        return decoded(value)
    return gofmt.v(value)


def texts(value: Any) -> list[str]:
    """sprig's `strslice`: a list's items without nils, anything else alone."""
    match value:
        case None:
            return []
        case list():
            treesize.check(value)
            return [text(item) for item in value if item is not None]
        case _:
            return [text(value)]


def is_empty(value: Any) -> bool:
    """Go templates' idea of a false value."""
    return value is None or (
        not value if isinstance(value, (bool, int, float, str, list, dict, bytes)) else False
    )
