"""gjson over JSON text itself, valid or not: what is found keeps the text it was written in.

Owns a reader as tolerant as gjson's: it takes what it understands of broken documents, keeps the
first of equal keys, and never raises for them. Values are plain ones that carry `raw`. Callers:
places where the text counts (`{"name": "x"}` taken out of a body keeps its blanks).
"""

from __future__ import annotations

import re
from typing import Any

from lang import gjson, gojson
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gjson import Result

_BLANKS = frozenset(map(chr, range(33)))
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"?|[^"]+', re.DOTALL)
_NUMBER = frozenset("+-0123456789iIN")


class Text(str):
    """A string; `raw` with its quotes and escapes."""

    __slots__ = ("raw",)
    raw: str


class Array(list[Any]):
    """An array with its text."""

    __slots__ = ("raw",)
    raw: str


class Object(dict[str, Any]):
    """An object with its text."""

    __slots__ = ("raw",)
    raw: str


def get(text: str, path: str) -> Result:
    """What `path` finds in a document. Raises LangError(LIMIT) only."""
    if path.startswith("..") and len(path) > 2:
        return gjson.get(Reader(text).lines(), path[2:])
    return gjson.get(Reader(text).document(), path)


def parse(text: str) -> Result:
    """The document as a result; nothing for what does not begin like JSON."""
    reader = Reader(text)
    found = gjson.result_of(reader.document())
    if isinstance(found.value, bool) or (found.exists and found.value is None):
        return Result(True, found.type, found.value, reader.taken)
    return found


def compact(text: str) -> str:
    """JSON text without blanks outside of strings; all else as it was written."""
    return "".join(
        part if part.startswith('"') else "".join(part.split()) for part in _PIECES.findall(text)
    )


def valid(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        gojson.check(text)
        gojson.parse(text)
    except LangError:
        return False
    return True


class Reader:
    """A cursor over a text; `at` is where it stands."""

    def __init__(self, text: str, at: int = 0) -> None:
        self._text = text
        self._at = at

    @property
    def at(self) -> int:
        """The offset of what comes next."""
        return self._at

    def skip_to_member(self, closing: str) -> bool:
        """To the next key or item of a container; False at its end."""
        text = self._text
        while self._at < len(text) and text[self._at] != closing:
            character = text[self._at]
            if character == '"' if closing == "}" else character not in " \t\r\n,:}":
                return True
            self._at += 1
        return False

    def skip_to_value(self) -> bool:
        """Over the colon; False where the text ends."""
        text = self._text
        while self._at < len(text) and text[self._at] in " \t\r\n:,":
            self._at += 1
        return self._at < len(text) and text[self._at] not in "}]"

    def value(self) -> Any:
        """The value that stands here."""
        return self._value(0)

    def string(self) -> Text:
        """The string that stands here."""
        return self._string()

    def document(self) -> Any:
        """The first value; an object or array takes the whole rest as its text."""
        value = self._first()
        if isinstance(value, (Array, Object)):
            value.raw = self._text[self._start :]
        return value

    _start = 0

    @property
    def taken(self) -> str:
        """The text of the value just read."""
        return self._text[self._start : self._at]

    def _first(self) -> Any:
        text = self._text
        while self._at < len(text) and text[self._at] in _BLANKS:
            self._at += 1
        self._start = self._at
        if self._at >= len(text) or text[self._at] not in '{["ntf' + "".join(_NUMBER):
            return gjson.MISSING
        return self._value(0)

    def lines(self) -> Array:
        """Every value of a text of JSON lines."""
        found = Array()
        while True:
            value = self._first()
            if value is gjson.MISSING:
                break
            found.append(value)
        found.raw = self._text
        return found

    def _value(self, depth: int) -> Any:
        if depth > DEFAULT_LIMITS.nesting * 5:
            raise LangError(ErrorKind.LIMIT, "exceeded max depth", 0)
        character = self._text[self._at]
        match character:
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                return self._string()
            case "t" | "f":
                self._literal()
                return character == "t"
            case "n" if self._text[self._at + 1 : self._at + 2] in {"", "u"}:
                self._literal()
                return None
            case _:
                return self._number()

    def _object(self, depth: int) -> Object:
        found, start = Object(), self._at
        text = self._text
        self._at += 1
        while self._at < len(text):
            character = text[self._at]
            if character == "}":
                self._at += 1
                break
            if character != '"':
                self._at += 1
                continue
            key = str(self._string())
            while self._at < len(text) and (text[self._at] in _BLANKS or text[self._at] in ":,"):
                self._at += 1
            if self._at < len(text) and text[self._at] not in "}]":
                value = self._value(depth + 1)
                found.setdefault(key, value)
        found.raw = text[start : self._at]
        return found

    def _array(self, depth: int) -> Array:
        found, start = Array(), self._at
        text = self._text
        self._at += 1
        while self._at < len(text):
            character = text[self._at]
            if character == "]":
                self._at += 1
                break
            if character in _BLANKS or character in ",:}":
                self._at += 1
                continue
            found.append(self._value(depth + 1))
        found.raw = text[start : self._at]
        return found

    def _string(self) -> Text:
        text, start = self._text, self._at
        end = start + 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        self._at = min(end + 1, len(text))
        raw = text[start : self._at]
        try:
            found = Text(gojson.parse(raw))
        except LangError:
            found = Text(_unescaped(raw[1:-1] if raw.endswith('"') and len(raw) > 1 else raw[1:]))
        found.raw = raw
        return found

    def _literal(self) -> None:
        text = self._text
        while self._at < len(text) and text[self._at].isalpha() and text[self._at].islower():
            self._at += 1

    def _number(self) -> Any:
        text, start = self._text, self._at
        while self._at < len(text) and not (text[self._at] in _BLANKS or text[self._at] in ",]}"):
            self._at += 1
        if self._at == start:
            self._at += 1
        raw = text[start : self._at]
        found = gojson.RawFloat(_float_text(raw))
        found.text = raw
        return found


def _float_text(raw: str) -> str:
    try:
        return repr(float(raw))
    except ValueError:
        return "0"


def _unescaped(text: str) -> str:
    """What can be read of a string with bad escapes: everything up to the first of them."""
    at = text.find("\\")
    while at >= 0:
        width = 6 if text[at + 1 : at + 2] == "u" else 2
        try:
            gojson.parse(f'"{text[: at + width]}"')
        except LangError:
            return str(gojson.parse('"' + text[:at] + '"')) if '"' not in text[:at] else text[:at]
        at = text.find("\\", at + width)
    return text
