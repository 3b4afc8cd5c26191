"""The boolean logic of `depends`: `A.Succeeded && !(B.Failed || C.Skipped)`.

Owns the small evaluator for `&&`, `||`, `!`, parentheses and `task.Result`, and the way to
`lang.expr` for everything else (which also words the errors). Caller: `depends`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from lang import expr
from lang.errors import LangError
from lang.expr.values import Struct

# Result names, and the field of `depends.TaskResult` each one reads.
RESULTS: Mapping[str, str] = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Errored": "errored",
    "Skipped": "skipped",
    "Omitted": "omitted",
    "Daemoned": "daemoned",
    "AnySucceeded": "any_succeeded",
    "AllFailed": "all_failed",
}
_TYPE = "controller.TaskResults"  # as messages name it
Program = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|([a-zA-Z][-a-zA-Z0-9]*)\.([A-Z][a-zA-Z]+)(?![\w.-]))")
_MAX_TOKENS = 20_000
_MAX_DEPTH = 150
# Words of expr-lang that cannot be names there.
_WORDS = frozenset(
    {"in", "and", "or", "not", "nil", "true", "false", "let", "if", "else", "matches"}
    | {"contains", "startsWith", "endsWith"}
)


def compile(text: str, names: Sequence[str]) -> Program | None:
    """The program of ordinary logic, or None where the text is anything else."""
    tokens = _tokens(text, frozenset(names))
    if not tokens:
        return None
    parser = _Parser(tokens)
    try:
        program = parser.either(0)
    except _NotOrdinary:
        return None
    return program if parser.at == len(tokens) else None


class _NotOrdinary(Exception):
    """The text is not plain logic: expr-lang decides what it is."""


def _tokens(text: str, names: frozenset[str]) -> list[str | tuple[str, str]]:
    tokens: list[str | tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or len(tokens) > _MAX_TOKENS:
            return []
        symbol, task, result = match.groups()
        if symbol is None and (task not in names or task in _WORDS or result not in RESULTS):
            return []
        tokens.append(symbol if symbol is not None else (task, RESULTS[result]))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str | tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def either(self, depth: int) -> Program:
        parts = [self._all(depth)]
        while self._accept("||"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else lambda results: any(p(results) for p in parts)

    def _all(self, depth: int) -> Program:
        parts = [self._one(depth)]
        while self._accept("&&"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda results: all(p(results) for p in parts)

    def _one(self, depth: int) -> Program:
        negated = False
        while self._accept("!"):
            negated = not negated
        program = self._atom(depth)
        return (lambda results: not program(results)) if negated else program

    def _atom(self, depth: int) -> Program:
        if depth > _MAX_DEPTH or self.at >= len(self.tokens):
            raise _NotOrdinary
        token = self.tokens[self.at]
        self.at += 1
        if isinstance(token, tuple):
            task, get = token[0], attrgetter(token[1])
            return lambda results: bool(get(results[task]))
        if token != "(":  # noqa: S105 - a parenthesis, not a password
            raise _NotOrdinary
        program = self.either(depth + 1)
        if not self._accept(")"):
            raise _NotOrdinary
        return program

    def _accept(self, symbol: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == symbol:
            self.at += 1
            return True
        return False


def evaluate_any(text: str, results: Mapping[str, Any]) -> bool:
    """The value of logic that is not ordinary, by expr-lang, where `-` in names reads as `_`."""
    source = text.replace("-", "_")
    names = {task.replace("-", "_"): _struct(result) for task, result in results.items()}
    try:
        return expr.compile(source, site="depends").holds(names)
    except LangError as error:
        if error.message.startswith("unable to "):
            raise
        message = f"unable to evaluate expression '{source}': {error.message}"
        raise LangError(error.kind, message, error.position) from None


def _struct(result: Any) -> Struct:
    return Struct(_TYPE, {name: getattr(result, field) for name, field in RESULTS.items()})
