"""From tokens to an evaluable tree, and its evaluation.

Owns precedence, type checks and operators. Chains of one precedence are flat and run left to
right; parentheses nest. Semantics and messages: govaluate. Callers: `lang.govaluate`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lang import regex
from lang.errors import ErrorKind, LangError
from lang.govaluate.lexer import Kind, Token, show
from lang.strconv import wrap_int64

_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({","}),
    frozenset({"?", ":", "??"}),
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"}),
    frozenset({"&", "|", "^"}),
    frozenset({"<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"**"}),
)
_LEVEL = {symbol: level for level, symbols in enumerate(_LEVELS) for symbol in symbols}
_BINARY = frozenset({Kind.SEPARATOR, Kind.TERNARY, Kind.LOGICALOP, Kind.COMPARATOR, Kind.MODIFIER})
_MESSAGES = {
    1: "Value '{}' cannot be used with the ternary operator '{}', it is not a bool",
    2: "Value '{}' cannot be used with the logical operator '{}', it is not a bool",
    3: "Value '{}' cannot be used with the logical operator '{}', it is not a bool",
    4: "Value '{}' cannot be used with the comparator '{}', it is not a number",
}
_MODIFIER_MESSAGE = "Value '{}' cannot be used with the modifier '{}', it is not a number"
_PREFIX_MESSAGE = "Value '{}' cannot be used with the prefix '{}'"

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any

    def evaluate(self, parameters: Parameters) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    position: int

    def evaluate(self, parameters: Parameters) -> Any:
        try:
            value = parameters[self.name]
        except KeyError:
            message = f"No parameter '{self.name}' found."
            raise LangError(ErrorKind.NAME, message, self.position) from None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number else value


@dataclass(frozen=True, slots=True)
class Accessor:
    names: tuple[str, ...]
    position: int

    def evaluate(self, parameters: Parameters) -> Any:
        value = Variable(self.names[0], self.position).evaluate(parameters)
        for before, name in zip(self.names, self.names[1:], strict=False):
            if not isinstance(value, dict):
                message = f"Unable to access '{name}', '{before}' is not a struct or map"
                raise LangError(ErrorKind.VALUE, message, self.position)
            if name not in value:
                message = f"No method or field '{name}' present on parameter '{before}'"
                raise LangError(ErrorKind.NAME, message, self.position)
            value = value[name]
        return value


@dataclass(frozen=True, slots=True)
class Prefix:
    symbol: str
    operand: Any
    position: int

    def evaluate(self, parameters: Parameters) -> Any:
        value = self.operand.evaluate(parameters)
        if isinstance(value, bool) != (self.symbol == "!") or not isinstance(value, bool | float):
            raise _type_error(_PREFIX_MESSAGE, value, self.symbol, self.position)
        match self.symbol:
            case "!":
                return not value
            case "-":
                return -value
            case _:
                return float(~_int64(value))


@dataclass(frozen=True, slots=True)
class Chain:
    """`first op right op right …` of one precedence, from the left."""

    first: Any
    rest: tuple[tuple[str, Any, int], ...]

    def evaluate(self, parameters: Parameters) -> Any:
        left = self.first.evaluate(parameters)
        for symbol, right, position in self.rest:
            left = _apply(symbol, left, right, parameters, position)
        return left


_NOTHING = Literal(None)


def plan(tokens: list[Token]) -> Any:
    """The tree of checked tokens."""
    return _Planner(_with_patterns(tokens)).expression(0)


def _with_patterns(tokens: list[Token]) -> list[Token]:
    """Constant patterns are compiled once; a bad one is an error before evaluation."""
    out = list(tokens)
    for index, token in enumerate(tokens[:-1]):
        if token.kind is Kind.COMPARATOR and token.value in ("=~", "!~"):
            pattern = tokens[index + 1]
            if pattern.kind is Kind.STRING:
                compiled = regex.compile(pattern.value)
                out[index + 1] = Token(Kind.PATTERN, compiled, pattern.position, pattern.value)
    return out


class _Planner:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def expression(self, level: int) -> Any:
        left = self._value()
        while self.at < len(self.tokens):
            found = self._level_here()
            if found is None or found < level:
                break
            left = Chain(left, tuple(self._rest(found)))
        return left

    def _level_here(self) -> int | None:
        token = self.tokens[self.at]
        return _LEVEL[token.value] if token.kind in _BINARY else None

    def _rest(self, level: int) -> list[tuple[str, Any, int]]:
        rest = []
        while self.at < len(self.tokens) and self._level_here() == level:
            token = self.tokens[self.at]
            self.at += 1
            rest.append((token.value, self.expression(level + 1), token.position))
        return rest

    def _value(self) -> Any:
        if self.at >= len(self.tokens):
            return _NOTHING
        token = self.tokens[self.at]
        self.at += 1
        match token.kind:
            case Kind.CLAUSE:
                inner = self.expression(0)
                self.at += 1  # the parenthesis; balance was checked
                return inner
            case Kind.PREFIX:
                return Prefix(token.value, self._value(), token.position)
            case Kind.VARIABLE:
                return Variable(token.value, token.position)
            case Kind.ACCESSOR:
                return self._accessor(token)
            case Kind.NUMERIC | Kind.STRING | Kind.PATTERN | Kind.BOOLEAN | Kind.TIME:
                return Literal(token.value)
            case _:
                self.at -= 1  # `()`, or an operator without an operand
                return _NOTHING

    def _accessor(self, token: Token) -> Any:
        if self.at < len(self.tokens) and self.tokens[self.at].kind is Kind.CLAUSE:
            self.at += 1
            self.expression(0)  # arguments of a method: no value here has methods
            self.at += 1
        return Accessor(tuple(token.value), token.position)


def _apply(symbol: str, left: Any, right: Any, parameters: Parameters, position: int) -> Any:
    if symbol in _SHORT:
        return _SHORT[symbol](left, right, parameters, position)
    return _operate(symbol, left, right.evaluate(parameters), position)


def _operate(symbol: str, left: Any, right: Any, position: int) -> Any:
    match symbol:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case ",":
            return [*left, right] if isinstance(left, list) else [left, right]
        case "in":
            if not isinstance(right, list):
                raise _type_error(_MESSAGES[4], right, symbol, position)
            return any(equal(left, item) for item in right)
        case ">" | ">=" | "<" | "<=":
            if not (_both(left, right, float) or _both(left, right, str)):
                raise _type_error(_MESSAGES[4], left, symbol, position)
            return _ORDER[symbol](left, right)
        case "=~" | "!~":
            return _matches(symbol, left, right, position)
        case "+":
            return _add(left, right, position)
        case _:
            return _number(symbol, left, right, position)


def _number(symbol: str, left: Any, right: Any, position: int) -> float:
    for side in (left, right):
        if type(side) is not float:
            raise _type_error(_MODIFIER_MESSAGE, side, symbol, position)
    return _ARITHMETIC[symbol](left, right)


def _add(left: Any, right: Any, position: int) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return show(left) + show(right)
    if not _both(left, right, float):
        raise _type_error(_MODIFIER_MESSAGE, left, "+", position)
    return left + right


def _matches(symbol: str, left: Any, right: Any, position: int) -> bool:
    if not isinstance(left, str):
        raise _type_error(_MESSAGES[4], left, symbol, position)
    if isinstance(right, str):
        try:
            right = regex.compile(right)
        except LangError as error:
            message = f"Unable to compile regexp pattern '{right}': {error.message}"
            raise LangError(error.kind, message, position) from None
    if not isinstance(right, regex.Pattern):
        raise _type_error(_MESSAGES[4], right, symbol, position)
    return right.search(left) == (symbol == "=~")


def equal(left: Any, right: Any) -> bool:
    """Deep equality of values of the same type: 1 is not "1", true is not 1."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    return bool(left == right)


def _both(left: Any, right: Any, kind: type) -> bool:
    return type(left) is kind and type(right) is kind


def _and(left: Any, right: Any, parameters: Parameters, position: int) -> Any:
    return left if left is False else _logical("&&", left, right, parameters, position)


def _or(left: Any, right: Any, parameters: Parameters, position: int) -> Any:
    return left if left is True else _logical("||", left, right, parameters, position)


def _logical(symbol: str, left: Any, right: Any, parameters: Parameters, position: int) -> Any:
    value = right.evaluate(parameters)
    for side in (left, value):
        if not isinstance(side, bool):
            raise _type_error(_MESSAGES[2], side, symbol, position)
    return value


def _if(left: Any, right: Any, parameters: Parameters, position: int) -> Any:
    if left is False:
        return None
    value = right.evaluate(parameters)
    if left is not True:
        raise _type_error(_MESSAGES[1], left, "?", position)
    return value


def _else(left: Any, right: Any, parameters: Parameters, position: int) -> Any:
    return right.evaluate(parameters) if left is None else left


_SHORT: dict[str, Callable[[Any, Any, Parameters, int], Any]] = {
    "&&": _and,
    "||": _or,
    "?": _if,
    ":": _else,
    "??": _else,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def _divide(left: float, right: float) -> float:
    if right == 0:
        if left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def _modulus(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


def _int64(value: float) -> int:
    """A float as Go converts it to int64 on amd64."""
    if value != value or not -(2.0**63) <= value < 2.0**63:
        return -(1 << 63)
    return int(value)


def _uint64(value: float) -> int:
    return _int64(value) % (1 << 64)


def _shift_left(left: float, right: float) -> float:
    count = _uint64(right)
    return float(_uint64(left) << count & (1 << 64) - 1) if count < 64 else 0.0


def _shift_right(left: float, right: float) -> float:
    count = _uint64(right)
    return float(_uint64(left) >> count) if count < 64 else 0.0


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulus,
    "**": _power,
    "&": lambda left, right: float(wrap_int64(_int64(left) & _int64(right))),
    "|": lambda left, right: float(wrap_int64(_int64(left) | _int64(right))),
    "^": lambda left, right: float(wrap_int64(_int64(left) ^ _int64(right))),
    "<<": _shift_left,
    ">>": _shift_right,
}


def _type_error(template: str, value: Any, symbol: str, position: int) -> LangError:
    return LangError(ErrorKind.TYPE, template.format(show(value), symbol), position)
