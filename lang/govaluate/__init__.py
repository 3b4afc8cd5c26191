"""govaluate: the language of `when`, of Sensor conditions and of expression filters.

Grammar: numbers (`1`, `.5`, `0x1f`), strings in either quote, `true` and `false`, names,
`[any name]`, and `+ - * / % ** & | ^ << >>`, `== != > >= < <= =~ !~ in (…)`, `&& || !`, `~`,
`? : ??`, parentheses and commas; a backslash takes the next character as it is. Each user treats
bare words in its own way, see the functions. Callers: engine core (`when`), CronWorkflow
controller, Sensors.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.govaluate import lexer, planner
from lang.govaluate.lexer import Kind, Token

_HINT = ' (hint: try wrapping the affected expression in quotes ("))'


class Program:
    """A compiled expression. Immutable."""

    __slots__ = ("_root", "names", "source")

    def __init__(self, source: str, tokens: list[Token]) -> None:
        self.source = source
        self.names = tuple(dict.fromkeys(t.value for t in tokens if t.kind is Kind.VARIABLE))
        self._root = planner.plan(tokens)

    def eval(self, parameters: Mapping[str, Any]) -> Any:
        """A float, bool, str, list or None. Raises LangError(TYPE, NAME or VALUE)."""
        try:
            return self._root.evaluate(parameters)
        except RecursionError:
            raise _too_deep() from None

    def __repr__(self) -> str:
        return f"Program({self.source!r})"


@functools.lru_cache(maxsize=2048)
def compile_expr(text: str) -> Program:
    """The program of an expression whose names are parameters (filters, CronWorkflow `when`)."""
    try:
        return Program(text, _tokens(text))
    except RecursionError:
        raise _too_deep() from None


@functools.lru_cache(maxsize=8192)
def when(text: str) -> bool:
    """Whether a step runs: `text` after substitution, "" is true. Bare words are strings.

    Raises LangError with the message that the node shows.
    """
    if not text:
        return True
    try:
        return _when(text)
    except RecursionError:
        raise _too_deep() from None


def _when(text: str) -> bool:
    try:
        tokens = _tokens(text)
        planner.plan(tokens)  # bad patterns are errors of the text, not of its evaluation
    except LangError as error:
        hint = _HINT if error.message.startswith("Invalid token") else ""
        raise _error(error, f"Invalid 'when' expression '{text}': {error.message}{hint}") from None
    try:
        program = Program(text, lexer.variables_as_strings(tokens))
    except LangError as error:
        message = f"Failed to parse 'when' expression '{text}': {error.message}"
        raise _error(error, message) from None
    try:
        result = program.eval({})
    except LangError as error:
        message = f"Failed to evaluate 'when' expresion '{text}': {error.message}"
        raise _error(error, message) from None
    if not isinstance(result, bool):
        message = f"Expected boolean evaluation for '{text}'. Got {lexer.show(result)}"
        raise LangError(ErrorKind.TYPE, message, 0)
    return result


def _tokens(text: str) -> list[Token]:
    if len(text) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "the expression is too long", 0)
    return lexer.tokenize(text)


def _too_deep() -> LangError:
    return LangError(ErrorKind.LIMIT, "the expression is nested too deeply", 0)


def _error(cause: LangError, message: str) -> LangError:
    return LangError(cause.kind, message, cause.position)
