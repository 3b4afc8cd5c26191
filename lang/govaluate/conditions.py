"""Conditions of Sensor triggers: `dep-a && (dep_b || c)` over the dependencies that arrived.

Owns the translation of names (a dash reads as an underscore there) and the compiled form.
Semantics and messages: Argo Events (an expr-lang program first puts the text together, then
govaluate evaluates it). Callers: the Sensor controller and its triggers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Container
from typing import Any

from lang.govaluate import translation
from lang.govaluate.expression import compile_expr
from lang.govaluate.program import Program

_ORDINARY = re.compile(r"\s*(?:(&&|\|\|)|([()])|([A-Za-z_][A-Za-z0-9_-]*))")
_WORDS = frozenset(
    {"in", "and", "or", "not", "nil", "true", "false", "let", "if", "else"}
    | {"matches", "contains", "startsWith", "endsWith"}
)


class Condition:
    """A compiled condition. `expression` is the translated text, `names` its dependencies."""

    __slots__ = ("_program", "expression", "names")

    def __init__(self, expression: str, program: Program) -> None:
        self.expression = expression
        self.names = frozenset(program.names)
        self._program = program

    def value(self, arrived: Container[str]) -> Any:
        """The value with each name true if it arrived; what is no boolean never fires."""
        return self._program.eval({name: name in arrived for name in self.names})

    def eval(self, arrived: Container[str]) -> bool:
        """Whether the trigger fires."""
        return self.value(arrived) is True

    def __repr__(self) -> str:
        return f"Condition({self.expression!r})"


def compile(text: str, dependencies: tuple[str, ...]) -> Condition:
    """The condition of a trigger; "" needs every dependency. Raises LangError."""
    return _compile(text, dependencies)


@functools.lru_cache(maxsize=1024)
def _compile(text: str, dependencies: tuple[str, ...]) -> Condition:
    expression = translate(text, dependencies) if text else "&&".join(dependencies)
    return Condition(expression, compile_expr(expression.replace("-", "\\-")))


def translate(text: str, dependencies: tuple[str, ...]) -> str:
    """The text with each name replaced by the dependency it means, and no blanks.

    Raises LangError with expr-lang's message for an unknown name or another operator.
    """
    names = {name.replace("-", "_"): name for name in dependencies}
    ordinary = _ordinary(text, names)
    return translation.evaluate(text, names) if ordinary is None else ordinary


def _ordinary(text: str, names: dict[str, str]) -> str | None:
    """The translation of a well-formed condition, or None where it is anything else."""
    pieces: list[str] = []
    at, end, depth, operand = 0, len(text.rstrip()), 0, True
    while at < end:
        match = _ORDINARY.match(text, at)
        if match is None:
            return None
        operator, parenthesis, name = match.groups()
        if operator is not None or parenthesis == ")":
            if operand:
                return None
            operand = operator is not None
            depth -= parenthesis == ")"
        else:
            if not operand:
                return None
            operand = parenthesis == "("
            depth += parenthesis == "("
        if name is not None:
            meant = names.get(name.replace("-", "_"))
            if meant is None or name in _WORDS:
                return None
            name = meant
        if depth < 0:
            return None
        pieces.append(operator or parenthesis or str(name))
        at = match.end()
    return "".join(pieces) if depth == 0 and not operand else None
