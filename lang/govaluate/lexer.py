"""Tokens of govaluate, and which may follow which.

Owns reading characters into tokens and the grammar check; knows nothing of values at run time.
Semantics and messages: govaluate (2017-10 and 2025-03 read alike). Caller: `planner`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from lang import strconv
from lang.errors import ErrorKind, LangError
from lang.govaluate import times


class Kind(StrEnum):
    """Kinds as the reference names them in messages."""

    UNKNOWN = "UNKNOWN"
    PREFIX = "PREFIX"
    NUMERIC = "NUMERIC"
    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    PATTERN = "PATTERN"
    TIME = "TIME"
    VARIABLE = "VARIABLE"
    FUNCTION = "FUNCTION"
    SEPARATOR = "SEPARATOR"
    ACCESSOR = "ACCESSOR"
    COMPARATOR = "COMPARATOR"
    LOGICALOP = "LOGICALOP"
    MODIFIER = "MODIFIER"
    CLAUSE = "CLAUSE"
    CLAUSE_CLOSE = "CLAUSE_CLOSE"
    TERNARY = "TERNARY"


@dataclass(frozen=True, slots=True)
class Token:
    """`value`: float, bool, text, Unix seconds (TIME), a list of names (ACCESSOR) or a symbol."""

    kind: Kind
    value: Any
    position: int
    shown: str = ""

    def text(self) -> str:
        """The value as messages show it."""
        return self.shown or show(self.value)


PREFIXES = frozenset({"-", "!", "~"})
MODIFIERS = frozenset({"+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"})
LOGICALS = frozenset({"&&", "||"})
COMPARATORS = frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"})
TERNARIES = frozenset({"?", ":", "??"})

_VALUES = {Kind.NUMERIC, Kind.BOOLEAN, Kind.VARIABLE, Kind.FUNCTION, Kind.ACCESSOR, Kind.STRING}
_OPERANDS = frozenset({*_VALUES, Kind.PREFIX, Kind.TIME, Kind.CLAUSE})
_AFTER_VALUE = frozenset(
    {Kind.MODIFIER, Kind.COMPARATOR, Kind.LOGICALOP, Kind.CLAUSE_CLOSE, Kind.SEPARATOR}
)
_AFTER_TERNARY_VALUE = _AFTER_VALUE | {Kind.TERNARY}
_NEXT: dict[Kind, frozenset[Kind]] = {
    Kind.UNKNOWN: _OPERANDS | {Kind.PATTERN},
    Kind.CLAUSE: _OPERANDS | {Kind.PATTERN, Kind.CLAUSE_CLOSE},
    Kind.CLAUSE_CLOSE: _AFTER_TERNARY_VALUE
    | {Kind.NUMERIC, Kind.BOOLEAN, Kind.VARIABLE, Kind.STRING, Kind.PATTERN, Kind.TIME}
    | {Kind.CLAUSE},
    Kind.NUMERIC: _AFTER_TERNARY_VALUE,
    Kind.BOOLEAN: _AFTER_TERNARY_VALUE,
    Kind.STRING: _AFTER_TERNARY_VALUE,
    Kind.TIME: _AFTER_VALUE,
    Kind.PATTERN: _AFTER_VALUE,
    Kind.VARIABLE: _AFTER_TERNARY_VALUE,
    Kind.MODIFIER: frozenset({*_VALUES, Kind.PREFIX, Kind.CLAUSE, Kind.CLAUSE_CLOSE}),
    Kind.COMPARATOR: _OPERANDS | {Kind.CLAUSE_CLOSE, Kind.PATTERN},
    Kind.LOGICALOP: _OPERANDS | {Kind.CLAUSE_CLOSE},
    Kind.TERNARY: _OPERANDS | {Kind.SEPARATOR},
    Kind.PREFIX: frozenset({*_VALUES, Kind.CLAUSE, Kind.CLAUSE_CLOSE}) - {Kind.STRING},
    Kind.FUNCTION: frozenset({Kind.CLAUSE}),
    Kind.ACCESSOR: _AFTER_TERNARY_VALUE | {Kind.CLAUSE},
    Kind.SEPARATOR: _OPERANDS,
}
_MAY_END = frozenset(
    {
        Kind.CLAUSE,
        Kind.CLAUSE_CLOSE,
        Kind.NUMERIC,
        Kind.BOOLEAN,
        Kind.STRING,
        Kind.TIME,
        Kind.PATTERN,
        Kind.VARIABLE,
        Kind.ACCESSOR,
    }
)


def show(value: Any) -> str:
    """A value as Go's `%v` prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float() | int():
            return strconv.format_float_g(float(value))
        case list():
            return "[" + " ".join(map(show, value)) + "]"
        case dict():
            return "map[" + " ".join(f"{k}:{show(value[k])}" for k in sorted(value)) + "]"
        case _:
            return str(value)


def to_source(tokens: list[Token]) -> str:
    """A text that reads as the same tokens (times as their seconds)."""
    return " ".join(map(_source_of, tokens))


def _source_of(token: Token) -> str:
    match token.kind:
        case Kind.NUMERIC | Kind.TIME:
            text = strconv.format_float(abs(token.value))
            return text if token.value >= 0 else f"(0 - {text})"
        case Kind.BOOLEAN:
            return show(token.value)
        case Kind.STRING | Kind.PATTERN:
            # A backslash before every character: nothing in it means anything.
            return '"' + "".join(f"\\{char}" for char in str(token.value)) + '"'
        case Kind.VARIABLE:
            return "[" + "".join(f"\\{char}" for char in token.value) + "]"
        case Kind.ACCESSOR:
            return ".".join(token.value)
        case _:
            return str(token.value)


def tokenize(source: str) -> list[Token]:
    """The tokens of a source, balanced and in an order the grammar allows. Raises LangError."""
    tokens = _Reader(source).tokens()
    depth = sum((t.kind is Kind.CLAUSE) - (t.kind is Kind.CLAUSE_CLOSE) for t in tokens)
    if depth != 0:
        raise LangError(ErrorKind.SYNTAX, "Unbalanced parenthesis", len(source))
    check(tokens)
    return tokens


def check(tokens: list[Token]) -> None:
    """Raise where a token may not follow the one before it, or the end comes too early."""
    state, last = Kind.UNKNOWN, "<nil>"
    for token in tokens:
        if token.kind not in _NEXT[state]:
            if state is Kind.VARIABLE and token.kind is Kind.CLAUSE:
                message = f"Undefined function {last}"
            else:
                message = (
                    f"Cannot transition token types from {state} [{last}]"
                    f" to {token.kind} [{token.text()}]"
                )
            raise LangError(ErrorKind.SYNTAX, message, token.position)
        state, last = token.kind, token.text()
    if state not in _MAY_END:
        end = tokens[-1].position if tokens else 0
        raise LangError(ErrorKind.SYNTAX, "Unexpected end of expression", end)


def variables_as_strings(tokens: list[Token]) -> list[Token]:
    """Bare words as strings, as `when` reads them. Raises where the grammar forbids that."""
    rewritten = [
        replace(token, kind=Kind.STRING) if token.kind is Kind.VARIABLE else token
        for token in tokens
    ]
    check(rewritten)
    return rewritten


class _Reader:
    """Characters to tokens. A backslash takes the next character as it is."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.last = Kind.UNKNOWN

    def tokens(self) -> list[Token]:
        tokens: list[Token] = []
        while True:
            while self.at < len(self.source) and self.source[self.at].isspace():
                self.at += 1
            if self.at >= len(self.source):
                return tokens
            token = self._token(self.source[self.at])
            self.last = token.kind
            tokens.append(token)

    def _token(self, char: str) -> Token:
        begin = self.at
        if _is_digit(char) or char == ".":
            return self._number(begin)
        if char == "[":
            self.at += 1
            name = self._delimited("]", "Unclosed parameter bracket", begin)
            return Token(Kind.VARIABLE, name, begin)
        if char.isalpha():
            return self._word(begin)
        if char in "'\"":
            self.at += 1
            return self._string(begin)
        if char in "(),":
            self.at += 1
            kind = {"(": Kind.CLAUSE, ")": Kind.CLAUSE_CLOSE, ",": Kind.SEPARATOR}[char]
            return Token(kind, char, begin, "," if char == "," else str(ord(char)))
        return self._symbol(begin)

    def _number(self, begin: int) -> Token:
        if self.source.startswith("0x", begin) and begin + 2 < len(self.source):
            self.at = begin + 2
            digits = self._read(lambda c: _is_digit(c) or c in "abcdefABCDEF")
            if not digits or len(digits) > 64 or not _is_uint64(digits):
                message = f"Unable to parse hex value '{digits}' to uint64\n"
                raise LangError(ErrorKind.SYNTAX, message, begin)
            return Token(Kind.NUMERIC, float(int(digits, 16)), begin)
        digits = self._read(lambda c: _is_digit(c) or c == ".")
        value = strconv.parse_float(digits)
        if value is None:
            message = f"Unable to parse numeric value '{digits}' to float64\n"
            raise LangError(ErrorKind.SYNTAX, message, begin)
        return Token(Kind.NUMERIC, value, begin)

    def _word(self, begin: int) -> Token:
        word = self._read(lambda c: c.isalpha() or _is_digit(c) or c in "_.")
        if word.find(".") > 0:
            return self._accessor(word, begin)
        if word in ("true", "false"):
            return Token(Kind.BOOLEAN, word == "true", begin)
        if word in ("in", "IN"):
            return Token(Kind.COMPARATOR, "in", begin)
        return Token(Kind.VARIABLE, word, begin)

    def _accessor(self, word: str, begin: int) -> Token:
        if word.endswith("."):
            message = f"Hanging accessor on token '{word}'"
            raise LangError(ErrorKind.SYNTAX, message, begin)
        names = word.split(".")
        for name in names[1:]:
            if name[:1].upper() != name[:1]:
                message = f"Unable to access unexported field '{name}' in token '{word}'"
                raise LangError(ErrorKind.SYNTAX, message, begin)
        return Token(Kind.ACCESSOR, names, begin)

    def _string(self, begin: int) -> Token:
        text = self._delimited("'\"", "Unclosed string literal", begin)
        moment = times.parse(text)
        if moment is None:
            return Token(Kind.STRING, text, begin)
        return Token(Kind.TIME, moment.unix, begin, moment.text)

    def _symbol(self, begin: int) -> Token:
        symbol = self._read(lambda c: not (_is_digit(c) or c.isalpha() or c in "()[]'\""))
        if symbol in PREFIXES and Kind.PREFIX in _NEXT[self.last]:
            return Token(Kind.PREFIX, symbol, begin)
        for kind, symbols in (
            (Kind.MODIFIER, MODIFIERS),
            (Kind.LOGICALOP, LOGICALS),
            (Kind.COMPARATOR, COMPARATORS),
            (Kind.TERNARY, TERNARIES),
        ):
            if symbol in symbols:
                return Token(kind, symbol, begin)
        raise LangError(ErrorKind.SYNTAX, f"Invalid token: '{symbol}'", begin)

    def _read(self, accepts: Any) -> str:
        """Characters while accepted; a blank ends the token."""
        out: list[str] = []
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "\\":
                out.append(self._escaped())
                continue
            if char.isspace():
                self.at += 1
                if out:
                    break
                continue
            if not accepts(char):
                break
            out.append(char)
            self.at += 1
        return "".join(out)

    def _delimited(self, ends: str, message: str, begin: int) -> str:
        out: list[str] = []
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "\\":
                out.append(self._escaped())
                continue
            self.at += 1
            if char in ends:
                return "".join(out)
            out.append(char)
        raise LangError(ErrorKind.SYNTAX, message, begin)

    def _escaped(self) -> str:
        if self.at + 1 >= len(self.source):
            raise LangError(ErrorKind.SYNTAX, "Nothing after the backslash", self.at)
        self.at += 2
        return self.source[self.at - 1]


_HEX = frozenset("0123456789abcdefABCDEF")


def _is_digit(char: str) -> bool:
    return char.isdecimal()


def _is_uint64(digits: str) -> bool:
    # A backslash lets any character into a number.
    return set(digits) <= _HEX and int(digits, 16) < 1 << 64
