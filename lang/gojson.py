"""JSON text as Go's `encoding/json` reads it: the same acceptance, the same error texts.

Owns strict parsing that keeps each number's own text (`Raw`), and printing without loss. Callers:
loop items, parameter values, template replacement. Python's parser is used first; the scanner
here only runs to say what is wrong, in the reference's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from lang import strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = frozenset(" \t\r\n")
_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")
_VALUE = "looking for beginning of value"
_STRING_BODY = re.compile(r'[^"\\\x00-\x1f]*')


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
        _check_depth(text, value)
        return _without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value
    except RecursionError:
        raise LangError(ErrorKind.LIMIT, "exceeded max depth", 0) from None
    except ValueError:
        pass
    check(text)
    # Both parsers take the same grammar; what is left is a limit of Python's (huge integers).
    raise LangError(ErrorKind.LIMIT, "JSON value is out of range", 0)


def _check_depth(text: str, value: Any) -> None:
    """What is nested deeper than this house's limit is refused, as every tree is walked later."""
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


def _without_surrogates(value: Any) -> Any:
    """Half a surrogate pair becomes U+FFFD, as Go decodes it."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
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
    _Scanner(text).run()


def quote_char(char: str) -> str:
    """How Go's JSON errors name a character: its first byte, in single quotes."""
    from_byte = chr(char.encode("utf-8", "replace")[0])
    if from_byte == "'":
        return "'\\''"
    if from_byte == '"':
        return "'\"'"
    short = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    short |= {"\v": "\\v", "\\": "\\\\"}
    if from_byte in short:
        return f"'{short[from_byte]}'"
    if from_byte.isprintable():
        return f"'{from_byte}'"
    code = ord(from_byte)
    return f"'\\u{code:04x}'" if code >= 0x80 else f"'\\x{code:02x}'"


class _Scanner:
    """One pass over the text with an explicit stack; stops at the first wrong character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def run(self) -> None:
        stack: list[str] = []
        step: Callable[[list[str]], bool] = self._begin_value
        while True:
            ended = step(stack)
            if not ended:
                step = self._begin_value
                continue
            if not stack:
                self._skip()
                if self.at < len(self.text):
                    self._fail("after top-level value")
                return
            step = self._after_value

    def _begin_value(self, stack: list[str]) -> bool:
        """Read one value or the opening of one; True where a value ended."""
        char = self._next()
        if char in "[{":
            stack.append(char)
            if len(stack) > 10000:
                raise LangError(ErrorKind.SYNTAX, "exceeded max depth", self.at)
            self._skip()
            close = "]" if char == "[" else "}"
            if self.text.startswith(close, self.at):
                self.at += 1
                stack.pop()
                return True
            if char == "{":
                self._key()
            return False
        if char == '"':
            self._string()
        elif char == "-" or char in _DIGITS:
            self._number(char)
        elif char in "tfn":
            self._word({"t": "true", "f": "false", "n": "null"}[char])
        else:
            self.at -= 1
            self._fail(_VALUE)
        return True

    def _after_value(self, stack: list[str]) -> bool:
        inside = stack[-1]
        where = "after array element" if inside == "[" else "after object key:value pair"
        char = self._next()
        if char == ",":
            if inside == "{":
                self._skip()
                self._key()
            return False
        if char == ("]" if inside == "[" else "}"):
            stack.pop()
            return True
        self.at -= 1
        return self._fail(where)

    def _key(self) -> None:
        if self._next() != '"':
            self.at -= 1
            self._fail("looking for beginning of object key string")
        self._string()
        if self._next() != ":":
            self.at -= 1
            self._fail("after object key")

    def _string(self) -> None:
        while True:
            match = _STRING_BODY.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
            char = self._take()
            if char == '"':
                return
            if char != "\\":
                self.at -= 1
                self._fail("in string literal")
            self._string_escape()

    def _string_escape(self) -> None:
        char = self._take()
        if char == "u":
            for _ in range(4):
                if self._take() not in _HEX:
                    self.at -= 1
                    self._fail("in \\u hexadecimal character escape")
        elif char not in 'bfnrt\\/"':
            self.at -= 1
            self._fail("in string escape code")

    def _number(self, first: str) -> None:
        if first == "-":
            first = self._digit("in numeric literal")
        if first != "0":
            self._digits()
        if self._peek() == ".":
            self.at += 1
            self._digit("after decimal point in numeric literal")
            self._digits()
        if self._peek() in ("e", "E"):
            self.at += 1
            if self._peek() in ("+", "-"):
                self.at += 1
            self._digit("in exponent of numeric literal")
            self._digits()

    def _digit(self, where: str) -> str:
        char = self._take()
        if char not in _DIGITS:
            self.at -= 1
            self._fail(where)
        return char

    def _digits(self) -> None:
        while self._peek() in _DIGITS:
            self.at += 1

    def _word(self, word: str) -> None:
        for expected in word[1:]:
            if self._take() != expected:
                self.at -= 1
                self._fail(f"in literal {word} (expecting '{expected}')")

    def _skip(self) -> None:
        while self._peek() in _SPACE:
            self.at += 1

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        self._skip()
        return self._take()

    def _take(self) -> str:
        if self.at >= len(self.text):
            raise LangError(ErrorKind.SYNTAX, "unexpected end of JSON input", self.at)
        self.at += 1
        return self.text[self.at - 1]

    def _fail(self, where: str) -> NoReturn:
        char = quote_char(self.text[self.at])
        raise LangError(ErrorKind.SYNTAX, f"invalid character {char} {where}", self.at)


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
