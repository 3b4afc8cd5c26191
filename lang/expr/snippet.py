"""Error texts with the place: `message (1:5)`, the line, and a caret under it."""

from __future__ import annotations

from lang.errors import ErrorKind, LangError


def _shown(message: str, source: str, position: int) -> str:
    """The message with its line, column and snippet, as expr-lang prints it."""
    if not source:
        return message
    before = source[:position]
    line = before.count("\n") + 1
    start = before.rfind("\n") + 1
    end = source.find("\n", position)
    text = source[start:] if end < 0 else source[start:end]
    column = position - start
    dots = "." * column
    return f"{message} ({line}:{column + 1})\n | {text}\n | {dots}^"


class Located(LangError):
    """An error whose message already shows its place in the expression."""


def syntax_error(message: str, source: str, position: int) -> LangError:
    """A LangError(SYNTAX) at a position."""
    return error(ErrorKind.SYNTAX, message, source, position)


def error(kind: ErrorKind, message: str, source: str, position: int) -> LangError:
    """A LangError of any kind at a position."""
    return Located(kind, _shown(message, source, position), position)
