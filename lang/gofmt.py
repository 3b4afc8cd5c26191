"""Go's fmt: `%v` of JSON values, `Sprint`, `Sprintf` with flags, widths and its `%!d(...)` notes.

Owns printing; knows the types that JSON, dates and sprig can give. Source: Go `fmt`. Callers:
Go templates, sprig, messages of expr.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lang import gotime, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

_VERB = re.compile(r"%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?(.)?", re.DOTALL)
_MAX_WIDTH = 1_000_000


def type_name(value: Any) -> str:
    """As `%T` says it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return str(getattr(value, "go_type", "int"))
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return str(getattr(value, "go_type", "[]interface {}"))
        case dict():
            return str(getattr(value, "go_type", "map[string]interface {}"))
        case bytes():
            return "[]uint8"
        case datetime():
            return "time.Time"
        case _:
            return str(getattr(value, "go_type", type(value).__name__))


def v(value: Any) -> str:
    """As `%v` prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float():
            return strconv.format_float_g(value)
        case list():
            return "[" + " ".join(map(v, value)) + "]"
        case dict():
            pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
            return "map[" + " ".join(f"{v(k)}:{v(item)}" for k, item in pairs) + "]"
        case bytes():
            return "[" + " ".join(map(str, value)) + "]"
        case datetime():
            return gotime.string(value)
        case _:
            return str(value)


def sharp_v(value: Any) -> str:
    """As `%#v` prints it: Go syntax."""
    match value:
        case None:
            return "interface {}(nil)"
        case str():
            return strconv.quote(value)
        case list():
            return type_name(value) + "{" + ", ".join(map(sharp_v, value)) + "}"
        case dict():
            pairs = (f"{sharp_v(k)}:{sharp_v(item)}" for k, item in sorted(value.items()))
            return type_name(value) + "{" + ", ".join(pairs) + "}"
        case _:
            return v(value)


def sprint(*values: Any) -> str:
    """`fmt.Sprint`: a blank between two operands when neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(v(value))
    return "".join(parts)


def sprintln(*values: Any) -> str:
    """`fmt.Sprintln`."""
    return " ".join(map(v, values)) + "\n"


def sprintf(layout: str, *values: Any) -> str:
    """`fmt.Sprintf`: never fails on a wrong verb, notes it as Go does. Raises LangError(LIMIT)."""
    return _Printer(values).run(layout)


class _Printer:
    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values = values
        self._next = 0

    def run(self, layout: str) -> str:
        text = _VERB.sub(self._verb, layout)
        if self._next < len(self._values):
            extra = (
                "<nil>" if each is None else f"{type_name(each)}={v(each)}"
                for each in self._values[self._next :]
            )
            text += "%!(EXTRA " + ", ".join(extra) + ")"
        if len(text) > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "the printed text is too large")
        return text

    def _argument(self) -> Any:
        self._next += 1
        return self._values[self._next - 1]

    def _size(self, text: str | None) -> int | None:
        if text is None:
            return None
        if text == "*":
            size = self._argument() if self._next < len(self._values) else 0
            text = str(size) if isinstance(size, int) else "0"
        if len(text) > 7 or int(text) > _MAX_WIDTH:
            raise LangError(ErrorKind.LIMIT, "the width of a printed value is too large")
        return int(text)

    def _verb(self, match: re.Match[str]) -> str:
        flags, width_text, precision_text, verb = match.groups()
        if verb is None:
            return "%!(NOVERB)"
        width = self._size(width_text)
        dotted = "." in match.group()[: -1 if verb != "." else None]
        precision = self._size(precision_text) if precision_text else (0 if dotted else None)
        if verb == "%":
            return "%"
        if self._next >= len(self._values):
            return f"%!{verb}(MISSING)"
        value = self._argument()
        body = _formatted(value, verb, flags, precision)
        return _padded(body, flags, width, value, verb)


def _padded(body: str, flags: str, width: int | None, value: Any, verb: str) -> str:
    if width is None or len(body) >= width:
        return body
    if "-" in flags:
        return body.ljust(width)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if "0" in flags and (number or verb in "sqvx"):
        sign = body[:1] if number and body[:1] in "+-" else ""
        return sign + body[len(sign) :].rjust(width - len(sign), "0")
    return body.rjust(width)


def _formatted(value: Any, verb: str, flags: str, precision: int | None) -> str:
    if verb == "T":
        return type_name(value)
    if verb == "v":
        return sharp_v(value) if "#" in flags else _v_signed(value, flags)
    if verb != "p" and isinstance(value, (list, dict)):
        return _collection(value, verb, flags, precision)
    printers = _BY_TYPE.get(_kind(value))
    printer = printers.get(verb) if printers else None
    if printer is None:
        return _wrong(value, verb)
    return printer(value, flags, precision)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "nil" if value is None else "text"


def _v_signed(value: Any, flags: str) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "+" + v(value) if number and "+" in flags and value >= 0 else v(value)


def _wrong(value: Any, verb: str) -> str:
    if value is None:
        return f"%!{verb}(<nil>)"
    return f"%!{verb}({type_name(value)}={v(value)})"


def _collection(value: Any, verb: str, flags: str, precision: int | None) -> str:
    def each(item: Any) -> str:
        return _formatted(item, verb, flags, precision)

    if isinstance(value, list):
        return "[" + " ".join(map(each, value)) + "]"
    pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
    return "map[" + " ".join(f"{each(k)}:{each(item)}" for k, item in pairs) + "]"


Printer = Callable[[Any, str, int | None], str]


def _signed(text: str, value: float, flags: str) -> str:
    if value >= 0 and not text.startswith("-"):
        return ("+" if "+" in flags else " " if " " in flags else "") + text
    return text


def _base(letter: str, prefix: str) -> Printer:
    def printer(value: int, flags: str, precision: int | None) -> str:
        digits = f"{abs(value):{letter}}"
        if precision is not None:
            digits = digits.rjust(precision, "0")
        if "#" in flags:
            digits = prefix + digits
        return _signed(("-" if value < 0 else "") + digits, value, flags)

    return printer


def _float(verb: str) -> Printer:
    def printer(value: float, flags: str, precision: int | None) -> str:
        if value != value or abs(value) == float("inf"):
            return strconv.format_float(value)
        if verb in "gG":
            text = strconv.format_float_g(value) if precision is None else f"{value:.{precision}g}"
        else:
            text = f"{value:.{6 if precision is None else precision}{verb}}"
        return _signed(text, value, flags)

    return printer


def _text(value: Any, _flags: str, precision: int | None) -> str:
    text = v(value)
    return text if precision is None else text[:precision]


def _quoted(value: Any, flags: str, precision: int | None) -> str:
    text = _text(value, flags, precision)
    return f"`{text}`" if "#" in flags and "`" not in text else strconv.quote(text)


def _hex(letter: str) -> Printer:
    def printer(value: Any, flags: str, _precision: int | None) -> str:
        glue = " " if " " in flags else ""
        text = glue.join(f"{byte:02{letter}}" for byte in v(value).encode())
        return ("0" + letter + text) if "#" in flags else text

    return printer


def _rune(value: int, _flags: str, _precision: int | None) -> str:
    return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000 else "\ufffd"


_BY_TYPE: dict[str, dict[str, Printer]] = {
    "bool": {"t": lambda value, _f, _p: "true" if value else "false"},
    "int": {
        "d": _base("d", ""),
        "x": _base("x", "0x"),
        "X": _base("X", "0X"),
        "o": _base("o", "0"),
        "O": lambda value, flags, p: "0o" + _base("o", "")(value, flags, p),
        "b": _base("b", "0b"),
        "c": _rune,
        "q": lambda value, flags, p: "'" + _rune(value, flags, p) + "'",
        "U": lambda value, _f, _p: f"U+{value:04X}",
    },
    "float": {verb: _float(verb) for verb in "eEfFgG"},
    "text": {"s": _text, "q": _quoted, "x": _hex("x"), "X": _hex("X")},
    "nil": {},
}


def html_escape(text: str) -> str:
    """`html/template`'s escaping of text, as the builtin `html` does it."""
    table = {"&": "&amp;", "'": "&#39;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "\0": "\ufffd"}
    return "".join(table.get(character, character) for character in text)


def js_escape(text: str) -> str:
    """As the builtin `js` escapes a text for a JavaScript string."""
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    for plain, code in (("'", "\\'"), ("<", "\\u003C"), (">", "\\u003E"), ("&", "\\u0026")):
        escaped = escaped.replace(plain, code)
    return escaped.replace("=", "\\u003D")
