"""From expression text to tokens. Source: expr-lang `parser/lexer`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lang.errors import ErrorKind, LangError
from lang.expr.snippet import syntax_error

WORD_OPERATORS = frozenset(
    ["in", "not", "and", "or", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"]
)
BLOCKS = frozenset(["if", "else"])
SYMBOLS = (
    *("??", "?.", "**", "..", "==", "!=", "<=", ">=", "&&", "||", "//", "/*"),
    *("|", "!", "<", ">", "+", "-", "*", "/", "%", "^", "?", ":", ",", ".", ";", "=", "#", "&"),
)
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
PLAIN = frozenset("\\'\"`")
DIGITS = frozenset("0123456789")


class TokenKind(StrEnum):
    """As messages name them."""

    IDENTIFIER = "Identifier"
    NUMBER = "Number"
    STRING = "String"
    OPERATOR = "Operator"
    BRACKET = "Bracket"
    END = "EOF"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written (strings: their value); `value` of numbers."""

    kind: TokenKind
    text: str
    position: int
    value: Any = None

    def __str__(self) -> str:
        if self.kind is TokenKind.END:
            return "EOF"
        from lang import strconv

        return f"{self.kind}({strconv.quote(self.text)})"


def tokens(source: str, *, blocks: bool = True) -> list[Token]:
    """All tokens, the last one END; `blocks`: `if` and `else` are words of the language.

    Raises LangError(SYNTAX).
    """
    return _Lexer(source, WORD_OPERATORS if blocks else WORD_OPERATORS - BLOCKS).run()


class _Lexer:
    def __init__(self, source: str, words: frozenset[str]) -> None:
        self._source = source
        self._words = words
        self._at = 0
        self._found: list[Token] = []

    def run(self) -> list[Token]:
        source = self._source
        while self._at < len(source):
            character = source[self._at]
            if character in " \t\r\n":
                self._at += 1
            elif character in DIGITS or (character == "." and self._digit_at(self._at + 1)):
                self._number()
            elif character in "'\"":
                self._string(character)
            elif character == "`":
                self._raw_string()
            elif character in "()[]{}":
                self._add(TokenKind.BRACKET, character)
            elif character.isalpha() or character in "_$":
                self._word()
            else:
                self._symbol()
        self._found.append(Token(TokenKind.END, "", max(0, len(source) - 1)))
        return self._found

    def _digit_at(self, at: int) -> bool:
        return self._source[at : at + 1] in DIGITS and at < len(self._source)

    def _fail(self, message: str, position: int | None = None) -> LangError:
        where = self._at if position is None else position
        return syntax_error(message, self._source, where)

    def _add(self, kind: TokenKind, text: str, value: Any = None) -> None:
        self._found.append(Token(kind, text, self._at, value))
        self._at += len(text)

    def _word(self) -> None:
        end = self._at
        source = self._source
        while end < len(source) and (source[end].isalnum() or source[end] in "_$"):
            end += 1
        text = source[self._at : end]
        if text == "b" and source[end : end + 1] in {"'", '"'} and end < len(source):
            self._at = end
            self._string(source[end])
            found = self._found.pop()
            data = found.text.encode("latin-1", "replace")
            self._found.append(Token(found.kind, found.text, end - 1, data))
            return
        after_dot = bool(self._found) and self._found[-1].text in {".", "?."}
        operator = text in self._words and not after_dot
        self._add(TokenKind.OPERATOR if operator else TokenKind.IDENTIFIER, text)

    def _symbol(self) -> None:
        source = self._source
        symbol = next((s for s in SYMBOLS if source.startswith(s, self._at)), None)
        if symbol == "//":
            end = source.find("\n", self._at)
            self._at = len(source) if end < 0 else end
        elif symbol == "/*":
            end = source.find("*/", self._at)
            if end < 0:
                raise self._fail("unclosed comment", len(source))
            self._at = end + 2
        elif symbol == "?." and self._digit_at(self._at + 2):
            self._add(TokenKind.OPERATOR, "?")
        elif symbol is None:
            raise self._fail(
                f"unrecognized character: U+{ord(source[self._at]):04X} '{source[self._at]}'"
            )
        else:
            self._add(TokenKind.OPERATOR, symbol)

    def _number(self) -> None:
        source, start = self._source, self._at
        end = start
        lower = source[start : start + 2].lower()
        if lower in {"0x", "0b", "0o"}:
            end += 2
            while end < len(source) and (source[end].isalnum() or source[end] == "_"):
                end += 1
        else:
            end = self._decimal(start)
        text = source[start:end]
        if end < len(source) and (source[end].isalpha() or source[end] == "_"):
            raise self._fail(f"bad number syntax: {_quoted(text + source[end])}", end)
        self._found.append(Token(TokenKind.NUMBER, text, start, self._value(text, start)))
        self._at = end

    def _decimal(self, start: int) -> int:
        source, end = self._source, start

        def digits(at: int) -> int:
            while at < len(source) and (source[at] in DIGITS or source[at] == "_"):
                at += 1
            return at

        end = digits(end)
        if source[end : end + 1] == "." and source[end : end + 2] != "..":
            end = digits(end + 1)
        if source[end : end + 1] in {"e", "E"} and source[end : end + 1]:
            mark = end + 1
            if source[mark : mark + 1] in {"+", "-"}:
                mark += 1
            if digits(mark) > mark:
                end = digits(mark)
        return end

    def _value(self, text: str, start: int) -> int | float:
        plain = text.replace("_", "")
        try:
            if plain[:2].lower() in {"0x", "0b", "0o"}:
                value: int | float = int(plain, 0)
            elif any(c in plain for c in ".eE"):
                value = float(plain)
            else:
                value = int(plain)
        except ValueError:
            end = start + len(text) - 1
            raise self._fail(f"bad number syntax: {_quoted(text)}", end) from None
        if isinstance(value, int) and value >= 1 << 63:
            raise self._out_of_range("integer", "ParseInt", text, start)
        if value == float("inf"):
            raise self._out_of_range("float", "ParseFloat", text, start)
        return value

    def _out_of_range(self, what: str, function: str, text: str, start: int) -> LangError:
        reason = f"strconv.{function}: parsing {_quoted(text)}: value out of range"
        return self._fail(f"invalid {what} literal: {reason}", start + len(text) - 1)

    def _string(self, quote: str) -> None:
        source, start = self._source, self._at
        parts: list[str] = []
        i = start + 1
        while True:
            if i >= len(source) or source[i] == "\n":
                raise self._fail("literal not terminated", i)
            character = source[i]
            if character == quote:
                break
            if character == "\\":
                text, i = self._escape(i + 1)
                parts.append(text)
            else:
                parts.append(character)
                i += 1
        self._found.append(Token(TokenKind.STRING, "".join(parts), start))
        self._at = i + 1

    def _escape(self, at: int) -> tuple[str, int]:
        source = self._source
        character = source[at : at + 1]
        if character in ESCAPES and character:
            return ESCAPES[character], at + 1
        if character in PLAIN and character:
            return character, at + 1
        for mark, size in (("x", 2), ("u", 4), ("U", 8)):
            if character == mark:
                if mark == "u" and source[at + 1 : at + 2] == "{":
                    end = source.find("}", at)
                    digits, after = source[at + 2 : end], end + 1
                else:
                    digits, after = source[at + 1 : at + 1 + size], at + 1 + size
                try:
                    return chr(int(digits, 16)), after
                except (ValueError, OverflowError):
                    break
        if character in "01234567" and character:
            try:
                return chr(int(source[at : at + 3], 8)), at + 3
            except ValueError:
                pass
        raise self._fail("invalid char escape", at)

    def _raw_string(self) -> None:
        start = self._at
        parts: list[str] = []
        i = start + 1
        while True:
            end = self._source.find("`", i)
            if end < 0:
                raise self._fail("literal not terminated", len(self._source))
            parts.append(self._source[i:end])
            if self._source[end + 1 : end + 2] != "`":
                break
            parts.append("`")
            i = end + 2
        self._found.append(Token(TokenKind.STRING, "".join(parts), start))
        self._at = end + 1


def _quoted(text: str) -> str:
    return f'"{text}"'


__all__ = ["ErrorKind", "Token", "TokenKind", "tokens"]
