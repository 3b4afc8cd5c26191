"""JSON text as Go's `encoding/json` reads it: the same acceptance, the same error texts.

Owns strict parsing that keeps each number's own text (`Raw`), and printing without loss. Callers:
loop items, parameter values, template replacement. Python's parser is used first; the scanner
only runs to say what is wrong, in the reference's words.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from lang import gojson_scan, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INFINITE = float("inf")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class RawFloat(float):
    """A float that remembers how it was written (`1.0`, `1e3`)."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> RawFloat:
        value = super().__new__(cls, text)
        value.text = text
        return value


class RawInt(int):
    """An integer written in a way that `str` would not give back (`-0`)."""

    text: str

    def __new__(cls, text: str) -> RawInt:
        value = super().__new__(cls, int(text))
        value.text = text
        return value


def _integer(text: str) -> int | float:
    if text == "-0":
        return RawInt(text)
    # Beyond what Go's numbers hold the digits matter only as text.
    return int(text) if len(text) < 400 else RawFloat(text)


def _constant(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(parse_float=RawFloat, parse_int=_integer, parse_constant=_constant)


def parse(text: str) -> Any:
    """The value of a JSON text. Raises LangError(SYNTAX) with Go's message and the position."""
    try:
        value = _DECODER.decode(text)
        check_depth(text, value)
        return without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value
    except RecursionError:
        raise LangError(ErrorKind.LIMIT, "exceeded max depth", 0) from None
    except ValueError:
        pass
    check(text)
    # Both parsers take the same grammar; what is left is a limit of Python's (huge integers).
    raise LangError(ErrorKind.LIMIT, "JSON value is out of range", 0)


def check_depth(text: str, value: Any) -> None:
    """Refuse what is nested deeper than this house's limit: every tree is walked later.

    `value` is what was parsed of `text`. Raises LangError(LIMIT).
    """
    if text.count("[") + text.count("{") <= DEFAULT_LIMITS.nesting:
        return
    level = [value]
    for _ in range(DEFAULT_LIMITS.nesting):
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                inner.extend(node.values())
            elif isinstance(node, list):
                inner.extend(node)
        level = [node for node in inner if isinstance(node, dict | list)]
        if not level:
            return
    raise LangError(ErrorKind.LIMIT, "exceeded max depth", 0)


def without_surrogates(value: Any) -> Any:
    """Half a surrogate pair becomes U+FFFD, as Go decodes it."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(k): without_surrogates(v) for k, v in value.items()}
    return value


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Compact JSON of a parsed value: non-ASCII kept, numbers as they were written.

    Raises LangError(LIMIT) for a tree that is nested too deeply to be walked.
    """
    try:
        return _dumps(value, sort_keys)
    except RecursionError:
        raise LangError(ErrorKind.LIMIT, "exceeded max depth", 0) from None


def _dumps(value: Any, sort_keys: bool) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, RawFloat | RawInt):
        return value.text
    if isinstance(value, dict):
        items = sorted(value.items()) if sort_keys else value.items()
        pairs = (f"{_dumps(str(k), sort_keys)}:{_dumps(v, sort_keys)}" for k, v in items)
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_dumps(v, sort_keys) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def escape_html(text: str) -> str:
    """JSON text with `<`, `>` and `&` escaped, as Go's marshaller writes strings."""
    return (
        text.replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def marshal(value: Any) -> str:
    """As `json.Marshal` writes a tree: sorted keys, HTML characters escaped."""
    text = dumps(value, sort_keys=True)
    return text if text.isalnum() else escape_html(text)


def check(text: str) -> None:
    """Do nothing for valid JSON, else raise what Go's scanner says."""
    gojson_scan.check(text)


def type_name(value: Any) -> str:
    """The name Go's decoder gives a JSON value in its type errors."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "number"


def as_floats(value: Any) -> Any:
    """A parsed tree with numbers as Go decodes them without a type: float64, printed anew."""
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
            return RawFloat(strconv.format_float_json(float(value)))
        case list():
            return [as_floats(item) for item in value]
        case dict():
            return {key: as_floats(item) for key, item in value.items()}
        case _:
            return value


def plain_floats(value: Any) -> Any:
    """A parsed tree with every number a float64, as Go decodes JSON without a type.

    Raises LangError(VALUE) for a number that no float64 holds.
    """
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
            return float64(value)
        case list():
            return [plain_floats(item) for item in value]
        case dict():
            return {key: plain_floats(item) for key, item in value.items()}
        case _:
            return value


def float64(value: float) -> float:
    """A number as Go decodes it without a type. Raises LangError(VALUE) for one too large."""
    try:
        number = float(value.text) if isinstance(value, RawInt) else float(value)
    except OverflowError:
        number = _INFINITE
    if abs(number) == _INFINITE:
        text = f"json: cannot unmarshal number {dumps(value)} into Go value of type float64"
        raise LangError(ErrorKind.VALUE, text)
    return number


def any_string(value: Any) -> str | None:
    """A parameter value as text: numbers without an exponent, lists and objects as nothing.

    Semantics: Argo's `AnyString`. Raises LangError(VALUE) for a number no float64 holds.
    """
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return strconv.format_float(_float64(value))
        case _:
            return ""


def _float64(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if number in (float("inf"), float("-inf")):
        message = (
            f"json: cannot unmarshal number {dumps(value)}"
            " into Go struct field Parameter.value of type float64"
        )
        raise LangError(ErrorKind.VALUE, message)
    return number
