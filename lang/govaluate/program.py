"""A compiled govaluate expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang.errors import ErrorKind, LangError
from lang.govaluate import planner
from lang.govaluate.lexer import Kind, Token


class Program:
    """Immutable. `names` are its variables, in the order of the text."""

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
            raise too_deep() from None

    def __repr__(self) -> str:
        return f"Program({self.source!r})"


def too_deep() -> LangError:
    return LangError(ErrorKind.LIMIT, "the expression is nested too deeply", 0)
