"""What is wrong with a JSON text, in the words of Go's `encoding/json`.

Owns the scanner: it accepts exactly what Go accepts and names the first wrong character. Caller:
`gojson`, where Python's faster parser has refused a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from lang.errors import ErrorKind, LangError

_SPACE = frozenset(" \t\r\n")
_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")
_VALUE = "looking for beginning of value"
_STRING_BODY = re.compile(r'[^"\\\x00-\x1f]*')


def check(text: str) -> None:
    """Do nothing for valid JSON, else raise LangError(SYNTAX) with Go's message."""
    # Go's scanner meets a blank at the end: a literal that stops early is wrong there.
    _Scanner(f"{text} ").run()


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
