"""Compiling govaluate texts: expressions with parameters, and `when`.

Owns the two readings of bare words: names of parameters, or (in `when`) strings. Callers: the
package's doors.
"""

from __future__ import annotations

import functools

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.govaluate import lexer, planner
from lang.govaluate.lexer import Token
from lang.govaluate.program import Program, too_deep

_CACHED_LENGTH = 512
_HINT = ' (hint: try wrapping the affected expression in quotes ("))'


def compile_expr(text: str) -> Program:
    """The program of an expression whose names are parameters (filters, CronWorkflow `when`)."""
    return _cached_expr(text) if len(text) <= _CACHED_LENGTH else _compile_expr(text)


def _compile_expr(text: str) -> Program:
    try:
        return Program(text, _tokens(text))
    except RecursionError:
        raise too_deep() from None


def when(text: str) -> bool:
    """Whether a step runs: `text` after substitution, "" is true. Bare words are strings.

    Raises LangError with the message that the node shows.
    """
    if not text:
        return True
    return _cached_when(text) if len(text) <= _CACHED_LENGTH else _guarded_when(text)


def _guarded_when(text: str) -> bool:
    try:
        return _when(text)
    except RecursionError:
        raise too_deep() from None


# Only texts of ordinary length are kept: the caches stay small whatever users write.
_cached_expr = functools.lru_cache(maxsize=2048)(_compile_expr)
_cached_when = functools.lru_cache(maxsize=8192)(_guarded_when)


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


def _error(cause: LangError, message: str) -> LangError:
    return LangError(cause.kind, message, cause.position)
