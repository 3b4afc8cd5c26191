"""Label selectors: `status.phase in (Failed, Error), app != web, !done, count > 2`.

Owns the parser, the requirements and matching. Semantics and messages: apimachinery's
`labels.Parse` (0.35). Callers: resource templates (conditions over an object), podGC, the API
server.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lang import label_syntax, strconv
from lang.errors import ErrorKind, LangError

_MAX_LENGTH = 8192
_SPECIAL = frozenset("=!(),><")
_BLANK = frozenset(" \t\r\n")
_OPERATORS = frozenset({"=", "==", "!=", ">", "<"})
_SYMBOLS = _OPERATORS | {"!", "(", ")", ","}
_SETS = frozenset({"in", "notin"})
_NAMES = {">": "gt", "<": "lt"}
_KNOWN = "in, notin, =, ==, !=, gt, lt"

# Looks up a label: its text, or None where it does not exist.
Lookup = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition. `operator`: in notin = == != gt lt exists !; `values` sorted."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, lookup: Lookup) -> bool:
        value = lookup(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "in" | "=" | "==":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case _:
                return self._compare(value)

    def _compare(self, value: str | None) -> bool:
        number = None if value is None else _integer(value)
        if number is None:
            return False
        bound = int(self.values[0])
        return number > bound if self.operator == "gt" else number < bound

    def shown(self) -> str:
        """As Go prints the structure in messages."""
        return f"{{{self.key} {self.operator} [{' '.join(self.values)}]}}"


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold, in the order of their keys."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set meets every requirement."""
        return self.holds(labels.get)

    def holds(self, lookup: Lookup) -> bool:
        return all(requirement.holds(lookup) for requirement in self.requirements)

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self.requirements)


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Selector:
    """The selector of a text; "" selects everything. Raises LangError(SYNTAX or VALUE)."""
    if len(text) > _MAX_LENGTH:
        raise LangError(ErrorKind.LIMIT, "selector is too long", 0)
    found = _Parser(_lex(text)).requirements()
    return Selector(tuple(sorted(found, key=lambda requirement: requirement.key)))


def _integer(text: str) -> int | None:
    try:
        return strconv.atoi(text)
    except LangError:
        return None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a symbol, "in", "notin", "id", "error" or "" at the end
    text: str
    position: int


def _lex(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text) and text[at] != "\0":
        char = text[at]
        if char in _BLANK:
            at += 1
        elif char in _SPECIAL:
            symbol = _symbol(text, at)
            tokens.append(_Token(symbol, symbol, at))
            at += len(symbol)
        else:
            end = at
            while end < len(text) and text[end] not in _SPECIAL and text[end] not in _BLANK:
                end += 1
            word = text[at:end]
            tokens.append(_Token(word if word in _SETS else "id", word, at))
            at = end
    tokens.append(_Token("", "", len(text)))
    return tokens


def _symbol(text: str, at: int) -> str:
    """The longest known symbol; every special character is one by itself."""
    return text[at : at + 2] if text[at : at + 2] in _SYMBOLS else text[at]


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            token = self._peek()
            if token.kind == "":
                return found
            if token.kind not in ("id", "!"):
                raise self._error(
                    token, f"found '{token.text}', expected: !, identifier, or 'end of string'"
                )
            try:
                found.append(self._requirement())
            except LangError as error:
                message = f"unable to parse requirement: {error.message}"
                raise LangError(error.kind, message, error.position) from None
            token = self._take()
            if token.kind == "":
                return found
            if token.kind != ",":
                raise self._error(token, f"found '{token.text}', expected: ',' or 'end of string'")
            token = self._peek()
            if token.kind not in ("id", "!"):
                raise self._error(token, f"found '{token.text}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        token = self._take()
        absent = token.kind == "!"
        if absent:
            token = self._take()
        if token.kind != "id":
            raise self._error(token, f"found '{token.text}', expected: identifier")
        key = token.text
        _validate_key(key, token.position)
        if absent:
            return Requirement(key, "!")
        if self._peek().kind in ("", ","):
            return Requirement(key, "exists")
        operator = self._operator()
        position = self._peek().position
        values = self._values() if operator in _SETS else self._exact()
        _validate_values(key, operator, values, position)
        return Requirement(key, operator, tuple(values))

    def _operator(self) -> str:
        token = self._take(values=False)
        if token.kind in _OPERATORS or token.kind in _SETS:
            return _NAMES.get(token.kind, token.kind)
        raise self._error(token, f"found '{token.text}', expected: {_KNOWN}")

    def _values(self) -> list[str]:
        token = self._take()
        if token.kind != "(":
            raise self._error(token, f"found '{token.text}' expected: '('")
        token = self._peek()
        if token.kind == ")":
            self._take()
            return [""]
        if token.kind not in ("id", ","):
            message = f"found '{token.text}', expected: ',', ')' or identifier"
            raise self._error(token, message)
        values = self._list()
        self._take()  # the list ends before its parenthesis
        return sorted(values)

    def _list(self) -> set[str]:
        values: set[str] = set()
        while True:
            token = self._take()
            after = self._peek()
            if token.kind == "id":
                values.add(token.text)
                if after.kind == ")":
                    return values
                if after.kind != ",":
                    raise self._error(after, f"found '{after.text}', expected: ',' or ')'")
            elif token.kind == ",":
                if not values:
                    values.add("")
                if after.kind == ")":
                    values.add("")
                    return values
                if after.kind == ",":
                    self._take()
                    values.add("")
            else:
                raise self._error(token, f"found '{token.text}', expected: ',', or identifier")

    def _exact(self) -> list[str]:
        if self._peek().kind in ("", ","):
            return [""]
        token = self._take()
        if token.kind != "id":
            raise self._error(token, f"found '{token.text}', expected: identifier")
        return [token.text]

    def _peek(self) -> _Token:
        return self._as_value(self.tokens[self.at])

    def _take(self, *, values: bool = True) -> _Token:
        token = self.tokens[self.at]
        if token.kind:
            self.at += 1
        return self._as_value(token) if values else token

    @staticmethod
    def _as_value(token: _Token) -> _Token:
        """`in` and `notin` are names wherever no operator may stand."""
        return _Token("id", token.text, token.position) if token.kind in _SETS else token

    @staticmethod
    def _error(token: _Token, message: str) -> LangError:
        return LangError(ErrorKind.SYNTAX, message, token.position)


def _validate_key(key: str, position: int) -> None:
    problems = label_syntax.key_problems(key)
    if problems:
        message = f"<nil>: Invalid value: {strconv.quote(key)}: {'; '.join(problems)}"
        raise LangError(ErrorKind.VALUE, message, position)


def _validate_values(key: str, operator: str, values: list[str], position: int) -> None:
    errors: list[str] = []
    for index, value in enumerate(values):
        if operator in ("gt", "lt") and _integer(value) is None:
            reason = "for 'Gt', 'Lt' operators, the value must be an integer"
            errors.append(f"values[{index}]: Invalid value: {strconv.quote(value)}: {reason}")
    for index, value in enumerate(values):
        problems = label_syntax.value_problems(value)
        if problems:
            reason = "; ".join(problems)
            where = f"values[{index}][{key}]"
            errors.append(f"{where}: Invalid value: {strconv.quote(value)}: {reason}")
    if errors:
        message = errors[0] if len(errors) == 1 else f"[{', '.join(dict.fromkeys(errors))}]"
        raise LangError(ErrorKind.VALUE, message, position)
