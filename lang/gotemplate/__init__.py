"""Go's text/template with sprig: Sensors' `dataTemplate`, `contextTemplate` and filter templates.

`lexer` → `parser` (a tree of `nodes`) → `executor`; the functions are one table in `functions`.
Source of the semantics: Go 1.26 text/template, sprig 3.3. Nothing of the machine is visible to a
template: no environment, no files, no network.
"""

from __future__ import annotations

import copy
import functools as _functools
import re
from typing import Any

from lang.errors import ErrorKind, LangError
from lang.gotemplate import functions, parser
from lang.gotemplate.executor import Executor
from lang.sprig import dicts

_NAME = "param"  # what Argo Events calls its templates; shown in messages
_CHANGES = re.compile(r"\b(?:" + "|".join(sorted(dicts.CHANGING)) + r")\b")


class Template:
    """A compiled template; safe to share."""

    __slots__ = ("_bodies", "_changes", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._bodies = parser.parse(_NAME, source, functions.TABLE)
        self._changes = _CHANGES.search(source) is not None

    def render(self, data: Any) -> str:
        """The text of the template over JSON-like data, which is left as it is.

        Raises LangError with Go's message: VALUE, TYPE, LIMIT.
        """
        try:
            given = copy.deepcopy(data) if self._changes else data
            return Executor(_NAME, self.source, self._bodies, given).run(given)
        except RecursionError:
            raise LangError(ErrorKind.LIMIT, "nested too deeply", 0) from None


@_functools.lru_cache(maxsize=1024)
def compile(source: str) -> Template:
    """The template of a text. Raises LangError(SYNTAX, NAME, LIMIT)."""
    return Template(source)


def value(source: str, data: Any) -> str:
    """What a template gives as a parameter: nothing at all, or no value, is an error."""
    text = compile(source).render(data)
    if text in {"", "<no value>"}:
        message = f"template evaluated to empty string or no value: {source}"
        raise LangError(ErrorKind.VALUE, message)
    return text
