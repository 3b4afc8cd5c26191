"""govaluate: the language of `when`, of Sensor conditions and of expression filters.

Grammar: numbers (`1`, `.5`, `0x1f`), strings in either quote, `true` and `false`, names,
`[any name]`, and `+ - * / % ** & | ^ << >>`, `== != > >= < <= =~ !~ in (…)`, `&& || !`, `~`,
`? : ??`, parentheses and commas; a backslash takes the next character as it is. Each user treats
bare words in its own way, see the functions. Callers: engine core (`when`), CronWorkflow
controller, Sensors.
"""

from __future__ import annotations

from collections.abc import Iterable

from lang.govaluate.conditions import Condition
from lang.govaluate.conditions import compile as _compile_condition
from lang.govaluate.expression import compile_expr, when
from lang.govaluate.program import Program

__all__ = ["Condition", "Program", "compile_condition", "compile_expr", "when"]


def compile_condition(text: str, dependencies: Iterable[str]) -> Condition:
    """The condition of a Sensor's trigger over its dependencies; "" needs all of them.

    Raises LangError where the text is no condition or names another dependency.
    """
    return _compile_condition(text, tuple(dependencies))
