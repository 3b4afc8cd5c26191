"""What a YAML scalar stands for: the YAML 1.1 rules of go-yaml v2, as sigs.k8s.io/yaml uses them.

Owns resolving plain and tagged scalars. `yes`, `on`, `y` are true; `010` is 8; `1:30` and dates
stay texts. Callers: `yaml` (reading) and `yaml_emit` (which texts need quotes).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lang import strconv
from lang.errors import ErrorKind, LangError

PREFIX = "tag:yaml.org,2002:"
STR, BOOL, INT, FLOAT, NULL = "!!str", "!!bool", "!!int", "!!float", "!!null"
TIME, MERGE, BINARY = "!!timestamp", "!!merge", "!!binary"
_RESOLVABLE = frozenset({"", STR, BOOL, INT, FLOAT, NULL, TIME})
_MAX_DIGITS = 64 * 1024

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}"
    r"(([Tt]|[ ])\d{1,2}:\d{1,2}:\d{1,2}(\.\d*)?(Z|[-+]\d\d:\d\d)?)?",
    re.ASCII,
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)


class Scalar(NamedTuple):
    """A resolved scalar: its tag, and a text, bool, int, float or None."""

    tag: str
    value: Any


def _words() -> Mapping[str, Scalar]:
    words: dict[str, Scalar] = {"<<": Scalar(MERGE, "<<")}
    for word in ("", "~", "null", "Null", "NULL"):
        words[word] = Scalar(NULL, None)
    for value, names in ((True, "y yes on true"), (False, "n no off false")):
        for name in names.split():
            for form in {name, name.capitalize(), name.upper()}:
                words[form] = Scalar(BOOL, value)
    for form in (".nan", ".NaN", ".NAN"):
        words[form] = Scalar(FLOAT, math.nan)
    for sign, limit in (("", math.inf), ("+", math.inf), ("-", -math.inf)):
        for form in (".inf", ".Inf", ".INF"):
            words[sign + form] = Scalar(FLOAT, limit)
    return words


_WORDS = _words()


def plain(text: str) -> Scalar:
    """The meaning of a scalar without quotes and tag."""
    known = _WORDS.get(text)
    if known is not None:
        return known
    first = text[0]
    if first == ".":
        number = strconv.parse_float(text)
        return Scalar(STR, text) if number is None else Scalar(FLOAT, number)
    if first not in "+-0123456789":
        return Scalar(STR, text)
    if _TIME.fullmatch(text):
        return Scalar(TIME, text)
    return _number(text)


def _number(text: str) -> Scalar:
    digits = text.replace("_", "")
    if _INT.fullmatch(digits) and len(digits) < _MAX_DIGITS:
        value = _integer(digits)
        if value is not None:
            return Scalar(INT, value)
    if _FLOAT.fullmatch(digits):
        number = strconv.parse_float(digits)
        if number is not None:
            return Scalar(FLOAT, number)
    return Scalar(STR, text)


def _integer(digits: str) -> int | None:
    """An int64 or uint64 in Go's notation, or None."""
    body = digits.lstrip("+-").lower()
    base = {"0x": 16, "0o": 8, "0b": 2}.get(body[:2], 8 if body[0] == "0" else 10)
    significant = body[2:] if body[:2] in ("0x", "0o", "0b") else body
    significant = significant.lstrip("0") or "0"
    if len(significant) > 64:
        return None
    value = int(significant, base)
    value = -value if digits[0] == "-" else value
    top = (1 << 64) - 1 if digits[0] not in "+-" else strconv.INT64_MAX
    return value if strconv.INT64_MIN <= value <= top else None


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag. Raises LangError(TYPE) where it does not fit."""
    short = f"!!{tag[len(PREFIX) :]}" if tag.startswith(PREFIX) else tag
    if short == BINARY:
        return _binary(text)
    if short not in _RESOLVABLE or short == STR:
        return text
    found = plain(text)
    if short == FLOAT and found.tag == INT:
        return float(found.value)
    if found.tag != short:
        message = f"yaml: cannot decode {found.tag} `{text}` as a {short}"
        raise LangError(ErrorKind.TYPE, message)
    return found.value


def _binary(text: str) -> str:
    try:
        raw = base64.b64decode("".join(text.split("\n")), validate=True)
    except (binascii.Error, ValueError):
        message = "yaml: !!binary value contains invalid base64 data"
        raise LangError(ErrorKind.VALUE, message) from None
    return raw.decode("utf-8", "replace")


def needs_quotes(text: str) -> bool:
    """Whether a text would be read as something else without quotes."""
    return plain(text).tag != STR or _BASE_60.fullmatch(text) is not None
